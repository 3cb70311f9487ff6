# SPDX-License-Identifier: Apache-2.0
"""What the result of a PATCH must look like."""

import copy

from freezer_api import exceptions
from freezer_api.domain import merge
from freezer_api.schemas import actions, jobs, sessions
from tests.unit.documents import Document, SchemaTestCase, entry, job, session, without


class UpdateTest(SchemaTestCase):
    """The result of a PATCH is judged only where it is new."""

    # As it may have been imported: half of it would be refused today.
    old: Document = {
        'client_id': 'no client!',
        'job_actions': [
            {'freezer_action': {'action': 'dance'}},
            {'freezer_action': {}, 'max_retries': -1},
            {'action_id': 'a1'},
        ],
        'job_schedule': {
            'event': 'unheard',
            'schedule_interval': 'hourly',
            'schedule_start_date': '',
            'odd': 1,
        },
        'session_tag': None,
        'extra': True,
    }

    def update(self, stored: Document, patch: Document) -> None:
        jobs.check_update(stored, merge.merge(stored, patch))

    def refused_patch(self, stored: Document, patch: Document, text: str) -> None:
        error = self.assertRaises(exceptions.BadRequest, self.update, stored, patch)
        self.assertIn(text, error.description)

    def test_what_was_stored_passes(self) -> None:
        patches: list[Document] = [
            {},
            copy.deepcopy(self.old),
            {'description': 'x'},
            {'job_schedule': {'status': 'running'}},
            {'job_schedule': {**self.old['job_schedule'], 'status': 'running'}},
            {'job_schedule': {'schedule_start_date': None}},
            {'job_actions': list(reversed(self.old['job_actions']))},
            {'job_actions': []},
            {'job_actions': [entry(), *self.old['job_actions']]},
        ]
        for patch in patches:
            with self.subTest(patch):
                self.update(self.old, patch)

    def test_what_is_new_is_judged(self) -> None:
        for patch, text in (
            ({'client_id': 'other!'}, '"client_id"'),
            ({'client_id': None}, '"client_id"'),
            ({'another': 1}, 'Not known here: "another"'),
            ({'job_schedule': None}, '"job_schedule" must be an object'),
            ({'job_schedule': {'event': 'unheard of'}}, '"job_schedule.event"'),
            ({'job_schedule': {'event': None}}, '"job_schedule.event"'),
            ({'job_schedule': {'odd': 2}}, 'Not known here: "job_schedule.odd"'),
            ({'job_schedule': {'odd': True}}, 'Not known here: "job_schedule.odd"'),
            ({'job_actions': None}, '"job_actions" must be a list'),
            ({'session_tag': -1}, '"session_tag"'),
        ):
            with self.subTest(patch):
                self.refused_patch(self.old, patch, text)

    def test_new_entries_must_be_whole_and_are_named_by_their_place(self) -> None:
        first, second, third = self.old['job_actions']
        for entries, text in (
            ([first, second, third, {}], '"job_actions[3]" must be'),
            ([first, {'freezer_action': {}}], 'missing: "job_actions[1].freezer_action.action"'),
            ([entry(), second, entry(max_retries=-2)], '"job_actions[2].max_retries"'),
            ([first, {**second, 'max_retries': -2}], 'missing: "job_actions[1].freezer_action'),
        ):
            with self.subTest(text):
                self.refused_patch(self.old, {'job_actions': entries}, text)

    def test_equal_numbers_of_another_type_are_new(self) -> None:
        stored = job(session_tag=1)
        self.refused_patch(stored, {'session_tag': True}, '"session_tag"')
        self.refused_patch(stored, {'session_tag': 1.0}, '"session_tag"')

    def test_required_keys_do_not_vanish(self) -> None:
        error = self.assertRaises(
            exceptions.BadRequest, jobs.check_update, job(), without(job(), 'client_id')
        )
        self.assertIn('missing: "client_id"', error.description)
        jobs.check_update({'description': ''}, {'description': 'imported without its keys'})

    def test_an_object_that_is_new_must_be_complete(self) -> None:
        imported: Document = {'action_id': 'a1'}
        actions.check_update(imported, {**imported, 'max_retries': 1})
        incomplete = {**imported, 'freezer_action': {'mode': 'fs'}}
        error = self.assertRaises(exceptions.BadRequest, actions.check_update, imported, incomplete)
        self.assertIn('missing: "freezer_action.action"', error.description)
        # Once stored, it is no reason to refuse.
        actions.check_update(incomplete, merge.merge(incomplete, {'freezer_action': {'x': 1}}))

    def test_actions_are_judged_key_by_key(self) -> None:
        stored = {'freezer_action': {'action': 'dance', 'mode': 'fs'}}
        actions.check_update(stored, merge.merge(stored, {'freezer_action': {'mode': 'nova'}}))
        self.refused(
            lambda patch: actions.check_update(stored, merge.merge(stored, patch)),
            ({'freezer_action': {'mode': 'x'}}, '"freezer_action.mode" must be one of'),
            ({'freezer_action': {'action': None}}, '"freezer_action.action"'),
            ({'freezer_action': None}, '"freezer_action" must be an object'),
            ({'mandatory': 'x'}, '"mandatory"'),
        )

    def test_jobs_of_sessions_are_judged_entry_by_entry(self) -> None:
        stored = session(jobs={'odd id': {'status': None}, 'j1': {'odd': 1, 'status': ''}})
        merged = merge.merge(stored, {'jobs': {'odd id': {'status': None}, 'j1': {'status': 'x'}}})
        sessions.check_update(stored, merged)
        self.refused(
            lambda patch: sessions.check_update(stored, merge.merge(stored, patch)),
            ({'jobs': {'j1': {'status': 1}}}, '"jobs.j1.status"'),
            ({'jobs': {'j2': {'new': 1}}}, 'Not known here: "jobs.j2.new"'),
            ({'jobs': {'odd two': {}}}, 'Not known here: "jobs.odd two"'),
            ({'jobs': []}, '"jobs" must be an object'),
            ({'schedule': None}, '"schedule" must be an object'),
        )
        # A session made without a tag may stay so.
        sessions.check_update(session(), session(description='x', jobs={}))
