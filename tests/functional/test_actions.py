# SPDX-License-Identifier: Apache-2.0
"""Actions of the catalogue: what is stored, merged, refused and shown."""

from tests import base
from tests.functional.actions import NEWER, OLDER, ActionsTestCase, Document
from tests.functional.jobs import BACKUP


class CatalogueTest(ActionsTestCase):
    def test_document_is_read_as_it_was_written(self) -> None:
        definition = {
            'action': 'backup',
            'mode': None,
            'hostname': False,
            'max_backup_level': 1,
            'backup_name': '',
            'free': {'list': [1, 2.5, None, {'x': 'y'}]},
            'report_date': '2026-01-01',
        }
        document = {
            'freezer_action': definition,
            'max_retries': 3,
            'max_retries_interval': 0,
            'mandatory': True,
            'description': 'n\u00e4chtlich',
            'action': 'free here',
            'timeout': 5,
        }
        self.create(**document)
        server = {'action_id': 'a', **self.owner()}
        self.assertEqual({**document, **server}, self.read())

    def test_list_and_single_answer_are_equal(self) -> None:
        self.create(mandatory=True, extra=1)
        self.assertEqual([self.read()], self.api.get(self.url('actions')).json['actions'])

    def test_retries_and_mandatory_have_defaults(self) -> None:
        for given in ({}, {'max_retries': None, 'max_retries_interval': None, 'mandatory': None}):
            stored = self.read(self.create(None, **given))
            self.assertEqual(
                (5, 6, False),
                (stored['max_retries'], stored['max_retries_interval'], stored['mandatory']),
            )

    def test_empty_id_counts_as_none(self) -> None:
        for value in ('', None):
            self.assertEqual(32, len(self.create(value)), value)

    def test_taken_id_is_a_conflict(self) -> None:
        self.create()
        body = {'action_id': 'a', 'freezer_action': OLDER}
        self.assert_nothing_stored('POST', self.url('actions'), 409, json=body)

    def test_id_is_free_after_deletion(self) -> None:
        self.create(description='old')
        self.delete()
        self.create()
        self.assertNotIn('description', self.read())
        self.delete()
        answer = self.api.post(self.url('actions', 'a'), json={'freezer_action': OLDER}, status=201)
        self.assertEqual({'action_id': 'a', 'version': 1}, answer.json)

    def test_what_is_wrong_is_refused_and_stores_nothing(self) -> None:
        self.create()
        wrong: list[Document] = [
            {'freezer_action': None},
            {'freezer_action': []},
            {'freezer_action': {**BACKUP, 'action': 'nonsense'}},
            {'freezer_action': {**BACKUP, 'action': None}},
            {'freezer_action': {**BACKUP, 'mode': 'nonsense'}},
            {'freezer_action': {**BACKUP, 'container': 5}},
            {'freezer_action': BACKUP, 'max_retries': 'abc'},
            {'freezer_action': BACKUP, 'max_retries': -1},
            {'freezer_action': BACKUP, 'max_retries_interval': 2**63},
            {'freezer_action': BACKUP, 'mandatory': 'yes'},
        ]
        for document in wrong:
            self.assert_nothing_stored('POST', self.url('actions'), 400, json=document)
            self.assert_nothing_stored('POST', self.url('actions', 'a'), 400, json=document)
            self.assert_nothing_stored('PATCH', self.url('actions', 'a'), 400, json=document)
        for document in ({}, {'freezer_action': {}}, {'freezer_action': {'mode': 'fs'}}):
            self.assert_nothing_stored('POST', self.url('actions'), 400, json=document)
            self.assert_nothing_stored('POST', self.url('actions', 'a'), 400, json=document)
        body = {'action_id': 'a/b', 'freezer_action': BACKUP}
        self.assert_nothing_stored('POST', self.url('actions'), 400, json=body)

    def test_patch_leaves_absent_keys_alone(self) -> None:
        self.create(max_retries=2, max_retries_interval=9, mandatory=True, extra={'a': 1, 'b': 2})
        expected = self.read()
        for patch in (
            {},
            {'max_retries': 4},
            {'freezer_action': {'container': 'other'}},
            {'extra': {'b': 3}},
            {'freezer_action': {'new': [1]}, 'mandatory': False},
        ):
            self.patch(**patch)
            for key, value in patch.items():
                if isinstance(value, dict):
                    value = {**expected[key], **value}
                expected[key] = value
            self.assertEqual(expected, self.read(), patch)

    def test_null_in_a_definition_is_stored(self) -> None:
        self.create()
        self.patch(freezer_action={'container': None})
        self.assertEqual({**BACKUP, 'container': None}, self.read()['freezer_action'])

    def test_null_retries_and_mandatory_count_as_absent(self) -> None:
        # The dashboard sends null for an emptied field.
        options = {'max_retries': 2, 'max_retries_interval': 9, 'mandatory': True}
        self.create(**options)
        self.assertEqual(1, self.patch(**dict.fromkeys(options))['version'])
        stored = self.read()
        self.assertEqual(options, {name: stored[name] for name in options})

    def test_complete_answer_of_an_action_changes_nothing(self) -> None:
        self.create(extra=1)
        self.assertEqual({'action_id': 'a', 'version': 1}, self.patch(**self.read()))
        answer = self.api.post(self.url('actions', 'a'), json=self.read(), status=201)
        self.assertEqual(1, answer.json['version'])

    def test_replacing_leaves_nothing_of_the_old_document(self) -> None:
        self.create(max_retries=2, max_retries_interval=9, mandatory=True, extra=1)
        definition = {'action': 'restore', 'restore_abs_path': '/'}
        body = {'freezer_action': definition}
        answer = self.api.post(self.url('actions', 'a'), json=body, status=201)
        self.assertEqual({'action_id': 'a', 'version': 2}, answer.json)
        self.assertEqual(
            {
                'action_id': 'a',
                **self.owner(),
                'max_retries': 5,
                'max_retries_interval': 6,
                'mandatory': False,
                'freezer_action': definition,
            },
            self.read(),
        )

    @base.only('v2')
    def test_owner_project_and_id_are_those_of_the_creation(self) -> None:
        forged = {'user_id': 'mallory', 'project_id': 'p2', 'version': 9, '_version': 9}
        self.create(**forged)
        bob = self.as_('bob')
        bob.patch(self.url('actions', 'a'), json={**forged, 'action_id': 'b'}, status=200)
        bob.post(self.url('actions', 'a'), json={**forged, 'freezer_action': OLDER}, status=201)
        stored = self.read()
        self.assertEqual(
            ('a', 'alice', 'p1'),
            (stored['action_id'], stored['user_id'], stored['project_id']),
        )
        self.assertNotIn('version', stored)

    def test_missing_action_is_not_found(self) -> None:
        path = self.url('actions', 'none')
        for method in ('GET', 'PATCH'):
            answer = self.api.request(method, path, json={}, status=404)
            self.assertEqual(404, answer.json['code'])
        self.api.head(path, status=404)
        self.api.delete(path, status=self.deleted_nothing)

    def test_projects_do_not_see_each_other(self) -> None:
        other = self.as_('bob', project='p2')
        self.create(freezer_action=BACKUP)
        self.create('theirs', other)
        self.create('a', other, freezer_action=OLDER)
        before = self.read(caller=other)
        self.change(NEWER)
        self.api.get(self.url('actions', 'theirs'), status=404)
        self.api.patch(self.url('actions', 'theirs'), json={}, status=404)
        self.api.delete(self.url('actions', 'theirs'), status=self.deleted_nothing)
        self.delete()
        self.assertEqual(before, self.read(caller=other))
        self.assertEqual('theirs', self.read('theirs', other)['action_id'])


