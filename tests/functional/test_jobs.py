# SPDX-License-Identifier: Apache-2.0
"""Jobs: what is stored, merged, refused and shown."""

import re
import time

from tests import base
from tests.functional.jobs import BACKUP, HOST, RESTORE, Document, JobsTestCase


class CreateTest(JobsTestCase):
    def test_answer_is_the_id_alone(self) -> None:
        answer = self.api.post(self.url('jobs'), json=self.job(), status=201)
        self.assertEqual(['job_id'], list(answer.json))
        self.assertTrue(re.fullmatch('[0-9a-f]{32}', answer.json['job_id']))

    def test_document_has_its_defaults(self) -> None:
        before = int(time.time())
        job_id = self.create(job_actions=[])
        document = self.read(job_id)
        created = document['job_schedule'].pop('time_created')
        self.assertTrue(before <= created <= time.time())
        self.assertEqual(
            {
                'job_id': job_id,
                **self.owner(),
                'client_id': HOST,
                'description': '',
                'job_actions': [],
                'job_schedule': {
                    'event': '',
                    'status': '',
                    'result': '',
                    'time_started': -1,
                    'time_ended': -1,
                },
                'session_id': '',
                'session_tag': 0,
            },
            document,
        )

    def test_document_is_read_as_it_was_written(self) -> None:
        schedule = {
            'event': 'stop',
            'status': 'scheduled',
            'result': 'fail',
            'current_pid': 4711,
            'schedule_interval': '1 days',
            'schedule_start_date': '2030-01-01T02:00:00',
            'schedule_month': '*/2',
        }
        job_id = self.create(
            description='n\u00e4chtlich', job_schedule=schedule, session_name='weekly', session_tag=3
        )
        document = self.read(job_id)
        for name in ('time_created', 'time_started', 'time_ended'):
            del document['job_schedule'][name]
        self.assertEqual(schedule, document['job_schedule'])
        self.assertEqual('n\u00e4chtlich', document['description'])
        self.assertEqual('weekly', document['session_name'])
        self.assertEqual(3, document['session_tag'])

    def test_entries_keep_their_order_and_every_key(self) -> None:
        free = {'exit_status': '0', 'nested': {'list': [1, 2.5, None, True, 'x']}}
        definitions: list[Document] = [
            {**BACKUP, 'backup_name': str(n), 'free': [{'a': None}], 'on': False} for n in range(12)
        ]
        job_id = self.create(job_actions=[{'freezer_action': d, **free} for d in definitions])
        entries = self.read(job_id)['job_actions']
        self.assertEqual(definitions, [entry['freezer_action'] for entry in entries])
        for entry in entries:
            self.assertEqual(free, {key: entry[key] for key in free})

    @base.only('v2')
    def test_chosen_id_is_kept(self) -> None:
        self.assertEqual('nightly-1', self.create(job_id='nightly-1'))
        self.assertEqual('nightly-1', self.read('nightly-1')['job_id'])

    def test_empty_id_counts_as_none(self) -> None:
        for value in ('', None):
            self.assertEqual(32, len(self.create(job_id=value)), value)

    @base.only('v2')
    def test_taken_id_is_a_conflict(self) -> None:
        self.create(job_id='same')
        self.assert_nothing_stored('POST', self.url('jobs'), 409, json=self.job(job_id='same'))

    def test_times_of_the_caller_are_overwritten(self) -> None:
        times = {'time_created': 1, 'time_started': 2, 'time_ended': 3}
        schedule = self.read(self.create(job_schedule=times))['job_schedule']
        self.assertNotEqual(1, schedule['time_created'])
        self.assertEqual((-1, -1), (schedule['time_started'], schedule['time_ended']))

    def test_owner_and_project_are_those_of_the_request(self) -> None:
        document = self.read(self.create(user_id='mallory', project_id='p2'))
        self.assertLessEqual(self.owner().items(), document.items())

    def test_credentials_of_a_caller_are_never_stored(self) -> None:
        trust = {'trust_id': 'stolen', 'trustor_user_id': 'bob'}
        job_id = self.create(user_credentials=trust)
        self.assertNotIn('user_credentials', self.read(job_id))
        self.patch(job_id, user_credentials=trust)
        self.replace(job_id, user_credentials=trust)
        self.assertNotIn('user_credentials', self.read(job_id))
        self.assertNotIn('stolen', str(self.rows()))

    def test_what_is_wrong_is_refused_and_stores_nothing(self) -> None:
        for document in (
            {'job_actions': []},
            {'client_id': HOST},
            self.job(client_id='not a host'),
            self.job(client_id=None),
            self.job(job_actions=None),
            self.job(job_actions=['backup']),
            self.job(job_actions=[{}]),
            self.job(job_actions=[{'freezer_action': None}]),
            self.job(job_actions=[{'freezer_action': {}}]),
            self.job(job_actions=[{'freezer_action': {'action': 'nonsense'}}]),
            self.job(job_actions=[{'freezer_action': {**BACKUP, 'mode': 'nonsense'}}]),
            self.job(job_actions=[{'freezer_action': {**BACKUP, 'container': 1}}]),
            self.job(job_actions=[{'freezer_action': BACKUP, 'max_retries': -1}]),
            self.job(job_actions=[{'freezer_action': BACKUP, 'max_retries_interval': 'a'}]),
            self.job(job_actions=[{'freezer_action': BACKUP, 'mandatory': 'yes'}]),
            self.job(job_schedule=None),
            self.job(job_schedule={'unknown': 1}),
            self.job(job_schedule={'event': 'explode'}),
            self.job(job_schedule={'status': 'lost'}),
            self.job(job_schedule={'schedule_interval': ''}),
            self.job(job_schedule={'schedule_hour': 3}),
            self.job(job_schedule={'current_pid': 2**63}),
            self.job(session_tag='1'),
            self.job(action_defaults=[]),
            self.job(unknown=1),
        ):
            self.assert_nothing_stored('POST', self.url('jobs'), 400, json=document)

    @base.only('v2')
    def test_wrong_id_is_refused_and_stores_nothing(self) -> None:
        self.assert_nothing_stored('POST', self.v2('jobs'), 400, json=self.job(job_id='a/b'))

    def test_unknown_session_is_refused_and_stores_nothing(self) -> None:
        body = self.job(session_id='none')
        self.assert_nothing_stored('POST', self.url('jobs'), 400, json=body)

    def test_named_session_takes_the_job_in(self) -> None:
        session_id = self.new_session(session_tag=7)
        job_id = self.create(session_id=session_id)
        document = self.read(job_id)
        self.assertEqual((session_id, 7), (document['session_id'], document['session_tag']))
        session = self.api.get(self.url('sessions', session_id)).json
        self.assertEqual([job_id], list(session['jobs']))

    def test_slashes_at_the_end_mean_nothing(self) -> None:
        answer = self.api.post(self.url('jobs') + '//', json=self.job(), status=201)
        self.api.get(self.url('jobs', answer.json['job_id']) + '/', status=200)

    def test_complete_answer_can_be_posted_again(self) -> None:
        # The dashboard's clone: all keys of an answer but the id.
        document = self.read(self.create(description='nightly'))
        del document['job_id']
        clone = self.read(self.create(**{**document, 'description': 'nightly_clone'}))
        self.assertEqual(document['job_actions'], clone['job_actions'])


