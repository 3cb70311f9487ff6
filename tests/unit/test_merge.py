# SPDX-License-Identifier: Apache-2.0
"""How PATCH makes documents, and what it changes."""

import copy

import testtools

from freezer_api.domain import merge
from tests.unit.documents import Document


class MergeTest(testtools.TestCase):
    def test_merge(self) -> None:
        cases: list[tuple[Document, Document, Document]] = [
            ({'a': 1}, {}, {'a': 1}),
            ({'a': 1}, {'b': 2}, {'a': 1, 'b': 2}),
            ({'a': 1}, {'a': None}, {'a': None}),
            ({'a': {'b': 1, 'c': 2}}, {'a': {'c': {'d': 3}}}, {'a': {'b': 1, 'c': {'d': 3}}}),
            ({'a': [1, 2]}, {'a': [3]}, {'a': [3]}),
            ({'a': [{'b': 1}]}, {'a': [{'c': 1}]}, {'a': [{'c': 1}]}),
            ({'a': {'b': 1}}, {'a': []}, {'a': []}),
            ({'a': 1}, {'a': {'b': None}}, {'a': {'b': None}}),
            ({'a': {'b': 1}}, {'a': {}}, {'a': {'b': 1}}),
            (
                {'job_schedule': {'schedule_hour': '1', 'event': 'start'}},
                {'job_schedule': {'schedule_hour': None, 'event': None}},
                {'job_schedule': {'event': None}},
            ),
            ({}, {'schedule': {'schedule_date': None}}, {'schedule': {}}),
            ({'schedule': None}, {'schedule': {'schedule_date': None}}, {'schedule': {}}),
            ({}, {'schedule_date': None}, {'schedule_date': None}),
            (
                {},
                {'freezer_action': {'schedule': {'schedule_date': None}}},
                {'freezer_action': {'schedule': {'schedule_date': None}}},
            ),
        ]
        for stored, patch, merged in cases:
            with self.subTest(stored, patch=patch):
                before = copy.deepcopy((stored, patch))
                self.assertEqual(merged, merge.merge(stored, patch))
                self.assertEqual(before, (stored, patch))

    def test_nulls_of_free_documents_can_be_kept(self) -> None:
        self.assertEqual(
            {'schedule': {'schedule_date': None}},
            merge.merge({}, {'schedule': {'schedule_date': None}}, merge.never),
        )

    def test_order_of_keys_is_kept(self) -> None:
        merged = merge.merge({'b': 1, 'a': 1}, {'c': 1, 'a': 2, 'b': 2})
        self.assertEqual(['b', 'a', 'c'], list(merged))

    def test_result_shares_nothing_with_its_sources(self) -> None:
        stored: Document = {'a': {'b': [{}]}}
        patch: Document = {'c': [{}], 'd': {'e': []}}
        merged = merge.merge(stored, patch)
        merged['a']['b'][0]['x'] = merged['c'][0]['x'] = 1
        merged['d']['e'].append(1)
        self.assertEqual({'a': {'b': [{}]}}, stored)
        self.assertEqual({'c': [{}], 'd': {'e': []}}, patch)

    def test_echoing_a_document_changes_nothing(self) -> None:
        stored = {'a': {'b': [1, {'c': None}]}, 'job_schedule': {'event': ''}}
        self.assertTrue(merge.same(stored, merge.merge(stored, copy.deepcopy(stored))))
        self.assertEqual({}, merge.changes(stored, stored).document)

    def test_same_looks_at_types(self) -> None:
        for one, other in (
            (1, 1.0),
            (1, True),
            (0, False),
            (0, None),
            ('', None),
            ([1], [True]),
            ({'a': 1}, {'a': 1.0}),
            ({'a': None}, {}),
            ({'a': None}, {'b': None}),
            ([1, 2], [2, 1]),
        ):
            with self.subTest(one, other=other):
                self.assertFalse(merge.same(one, other))
        self.assertTrue(merge.same({'a': [1, {'b': 2}], 'c': 3}, {'c': 3, 'a': [1, {'b': 2}]}))

    def test_changes_name_the_places_of_new_entries(self) -> None:
        stored = {'a': {'list': [{'x': 1, 'y': 2}, 2]}, 'b': 1}
        merged = {'a': {'list': [3, {'y': 2, 'x': 1}, 1.0, 2]}, 'b': 1, 'c': [5]}
        changes = merge.changes(stored, merged)
        self.assertEqual({'a': {'list': [3, 1.0]}, 'c': [5]}, changes.document)
        self.assertEqual({('a', 'list'): [0, 2]}, changes.positions)

    def test_long_lists_are_compared_quickly(self) -> None:
        stored = {'a': [{'n': n} for n in range(20_000)]}
        merged = {'a': [{'n': -n} for n in range(20_000)]}
        self.assertEqual(19_999, len(merge.changes(stored, merged).document['a']))
