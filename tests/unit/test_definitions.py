# SPDX-License-Identifier: Apache-2.0
"""Definitions of actions: when two are equal, what completes them, and who can run them."""

from typing import Any

import testtools

from freezer_api import exceptions
from freezer_api.domain import definitions

Definition = dict[str, Any]

ALL: dict[str, list[str]] = {
    'supported_actions': ['backup', 'restore'],
    'supported_modes': ['fs'],
    'supported_storages': ['swift'],
    'supported_engines': ['tar', 'rsync'],
}


class EqualTest(testtools.TestCase):
    def assert_equal_definitions(self, one: Definition, other: Definition, equal: bool) -> None:
        for pair in ((one, other), (other, one)):
            self.assertEqual(equal, definitions.equal(*pair), pair)
            digests = {definitions.digest(definition) for definition in pair}
            self.assertEqual(1 if equal else 2, len(digests), pair)

    def test_null_empty_and_absent_are_equal(self) -> None:
        for one, other in (
            ({'a': None}, {}),
            ({'a': ''}, {}),
            ({'a': ''}, {'a': None}),
            ({'a': 1, 'b': ''}, {'c': None, 'a': 1}),
        ):
            self.assert_equal_definitions(one, other, True)

    def test_order_of_keys_means_nothing(self) -> None:
        one = {'a': 1, 'b': {'x': 1, 'y': 2}}
        other = {'b': {'y': 2, 'x': 1}, 'a': 1}
        self.assert_equal_definitions(one, other, True)

    def test_other_values_differ(self) -> None:
        for one, other in (
            ({'a': 1}, {'a': 2}),
            ({'a': 1}, {'a': '1'}),
            ({'a': 1}, {'a': True}),
            ({'a': 0}, {'a': False}),
            ({'a': 1}, {'a': 1.0}),
            ({'a': 0}, {}),
            ({'a': False}, {}),
            ({'a': []}, {}),
            ({'a': {}}, {}),
            ({'a': ' '}, {}),
            ({'a': [1, 2]}, {'a': [2, 1]}),
            ({'a': {'x': None}}, {'a': {}}),
            ({'a': 'A'}, {'a': 'a'}),
            ({'a': 1}, {'A': 1}),
        ):
            self.assert_equal_definitions(one, other, False)

    def test_digest_is_of_a_fixed_length(self) -> None:
        for definition in ({}, {'a': 'x' * 100000}, {'\u00e9': ['\u20ac']}):
            self.assertRegex(definitions.digest(definition), '^[0-9a-f]{64}$')


class FillTest(testtools.TestCase):
    def test_absent_and_null_keys_are_filled(self) -> None:
        for definition, filled in (
            ({}, {'a': 1}),
            ({'a': None}, {'a': 1}),
            ({'b': 2}, {'b': 2, 'a': 1}),
            ({'a': 0}, {'a': 0}),
            ({'a': ''}, {'a': ''}),
            ({'a': False}, {'a': False}),
        ):
            self.assertEqual(filled, definitions.fill(definition, {'a': 1}), definition)

    def test_neither_argument_is_changed(self) -> None:
        definition: Definition = {'a': None}
        defaults: Definition = {'a': 1, 'b': 2}
        definitions.fill(definition, defaults)
        self.assertEqual(({'a': None}, {'a': 1, 'b': 2}), (definition, defaults))


class FillEntriesTest(testtools.TestCase):
    def test_entries_with_a_definition_are_filled(self) -> None:
        document = {
            'action_defaults': {'a': 1},
            'job_actions': [
                {'freezer_action': {'b': 2}, 'max_retries': 1},
                {'freezer_action': {'a': 2}},
                {'action_id': 'x'},
            ],
            'description': 'd',
        }
        self.assertEqual(
            {
                **document,
                'job_actions': [
                    {'freezer_action': {'b': 2, 'a': 1}, 'max_retries': 1},
                    {'freezer_action': {'a': 2}},
                    {'action_id': 'x'},
                ],
            },
            definitions.fill_entries(document),
        )

    def test_what_has_the_wrong_type_is_left_for_the_schema(self) -> None:
        defaults = {'a': 1}
        for document in (
            {},
            {'action_defaults': None, 'job_actions': [{'freezer_action': {}}]},
            {'action_defaults': [], 'job_actions': [{'freezer_action': {}}]},
            {'action_defaults': defaults},
            {'action_defaults': defaults, 'job_actions': None},
            {'action_defaults': defaults, 'job_actions': 'x'},
            {'action_defaults': defaults, 'job_actions': [None, 'x', 1, [], {}]},
            {'action_defaults': defaults, 'job_actions': [{'freezer_action': None}]},
            {'action_defaults': defaults, 'job_actions': [{'freezer_action': 'x'}]},
        ):
            self.assertEqual(document, definitions.fill_entries(document))


class CapabilitiesTest(testtools.TestCase):
    def test_what_the_client_supports_passes(self) -> None:
        for definition in (
            {},
            {'action': 'restore', 'mode': 'fs', 'storage': 'swift'},
            {'engine': 'tar', 'engine_name': 'rsync'},
            {'action': '', 'mode': None, 'storage': '', 'engine': None, 'engine_name': ''},
            {'other': 'x'},
        ):
            definitions.check_capabilities(ALL, [definition])

    def test_what_the_client_lacks_is_named(self) -> None:
        for definition, key in (
            ({'action': 'exec'}, 'action'),
            ({'mode': 'nova'}, 'mode'),
            ({'storage': 's3'}, 'storage'),
            ({'engine': 'nova', 'engine_name': 'tar'}, 'engine'),
            ({'engine': 'tar', 'engine_name': 'nova'}, 'engine_name'),
            ({'storage': ['swift']}, 'storage'),
            ({'engine': {'a': 1}}, 'engine'),
            ({'engine': 5}, 'engine'),
        ):
            error = self.assertRaises(
                exceptions.UnprocessableEntity,
                definitions.check_capabilities,
                ALL,
                [{'action': 'backup'}, definition],
            )
            self.assertIn(f' the {key} of an action', error.description)

    def test_empty_list_supports_nothing(self) -> None:
        self.assertRaises(
            exceptions.UnprocessableEntity,
            definitions.check_capabilities,
            {**ALL, 'supported_modes': []},
            [{'mode': 'fs'}],
        )