class PatchTest(JobsTestCase):
    def test_answer_is_id_and_version(self) -> None:
        job_id = self.create()
        self.assertEqual({'job_id': job_id, 'version': 2}, self.patch(job_id, description='new'))

    def test_absent_keys_stay(self) -> None:
        job_id = self.create(
            description='nightly',
            session_name='weekly',
            job_schedule={'schedule_interval': '1 days', 'status': 'running', 'result': 'fail'},
        )
        before = self.read(job_id)
        self.patch(job_id, job_schedule={'status': 'completed'})
        before['job_schedule']['status'] = 'completed'
        self.assertEqual(before, self.read(job_id))

    def test_empty_patch_changes_nothing(self) -> None:
        job_id = self.create(description='nightly')
        before = self.read(job_id)
        self.assertEqual(1, self.patch(job_id)['version'])
        self.api.patch(self.url('jobs', job_id), status=200)
        self.assertEqual(before, self.read(job_id))

    def test_null_takes_keys_of_the_schedule_away(self) -> None:
        dates = {
            'schedule_interval': '1 days',
            'schedule_start_date': '2030-01-01T02:00:00',
            'schedule_end_date': '2031-01-01T02:00:00',
            'schedule_month': '1',
        }
        job_id = self.create(job_schedule=dates)
        self.patch(job_id, job_schedule={'schedule_interval': None, 'schedule_month': None})
        schedule = self.read(job_id)['job_schedule']
        for name, value in dates.items():
            removed = name in ('schedule_interval', 'schedule_month')
            self.assertEqual(None if removed else value, schedule.get(name), name)
            self.assertEqual(removed, name not in schedule, name)

    def test_null_description_is_an_empty_one(self) -> None:
        job_id = self.create(description='nightly')
        self.patch(job_id, description=None)
        self.assertEqual('', self.read(job_id)['description'])

    def test_list_of_actions_is_replaced(self) -> None:
        job_id = self.create(job_actions=[{'freezer_action': BACKUP}, {'freezer_action': RESTORE}])
        self.patch(job_id, job_actions=[{'freezer_action': RESTORE}])
        [entry] = self.read(job_id)['job_actions']
        self.assertEqual(RESTORE, entry['freezer_action'])

    def test_complete_document_of_an_answer_changes_nothing(self) -> None:
        session_id = self.new_session()
        for document in (
            {},
            {'job_actions': []},
            {'job_schedule': {'schedule_interval': '1 days', 'current_pid': 1}},
            {'job_schedule': {'event': 'abort'}},
            {'session_id': session_id},
            {'session_name': 'weekly', 'description': None},
            {'job_actions': [{'freezer_action': {**BACKUP, 'mode': None, 'x': ''}}]},
            {'job_actions': [{'freezer_action': BACKUP, 'max_retries': 0, 'mandatory': True}]},
            {'action_defaults': {'storage': 'swift'}},
        ):
            job_id = self.create(**document)
            before, version = self.read(job_id), self.version(job_id)
            answer = self.api.patch(self.url('jobs', job_id), json=before, status=200)
            self.assertEqual(version, answer.json['version'], document)
            self.assertEqual(before, self.read(job_id))

    def test_complete_document_with_an_action_twice_changes_nothing(self) -> None:
        reference = {'action_id': 'twice'}
        body = {'action_id': 'twice', 'freezer_action': BACKUP}
        self.api.post(self.url('actions'), json=body, status=201)
        job_id = self.create(
            job_actions=[{**reference, 'max_retries': 2}, reference, {**reference, 'max_retries': 3}]
        )
        before = self.read(job_id)
        self.assertEqual([2, 5, 3], [entry['max_retries'] for entry in before['job_actions']])
        self.assertEqual(1, self.patch(job_id, **before)['version'])

    def test_echo_of_an_aborted_job_does_not_make_up_a_process(self) -> None:
        job_id = self.create(job_schedule={'event': 'abort'})
        self.patch(job_id, **self.read(job_id))
        self.patch(job_id, job_schedule={'event': ''})
        self.assertNotIn('current_pid', self.read(job_id)['job_schedule'])

    def test_whole_schedule_of_an_agent_is_accepted(self) -> None:
        # What scheduler 19.0.0 sends during a run.
        job_id = self.create(job_schedule={'schedule_interval': '1 days'})
        schedule = self.read(job_id)['job_schedule']
        run = {'status': 'running', 'time_started': 1893456000, 'time_ended': -1, 'event': ''}
        schedule.update(run, current_pid=4711)
        self.patch(job_id, job_schedule=schedule, session_id='', session_tag=0)
        self.assertEqual(schedule, self.read(job_id)['job_schedule'])

    def test_project_owner_and_id_are_ignored(self) -> None:
        job_id = self.create()
        before = self.read(job_id)
        self.patch(job_id, project_id='p2', user_id='mallory', job_id='other')
        self.assertEqual(before, self.read(job_id))
        self.api.get(self.url('jobs', 'other'), status=404)

    def test_keys_that_older_answers_had_are_accepted(self) -> None:
        job_id = self.create()
        for document in (
            {'_version': 3},
            {'session_id': None},
            {'user_credentials': {}},
            {'session_name': None},
        ):
            self.assertEqual(1, self.patch(job_id, **document)['version'], document)

    def test_what_is_wrong_is_refused_and_stores_nothing(self) -> None:
        job_id = self.create(job_schedule={'schedule_interval': '1 days'})
        for document in (
            {'client_id': None},
            {'client_id': 'not a host'},
            {'job_actions': None},
            {'job_actions': [{}]},
            {'job_actions': [None]},
            {'job_actions': [{'freezer_action': {**BACKUP, 'mode': 1}}]},
            {'job_schedule': None},
            {'job_schedule': {'event': None}},
            {'job_schedule': {'unknown': 1}},
            {'job_schedule': {'schedule_interval': 'often'}},
            {'session_tag': None},
            {'unknown': 1},
            {'action_defaults': {'container': 'x'}},
            {'action_defaults': [], 'job_actions': []},
        ):
            self.assert_nothing_stored('PATCH', self.url('jobs', job_id), 400, json=document)

    def test_missing_job_is_not_found_and_stores_nothing(self) -> None:
        for document in ({}, {'description': 'x'}, self.job()):
            self.assert_nothing_stored('PATCH', self.url('jobs', 'none'), 404, json=document)

    @base.only('v2')
    def test_another_writer_does_not_become_the_owner(self) -> None:
        job_id = self.create()
        for caller in (self.as_('bob'), self.as_('root', project='admin', roles='admin')):
            path = self.url('jobs', job_id)
            caller.patch(path, json={'description': caller.user}, status=200)
            self.assertEqual((caller.user, 'alice'), self._description_and_owner(job_id))
            caller.post(path, json=self.job(description='all'), status=201)
            self.assertEqual(('all', 'alice'), self._description_and_owner(job_id))
            caller.post(self.url('jobs', job_id, 'event'), json={'start': None}, status=202)
            self.assertEqual('alice', self.read(job_id)['user_id'])

    def _description_and_owner(self, job_id: str) -> tuple[str, str]:
        document = self.read(job_id)
        return document['description'], document['user_id']


