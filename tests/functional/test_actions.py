# SPDX-License-Identifier: Apache-2.0
"""Actions of the catalogue, and what ties them to the jobs that use them."""

from typing import Any

from tests import base

Document = dict[str, Any]

HOST = 'p1_web01.example'
BACKUP = {'action': 'backup', 'mode': 'fs', 'path_to_backup': '/srv/www', 'container': 'vault'}
OLDER = {**BACKUP, 'container': 'older'}
NEWER = {**BACKUP, 'container': 'newer'}


class ActionsTestCase(base.ApiTestCase):
    """A project with one client that can do everything."""

    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.register(self.api)

    def register(self, caller: base.Client) -> None:
        caller.post(caller.url('clients'), json={'client_id': HOST}, status=201)

    def create(
        self, action_id: str | None = 'a', caller: base.Client | None = None, **document: Any
    ) -> str:
        caller = caller or self.api
        body = {'action_id': action_id, 'freezer_action': BACKUP, **document}
        return str(caller.post(caller.url('actions'), json=body, status=201).json['action_id'])

    def read(self, action_id: str = 'a', caller: base.Client | None = None) -> Document:
        caller = caller or self.api
        document: Document = caller.get(caller.url('actions', action_id), status=200).json
        return document

    def patch(self, action_id: str = 'a', **document: Any) -> Document:
        path = self.url('actions', action_id)
        return dict(self.api.patch(path, json=document, status=200).json)

    def change(self, *definitions: Document) -> None:
        """Give the action other definitions, one after the other."""
        for definition in definitions:
            self.patch(freezer_action=definition)

    def delete(self, action_id: str = 'a') -> None:
        self.api.delete(self.url('actions', action_id), status=204)

    def send_job(self, *entries: Document, status: int = 201, **document: Any) -> Document:
        body = {'client_id': HOST, 'job_actions': list(entries), **document}
        return dict(self.api.post(self.url('jobs'), json=body, status=status).json)

    def job(self, *entries: Document, **document: Any) -> str:
        return self.api.create_job({'client_id': HOST, 'job_actions': list(entries), **document})

    def read_job(self, job_id: str, caller: base.Client | None = None) -> Document:
        caller = caller or self.api
        document: Document = caller.get(caller.url('jobs', job_id), status=200).json
        return document

    def entries(self, job_id: str) -> list[Document]:
        entries: list[Document] = self.read_job(job_id)['job_actions']
        return entries

    def definitions(self, job_id: str) -> list[Document]:
        return [entry['freezer_action'] for entry in self.entries(job_id)]

    def patch_job(self, job_id: str, document: Document, status: int = 200) -> Document:
        return dict(self.api.patch(self.url('jobs', job_id), json=document, status=status).json)

    def assert_nothing_stored(self, method: str, path: str, body: Any, status: int) -> None:
        before = self.rows()
        answer = self.api.request(method, path, json=body, status=status)
        self.assertEqual({'title', 'description', 'code'}, set(answer.json))
        self.assertEqual(before, self.rows())


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
        self.assert_nothing_stored('POST', self.url('actions'), body, 409)

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
            self.assert_nothing_stored('POST', self.url('actions'), document, 400)
            self.assert_nothing_stored('POST', self.url('actions', 'a'), document, 400)
            self.assert_nothing_stored('PATCH', self.url('actions', 'a'), document, 400)
        for document in ({}, {'freezer_action': {}}, {'freezer_action': {'mode': 'fs'}}):
            self.assert_nothing_stored('POST', self.url('actions'), document, 400)
            self.assert_nothing_stored('POST', self.url('actions', 'a'), document, 400)
        body = {'action_id': 'a/b', 'freezer_action': BACKUP}
        self.assert_nothing_stored('POST', self.url('actions'), body, 400)

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


