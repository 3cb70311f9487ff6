# SPDX-License-Identifier: Apache-2.0
"""Entries of jobs that name actions of the catalogue, or make them."""

from tests import base
from tests.functional.actions import NEWER, OLDER, ActionsTestCase, Document
from tests.functional.jobs import BACKUP, HOST


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
            self.assert_nothing_stored('POST', self.url('jobs'), status, json=body)
            if status == 422:
                self.assert_nothing_stored('PATCH', self.url('jobs', job_id), status, json=body)


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
                self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)
                self.assert_nothing_stored('POST', self.url('jobs', job_id), 422, json=body)
                self.assert_nothing_stored('POST', self.url('jobs', 'new'), 422, json=body)
                self.assert_nothing_stored('PATCH', self.url('jobs', job_id), 422, json=body)

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
            self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)
            self.assert_nothing_stored('POST', self.url('jobs', job_id), 422, json=body)
            self.assert_nothing_stored('PATCH', self.url('jobs', job_id), 422, json=body)

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
            self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)

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
        self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)

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
            self.assert_nothing_stored('POST', self.url('jobs'), 400, json=body)


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