class ReplaceTest(JobsTestCase):
    def test_absent_keys_fall_back_to_their_defaults(self) -> None:
        job_id = self.create(
            description='nightly', job_schedule={'schedule_interval': '1 days', 'status': 'stop'}
        )
        self.assertEqual({'job_id': job_id, 'version': 2}, self.replace(job_id, job_actions=[]))
        document = self.read(job_id)
        self.assertEqual({'event': '', 'status': '', 'result': ''}, document['job_schedule'])
        self.assertEqual(('', []), (document['description'], document['job_actions']))

    def test_times_are_taken_as_given(self) -> None:
        job_id = self.create()
        self.replace(job_id, job_schedule={'time_started': 5})
        schedule = self.read(job_id)['job_schedule']
        self.assertEqual(5, schedule['time_started'])
        self.assertNotIn('time_ended', schedule)

    def test_missing_job_is_created(self) -> None:
        self.assertEqual({'job_id': 'new', 'version': 1}, self.replace('new', description='x'))
        self.assertEqual('x', self.read('new')['description'])

    def test_id_of_the_path_wins(self) -> None:
        self.replace('path', job_id='body')
        self.assertEqual('path', self.read('path')['job_id'])
        self.api.get(self.url('jobs', 'body'), status=404)

    def test_same_document_changes_nothing(self) -> None:
        job_id = self.create(description='x', job_schedule={'schedule_interval': '1 days'})
        self.assertEqual(1, self.replace(job_id, **self.read(job_id))['version'])

    def test_what_is_wrong_is_refused_and_stores_nothing(self) -> None:
        job_id = self.create()
        # v1 knows no 422 for an action.
        unknown = 400 if self.api_version == 'v1' else 422
        for path in (self.url('jobs', job_id), self.url('jobs', 'new')):
            for body, status in (
                ({}, 400),
                ({'job_actions': []}, 400),
                (self.job(job_schedule=None), 400),
                (self.job(unknown=1), 400),
                (self.job(session_id='none'), 400),
                (self.job(client_id='stranger'), 422),
                (self.job(job_actions=[{'action_id': 'none'}]), unknown),
            ):
                self.assert_nothing_stored('POST', path, status, json=body)

    def test_session_of_the_document_is_joined_and_left(self) -> None:
        job_id = self.create()
        session_id = self.new_session()
        self.replace(job_id, session_id=session_id)
        self.assertEqual(session_id, self.read(job_id)['session_id'])
        self.replace(job_id)
        self.assertEqual('', self.read(job_id)['session_id'])
        self.assertEqual({}, self.api.get(self.url('sessions', session_id)).json['jobs'])