class AutomaticTest(ActionsTestCase):
    """Entries that name no action bring one."""

    def test_entry_without_an_id_makes_an_action(self) -> None:
        for given in ({}, {'action_id': ''}, {'action_id': None}):
            options = {'max_retries': 2, 'max_retries_interval': 30, 'mandatory': True}
            job_id = self.job({'freezer_action': BACKUP, **options, 'extra': 1, **given})
            [entry] = self.entries(job_id)
            owned = {**self.owner(), 'action_id': entry['action_id']}
            expected = {'freezer_action': BACKUP, **options, **owned}
            self.assertEqual({**expected, 'extra': 1}, entry)
            self.assertEqual(expected, self.read(entry['action_id']))

    def test_equal_entries_make_actions_of_their_own(self) -> None:
        entry = {'freezer_action': BACKUP}
        ids = [entry['action_id'] for entry in self.entries(self.job(entry, entry))]
        self.assertEqual(2, len(set(ids)))
        for action_id in ids:
            self.assertEqual(BACKUP, self.read(action_id)['freezer_action'])

    def test_defaults_are_part_of_the_action(self) -> None:
        job_id = self.job({'freezer_action': BACKUP}, action_defaults={'storage': 'swift'})
        [entry] = self.entries(job_id)
        self.assertEqual(
            {**BACKUP, 'storage': 'swift'}, self.read(entry['action_id'])['freezer_action']
        )

    def test_patch_and_replace_make_actions_too(self) -> None:
        job_id = self.job()
        path = self.url('jobs', job_id)
        body = {'client_id': HOST, 'job_actions': [{'freezer_action': BACKUP}]}
        for method in ('PATCH', 'POST'):
            self.api.request(method, path, json=body)
            [entry] = self.entries(job_id)
            self.assertEqual(BACKUP, self.read(entry['action_id'])['freezer_action'])

    @base.only('v2')
    def test_refused_job_leaves_no_action_behind(self) -> None:
        new = {'freezer_action': BACKUP}
        job_id = self.job(job_id='taken')
        for document, status in (
            ({'job_actions': [new, {'action_id': 'none'}]}, 422),
            ({'job_actions': [new], 'client_id': 'stranger'}, 422),
            ({'job_actions': [new], 'session_id': 'none'}, 400),
            ({'job_actions': [new], 'job_id': 'taken'}, 409),
        ):
            body = {'client_id': HOST, **document}
            self.assert_nothing_stored('POST', self.url('jobs'), body, status)
            if status == 422:
                self.assert_nothing_stored('PATCH', self.url('jobs', job_id), body, status)