class VersionTest(ActionsTestCase):
    def test_version_counts_the_writes_that_changed_something(self) -> None:
        self.create()
        versions = [
            self.patch(**document)['version']
            for document in (
                {'max_retries': 3},
                {'max_retries': 3},
                {'freezer_action': OLDER},
                {'freezer_action': OLDER},
                {'extra': 1},
                {'freezer_action': {'container': 'x'}},
            )
        ]
        self.assertEqual([2, 2, 3, 3, 4, 5], versions)
        self.assertEqual('"5"', self.api.get(self.url('actions', 'a')).headers['ETag'])

    def test_values_of_other_types_are_changes(self) -> None:
        self.create(freezer_action={'action': 'backup', 'x': 1})
        for value in (True, 1.0, '1', [1], 1):
            before = self.api.get(self.url('actions', 'a')).headers['ETag']
            self.patch(freezer_action={'x': value})
            self.assertEqual(repr(value), repr(self.read()['freezer_action']['x']))
            self.assertNotEqual(before, self.api.get(self.url('actions', 'a')).headers['ETag'])

    def test_writes_with_another_version_are_refused_and_store_nothing(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'})
        before = self.rows()
        path = self.url('actions', 'a')
        body = {'freezer_action': OLDER}
        for method in ('PATCH', 'POST', 'DELETE'):
            for tag in ('"2"', '"x"'):
                self.api.request(method, path, json=body, headers={'If-Match': tag}, status=412)
        self.assertEqual(before, self.rows())
        self.assertEqual([BACKUP], self.definitions(job_id))

    def test_writes_with_the_stored_version_pass(self) -> None:
        self.create()
        path = self.url('actions', 'a')
        body = {'freezer_action': OLDER}
        self.api.patch(path, json=body, headers={'If-Match': '"1"'}, status=200)
        self.api.post(path, json={'freezer_action': NEWER}, headers={'If-Match': '"2"'}, status=201)
        self.api.delete(path, headers={'If-Match': '"3"'}, status=204)

    def test_known_version_is_not_sent_again(self) -> None:
        self.create()
        path = self.url('actions', 'a')
        answer = self.api.get(path, headers={'If-None-Match': '"1"'}, status=304)
        self.assertEqual(b'', answer.body)
        self.api.get(path, headers={'If-None-Match': '"2"'}, status=200)

    def test_head_answers_as_get_without_a_body(self) -> None:
        self.create()
        for path in (self.url('actions', 'a'), self.url('actions')):
            got, head = self.api.get(path), self.api.head(path, status=200)
            self.assertEqual(b'', head.body)
            self.assertEqual(got.headers.get('ETag'), head.headers.get('ETag'))