class DeleteTest(JobsTestCase):
    def test_deleted_job_is_gone(self) -> None:
        job_id = self.create()
        answer = self.api.delete(self.url('jobs', job_id), status=204)
        self.assertEqual(b'', answer.body)
        self.api.get(self.url('jobs', job_id), status=404)
        self.assertEqual([], self.api.get(self.url('jobs')).json['jobs'])

    def test_nothing_but_its_actions_is_left(self) -> None:
        before = self.rows()
        job_id = self.create(job_actions=[{'freezer_action': BACKUP}, {'freezer_action': RESTORE}])
        self.api.delete(self.url('jobs', job_id), status=204)
        after = self.rows()
        self.assertEqual(2, len(after.pop('actions')))
        self.assertEqual([], before.pop('actions'))
        self.assertEqual(before, after)

    def test_nothing_is_left_to_delete(self) -> None:
        self.api.delete(self.url('jobs', 'none'), status=self.deleted_nothing)

    def test_id_is_free_at_once(self) -> None:
        self.create(job_id='again', description='old')
        self.api.delete(self.url('jobs', 'again'), status=204)
        self.create(job_id='again', job_actions=[])
        self.assertEqual(('', []), (self.read('again')['description'], self.read('again')['job_actions']))
        self.assertEqual(1, self.version('again'))
        self.api.delete(self.url('jobs', 'again'), status=204)
        self.assertEqual(1, self.replace('again')['version'])

    def test_job_leaves_its_session(self) -> None:
        job_id = self.create()
        session_id = self.new_session()
        self.attach(session_id, job_id)
        self.api.delete(self.url('jobs', job_id), status=204)
        self.assertEqual({}, self.api.get(self.url('sessions', session_id)).json['jobs'])