class ReferenceTest(ActionsTestCase):
    """Entries that name an action."""

    def test_name_alone_is_enough(self) -> None:
        self.create()
        for entry in (
            {'action_id': 'a'},
            {'action_id': 'a', 'max_retries': 1},
        ):
            self.assertEqual([BACKUP], self.definitions(self.job(entry)))

    @base.only('v2')
    def test_equal_definition_is_a_reference(self) -> None:
        stored = {**BACKUP, 'null': None, 'empty': '', 'nested': {'a': [1, None]}}
        self.create(freezer_action=stored)
        absent = {key: value for key, value in stored.items() if value not in (None, '')}
        for given in (
            stored,
            absent,
            {**absent, 'null': ''},
            {**absent, 'empty': None},
            {**stored, 'another': None, 'and': ''},
            dict(reversed(stored.items())),
        ):
            before = self.rows()
            job_id = self.job({'action_id': 'a', 'freezer_action': given})
            self.assertEqual([stored], self.definitions(job_id), given)
            self.assertEqual(before['actions'], self.rows()['actions'])
            self.patch(freezer_action={'container': 'followed'})
            self.assertEqual('followed', self.definitions(job_id)[0]['container'], given)
            self.patch(freezer_action={'container': BACKUP['container']})

    def test_whole_action_document_is_a_reference(self) -> None:
        # The dashboard sends what GET of the action gave, and null for some absent keys.
        self.create(max_retries=2, extra=1)
        document = self.read()
        nulls = dict.fromkeys(('storage', 'engine', 'engine_name', 'backup_name'))
        document['freezer_action'].update(nulls)
        [entry] = self.entries(self.job({**document, '_version': 1}))
        self.assertEqual(BACKUP, entry['freezer_action'])
        self.assertEqual(2, entry['max_retries'])

    @base.only('v2')
    def test_unknown_name_is_refused_on_every_write(self) -> None:
        job_id = self.job(job_id='here')
        for entry in (
            {'action_id': 'none'},
            {'action_id': 'none', 'freezer_action': BACKUP},
        ):
            self.create(None)
            for entries in ([entry], [{'freezer_action': BACKUP}, entry]):
                body = {'client_id': HOST, 'job_actions': entries}
                self.assert_nothing_stored('POST', self.url('jobs'), body, 422)
                self.assert_nothing_stored('POST', self.url('jobs', job_id), body, 422)
                self.assert_nothing_stored('POST', self.url('jobs', 'new'), body, 422)
                self.assert_nothing_stored('PATCH', self.url('jobs', job_id), body, 422)

    @base.only('v2')
    def test_other_definition_is_refused_on_every_write(self) -> None:
        self.create(freezer_action={**BACKUP, 'number': 1, 'flag': True})
        stored = self.read()['freezer_action']
        job_id = self.job({'action_id': 'a'})
        for given in (
            OLDER,
            {**stored, 'more': 1},
            {**stored, 'container': None},
            {**stored, 'number': '1'},
            {**stored, 'number': True},
            {**stored, 'flag': 1},
            {**stored, 'flag': False},
            {'action': 'backup'},
        ):
            body = {
                'client_id': HOST,
                'job_actions': [
                    {'freezer_action': BACKUP},
                    {'action_id': 'a', 'freezer_action': given},
                ],
            }
            self.assert_nothing_stored('POST', self.url('jobs'), body, 422)
            self.assert_nothing_stored('POST', self.url('jobs', job_id), body, 422)
            self.assert_nothing_stored('PATCH', self.url('jobs', job_id), body, 422)

    @base.only('v2')
    def test_action_of_another_project_is_unknown(self) -> None:
        other = self.as_('bob', project='p2')
        self.create('theirs', other)
        self.register(other)
        body = {'client_id': HOST, 'job_actions': [{'action_id': 'theirs'}]}
        other.post(other.url('jobs'), json=body, status=201)
        for entry in (
            {'action_id': 'theirs'},
            {'action_id': 'theirs', 'freezer_action': BACKUP},
        ):
            body['job_actions'] = [entry]
            self.assert_nothing_stored('POST', self.url('jobs'), body, 422)

    @base.only('v2')
    def test_definition_that_a_job_of_another_project_holds_is_refused(self) -> None:
        other = self.as_('bob', project='p2')
        self.register(other)
        self.create('a', other, freezer_action=OLDER)
        body: Document = {'client_id': HOST, 'job_actions': [{'action_id': 'a'}]}
        other.post(other.url('jobs'), json=body, status=201)
        other.delete(other.url('actions', 'a'), status=204)
        self.create()
        body['job_actions'] = [{'action_id': 'a', 'freezer_action': OLDER}]
        self.assert_nothing_stored('POST', self.url('jobs'), body, 422)

    @base.only('v2')
    def test_one_action_can_be_named_twice(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'}, {'freezer_action': OLDER}, {'action_id': 'a'})
        self.assertEqual([BACKUP, OLDER, BACKUP], self.definitions(job_id))
        self.change(NEWER)
        self.assertEqual([NEWER, OLDER, NEWER], self.definitions(job_id))

    def test_schema_of_the_entry_holds_for_references(self) -> None:
        self.create()
        for entry in (
            {'action_id': 'a', 'freezer_action': None},
            {'action_id': 'a', 'freezer_action': {}},
            {'action_id': 'a', 'freezer_action': 'x'},
            {'action_id': 'a', 'max_retries': -1},
            {'action_id': 5},
        ):
            body = {'client_id': HOST, 'job_actions': [entry]}
            self.assert_nothing_stored('POST', self.url('jobs'), body, 400)


class OptionsTest(ActionsTestCase):
    """Retries, interval and mandatory of an entry."""

    OWN: Document = {'max_retries': 1, 'max_retries_interval': 0, 'mandatory': False}
    OF_THE_ACTION: Document = {'max_retries': 7, 'max_retries_interval': 70, 'mandatory': True}

    def options(self, job_id: str) -> list[Document]:
        return [{name: entry[name] for name in self.OWN} for entry in self.entries(job_id)]

    def test_options_of_the_action_hold_where_the_entry_has_none(self) -> None:
        self.create(**self.OF_THE_ACTION)
        job_id = self.job(
            {'action_id': 'a'},
            {'action_id': 'a', **dict.fromkeys(self.OWN)},
            {'action_id': 'a', 'max_retries': 1},
        )
        expected = [self.OF_THE_ACTION, self.OF_THE_ACTION, {**self.OF_THE_ACTION, 'max_retries': 1}]
        self.assertEqual(expected, self.options(job_id))

    def test_options_of_the_entry_are_the_jobs_own(self) -> None:
        self.create(**self.OF_THE_ACTION)
        one, two = self.job({'action_id': 'a', **self.OWN}), self.job({'action_id': 'a'})
        self.assertEqual([self.OWN], self.options(one))
        self.assertEqual([self.OF_THE_ACTION], self.options(two))
        self.assertEqual(self.OF_THE_ACTION, {name: self.read()[name] for name in self.OWN})
        self.patch(max_retries=9, mandatory=True)
        self.assertEqual([self.OWN], self.options(one))

    def test_null_options_of_a_new_action_are_its_defaults(self) -> None:
        job_id = self.job({'freezer_action': BACKUP, **dict.fromkeys(self.OWN)})
        defaults = {'max_retries': 5, 'max_retries_interval': 6, 'mandatory': False}
        self.assertEqual([defaults], self.options(job_id))

    @base.only('v2')
    def test_options_of_the_action_go_on_reaching_a_job_that_was_echoed(self) -> None:
        self.create(**self.OF_THE_ACTION)
        job_id = self.job({'action_id': 'a'})
        self.patch_job(job_id, self.read_job(job_id))
        self.patch(max_retries=9)
        self.assertEqual([{**self.OF_THE_ACTION, 'max_retries': 9}], self.options(job_id))

    def test_extra_keys_of_an_entry_are_the_jobs_own(self) -> None:
        self.create(extra='of the action')
        job_id = self.job({'action_id': 'a', 'exit_status': '0'}, {'action_id': 'a'})
        one, two = self.entries(job_id)
        self.assertEqual('0', one['exit_status'])
        self.assertNotIn('exit_status', two)
        self.assertNotIn('extra', one)
        self.assertNotIn('exit_status', self.read())


class FollowTest(ActionsTestCase):
    """A change of an action reaches the jobs that follow it."""

    versions = ('v2',)

    def version(self, job_id: str) -> int:
        return int(self.api.get(self.url('jobs', job_id)).headers['ETag'].strip('"'))

    def test_change_of_an_action_reaches_its_jobs(self) -> None:
        self.create()
        automatic = self.entries(self.job({'freezer_action': BACKUP}))[0]['action_id']
        for entry, action_id in (
            ({'action_id': 'a'}, 'a'),
            ({'action_id': 'a', 'freezer_action': BACKUP}, 'a'),
            ({'action_id': automatic}, automatic),
        ):
            job_id = self.job(entry)
            self.patch(action_id, freezer_action=NEWER)
            self.assertEqual([NEWER], self.definitions(job_id))
            self.patch(action_id, freezer_action=BACKUP)
            body = {'freezer_action': OLDER}
            self.api.post(self.url('actions', action_id), json=body, status=201)
            self.assertEqual([OLDER], self.definitions(job_id))
            self.patch(action_id, freezer_action=BACKUP)

    def test_change_reaches_lists_too(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'})
        self.change(NEWER)
        self.assertEqual([self.read_job(job_id)], self.api.get(self.url('jobs')).json['jobs'])

    def test_change_raises_the_version_of_the_jobs_that_follow(self) -> None:
        self.create()
        follows, other = self.job({'action_id': 'a'}), self.job({'freezer_action': BACKUP})
        self.change(NEWER)
        self.assertEqual((2, 1), (self.version(follows), self.version(other)))
        self.change(NEWER)
        self.assertEqual(2, self.version(follows))

    def test_jobs_of_another_project_are_not_reached(self) -> None:
        other = self.as_('bob', project='p2')
        self.register(other)
        self.create('a', other)
        body = {'client_id': HOST, 'job_actions': [{'action_id': 'a'}]}
        job_id = other.post(other.url('jobs'), json=body, status=201).json['job_id']
        self.create()
        self.change(NEWER)
        self.delete()
        [entry] = self.read_job(job_id, other)['job_actions']
        self.assertEqual(BACKUP, entry['freezer_action'])

    def test_deleted_action_leaves_its_last_definition(self) -> None:
        options = {'max_retries': 7, 'max_retries_interval': 70, 'mandatory': True}
        self.create(**options)
        job_id = self.job({'action_id': 'a', 'extra': 1}, {'action_id': 'a', 'max_retries': 1})
        self.change(NEWER)
        before, version = self.read_job(job_id), self.version(job_id)
        self.delete()
        self.assertEqual(before, self.read_job(job_id))
        self.assertEqual(version, self.version(job_id))

    def test_job_whose_action_is_gone_comes_back_unchanged(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'}, {'action_id': 'a', 'max_retries': 1})
        self.delete()
        before = self.read_job(job_id)
        bob = self.as_('bob')
        answer = bob.patch(self.url('jobs', job_id), json=before, status=200)
        self.assertEqual(1, answer.json['version'])
        self.assertEqual(before, self.read_job(job_id))

    def test_job_whose_action_is_gone_can_name_it_alone(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'})
        self.delete()
        entries = [{'action_id': 'a', 'max_retries': 1}, {'freezer_action': OLDER}]
        self.patch_job(job_id, {'job_actions': entries})
        self.assertEqual([BACKUP, OLDER], self.definitions(job_id))

    def test_new_action_under_an_old_name_does_not_reach_old_jobs(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'})
        self.delete()
        self.create(freezer_action=NEWER)
        self.assertEqual([BACKUP], self.definitions(job_id))
        self.patch_job(job_id, self.read_job(job_id))
        self.change(OLDER)
        self.assertEqual([BACKUP], self.definitions(job_id))

    def test_entry_with_filled_in_defaults_is_a_copy(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'}, action_defaults={'storage': 'swift'})
        self.change(NEWER)
        self.assertEqual([{**BACKUP, 'storage': 'swift'}], self.definitions(job_id))
        self.patch_job(job_id, self.read_job(job_id))
        self.assertEqual([{**BACKUP, 'storage': 'swift'}], self.definitions(job_id))

    def test_copy_follows_again_when_it_names_the_action_alone(self) -> None:
        self.create()
        job_id = self.job({'action_id': 'a'}, action_defaults={'storage': 'swift'})
        self.patch_job(job_id, {'job_actions': [{'action_id': 'a'}]})
        self.change(NEWER)
        self.assertEqual([NEWER], self.definitions(job_id))


class OlderCopyTest(ActionsTestCase):
    """Copies under the name of an action that has changed since."""

    versions = ('v2',)

    def setUp(self) -> None:
        super().setUp()
        self.create(freezer_action=OLDER)
        self.first = self.job({'action_id': 'a'})
        self.copy = self.read_job(self.first)
        self.change(BACKUP, NEWER)

    def older(self, *definitions: Document) -> list[Document]:
        return [{'action_id': 'a', 'freezer_action': d} for d in definitions]

    def test_agent_that_sends_an_older_copy_back_changes_nothing(self) -> None:
        # Agents up to 18 send the whole job at every report.
        before = self.read_job(self.first)
        report = {**self.copy, 'job_schedule': {**self.copy['job_schedule'], 'status': 'running'}}
        self.patch_job(self.first, report)
        before['job_schedule']['status'] = 'running'
        self.assertEqual(before, self.read_job(self.first))
        self.change(OLDER)
        self.assertEqual([OLDER], self.definitions(self.first))

    def test_any_earlier_definition_is_accepted(self) -> None:
        for definition in (OLDER, BACKUP, NEWER):
            job_id = self.job(*self.older(definition))
            self.assertEqual([definition], self.definitions(job_id))
        self.send_job(*self.older({**OLDER, 'container': 'never'}), status=422)

    def test_clone_of_an_older_answer_keeps_its_copy(self) -> None:
        clone = {key: value for key, value in self.copy.items() if key != 'job_id'}
        job_id = self.api.post(self.url('jobs'), json=clone, status=201).json['job_id']
        self.assertEqual([OLDER], self.definitions(job_id))
        self.change(BACKUP)
        self.assertEqual([OLDER], self.definitions(job_id))
        self.assertEqual([BACKUP], self.definitions(self.first))

    def test_copy_comes_back_unchanged(self) -> None:
        job_id = self.job(*self.older(OLDER, BACKUP))
        before = self.read_job(job_id)
        self.assertEqual(1, self.patch_job(job_id, before)['version'])
        self.assertEqual(before, self.read_job(job_id))

    def test_copy_of_another_job_is_accepted_when_the_action_is_gone(self) -> None:
        self.delete()
        job_id = self.job(*self.older(NEWER))
        self.assertEqual([NEWER], self.definitions(job_id))
        self.send_job(*self.older({**OLDER, 'container': 'never'}), status=422)
        self.send_job({'action_id': 'a'}, status=422)

    def test_agent_reports_with_an_older_copy_when_the_action_is_gone(self) -> None:
        self.delete()
        self.patch_job(self.first, self.copy)
        self.assertEqual('a', self.entries(self.first)[0]['action_id'])

    def test_copy_of_another_job_is_accepted_under_a_new_action(self) -> None:
        self.delete()
        self.create(freezer_action={'action': 'info'})
        job_id = self.job(*self.older(NEWER))
        self.assertEqual([NEWER], self.definitions(job_id))

    def test_older_copy_with_empty_keys_is_recognised(self) -> None:
        job_id = self.job(*self.older({**OLDER, 'storage': None, 'engine_name': ''}))
        self.assertEqual('older', self.definitions(job_id)[0]['container'])

    def test_removing_an_entry_keeps_the_others_following(self) -> None:
        # The dashboard sends the answer back without one entry.
        job_id = self.job({'freezer_action': BACKUP}, {'action_id': 'a'})
        document = self.read_job(job_id)
        del document['job_actions'][0]
        self.patch_job(job_id, document)
        self.change(OLDER)
        self.assertEqual([OLDER], self.definitions(job_id))