class MissingTest(JobsTestCase):
    def test_missing_job_is_not_found_with_a_body(self) -> None:
        for method, segments in (('GET', ()), ('PATCH', ()), ('POST', ('event',))):
            path = self.url('jobs', 'none', *segments)
            answer = self.api.request(method, path, json={'start': None}, status=404)
            self.assertEqual(404, answer.json['code'], method)


class SessionKeysTest(JobsTestCase):
    def test_session_of_an_attached_job_is_shown(self) -> None:
        job_id = self.create()
        session_id = self.new_session(session_tag=5)
        self.attach(session_id, job_id)
        document = self.read(job_id)
        self.assertEqual((session_id, 5), (document['session_id'], document['session_tag']))
        [listed] = self.api.get(self.url('jobs')).json['jobs']
        self.assertEqual(document, listed)

    def test_agent_sends_session_and_tag_back_unchanged(self) -> None:
        job_id = self.create()
        session_id = self.new_session(session_tag=5)
        self.attach(session_id, job_id)
        version = self.version(job_id)
        document = self.read(job_id)
        keys = ('job_schedule', 'session_id', 'session_tag')
        answer = self.patch(job_id, **{key: document[key] for key in keys})
        self.assertEqual(version, answer['version'])
        self.assertEqual(document, self.read(job_id))

    def test_older_tag_of_an_agent_does_not_come_back(self) -> None:
        job_id = self.create()
        session_id = self.new_session()
        self.attach(session_id, job_id)
        start = {'start': {'job_id': job_id, 'current_tag': 0}}
        self.api.post(self.url('sessions', session_id, 'action'), json=start, status=202)
        self.assertEqual(1, self.read(job_id)['session_tag'])
        self.patch(job_id, session_id=session_id, session_tag=0)
        self.assertEqual(1, self.read(job_id)['session_tag'])

    def test_older_session_of_an_agent_does_not_come_back(self) -> None:
        job_id = self.create()
        old, new = self.new_session(), self.new_session()
        self.attach(old, job_id)
        self.attach(new, job_id)
        for value in (old, '', None, 'none'):
            self.patch(job_id, session_id=value)
            self.assertEqual(new, self.read(job_id)['session_id'], value)
