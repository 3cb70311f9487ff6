# SPDX-License-Identifier: Apache-2.0
"""Jobs: what is stored, merged, refused and shown, and what their events do."""

import re
import time
from typing import Any

from tests import base

Document = dict[str, Any]

HOST = 'p1_web01.example'
BACKUP = {'action': 'backup', 'mode': 'fs', 'path_to_backup': '/srv/www', 'container': 'vault'}
RESTORE = {'action': 'restore', 'mode': 'fs', 'restore_abs_path': '/srv/www'}


class JobsTestCase(base.ApiTestCase):
    """A project with one client that can do everything."""

    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.register(self.api)

    def register(self, caller: base.Client, client_id: str = HOST, **document: Any) -> None:
        body = {'client_id': client_id, 'hostname': 'web01', **document}
        caller.post(caller.url('clients'), json=body, status=201)

    def job(self, **document: Any) -> Document:
        """A document to send."""
        return {'client_id': HOST, 'job_actions': [{'freezer_action': BACKUP}], **document}

    def create(self, caller: base.Client | None = None, **document: Any) -> str:
        """Store a job; return its id."""
        caller = caller or self.api
        return caller.create_job(self.job(**document))

    def read(self, job_id: str, caller: base.Client | None = None) -> Document:
        caller = caller or self.api
        document: Document = caller.get(caller.url('jobs', job_id), status=200).json
        return document

    def version(self, job_id: str) -> int:
        etag = self.api.get(self.url('jobs', job_id), status=200).headers['ETag']
        return int(etag.strip('"'))

    def patch(self, job_id: str, /, status: int = 200, **document: Any) -> Document:
        answer = self.api.patch(self.url('jobs', job_id), json=document, status=status)
        return dict(answer.json)

    def replace(self, job_id: str, /, status: int = 201, **document: Any) -> Document:
        path = self.url('jobs', job_id)
        return dict(self.api.post(path, json=self.job(**document), status=status).json)

    def event(self, job_id: str, name: str, status: int = 202) -> Document:
        path = self.url('jobs', job_id, 'event')
        return dict(self.api.post(path, json={name: None}, status=status).json)

    def new_session(self, **document: Any) -> str:
        path = self.url('sessions')
        response = self.api.post(path, json={'schedule': {}, **document}, status=201)
        return str(response.json['session_id'])

    def attach(self, session_id: str, job_id: str) -> None:
        self.api.put(self.url('sessions', session_id, 'jobs', job_id), status=204)

    def assert_nothing_stored(self, method: str, path: str, body: Any, status: int) -> None:
        before = self.rows()
        answer = self.api.request(method, path, json=body, status=status)
        self.assertEqual({'title', 'description', 'code'}, set(answer.json))
        self.assertEqual(before, self.rows())


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
        self.assert_nothing_stored('POST', self.url('jobs'), self.job(job_id='same'), 409)

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
            self.assert_nothing_stored('POST', self.url('jobs'), document, 400)

    @base.only('v2')
    def test_wrong_id_is_refused_and_stores_nothing(self) -> None:
        self.assert_nothing_stored('POST', self.v2('jobs'), self.job(job_id='a/b'), 400)

    def test_unknown_session_is_refused_and_stores_nothing(self) -> None:
        body = self.job(session_id='none')
        self.assert_nothing_stored('POST', self.url('jobs'), body, 400)

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
            self.assert_nothing_stored('PATCH', self.url('jobs', job_id), document, 400)

    def test_missing_job_is_not_found_and_stores_nothing(self) -> None:
        for document in ({}, {'description': 'x'}, self.job()):
            self.assert_nothing_stored('PATCH', self.url('jobs', 'none'), document, 404)

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
                self.assert_nothing_stored('POST', path, body, status)

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


class VersionTest(JobsTestCase):
    def test_version_counts_the_writes_that_changed_something(self) -> None:
        job_id = self.create()
        versions = [self.version(job_id)]
        for document in (
            {'description': 'a'},
            {'description': 'a'},
            {'job_schedule': {'schedule_interval': '1 days'}},
            {'job_schedule': {'status': 'running'}},
            {'job_schedule': {'status': 'running'}},
            {'job_actions': []},
            {'job_actions': []},
            {'session_tag': 4},
            {'session_name': 'weekly'},
            {'job_schedule': {'current_pid': 5}},
        ):
            version = self.patch(job_id, **document)['version']
            self.assertEqual(version, self.version(job_id), document)
            versions.append(version)
        self.assertEqual([1, 2, 2, 3, 4, 4, 5, 5, 6, 7, 8], versions)

    def test_every_answer_about_one_job_carries_its_etag(self) -> None:
        session_id = self.new_session()
        for document in ({}, {'session_id': session_id}):
            posted = self.api.post(self.url('jobs'), json=self.job(**document))
            path = self.url('jobs', posted.json['job_id'])
            self.assertEqual('"1"', posted.headers['ETag'])
            self.assertEqual('"1"', self.api.get(path).headers['ETag'])
            patched = self.api.patch(path, json={'description': 'b'})
            self.assertEqual('"2"', patched.headers['ETag'])
            replaced = self.api.post(path, json=self.job(**document))
            self.assertEqual('"3"', replaced.headers['ETag'])
            self.assertEqual('"3"', self.api.get(path).headers['ETag'])
            self.api.delete(path, status=204)
            created = self.api.post(path, json=self.job(**document), status=201)
            self.assertEqual('"1"', created.headers['ETag'])
            self.assertEqual('"1"', self.api.get(path).headers['ETag'])
            self.api.delete(path, status=204)

    def test_writes_with_the_stored_version_pass(self) -> None:
        job_id = self.create()
        path = self.url('jobs', job_id)
        body = {'description': 'x'}
        self.api.patch(path, json=body, headers={'If-Match': '"1"'}, status=200)
        self.api.post(path, json=self.job(), headers={'If-Match': '"2"'}, status=201)
        self.api.patch(path, json=body, headers={'If-Match': '*'}, status=200)
        self.api.delete(path, headers={'If-Match': '"4"'}, status=204)

    def test_writes_with_another_version_are_refused_and_store_nothing(self) -> None:
        path = self.url('jobs', self.create())
        before = self.rows()
        for method, body in (('PATCH', {'description': 'x'}), ('POST', self.job()), ('DELETE', {})):
            for tag in ('"2"', '"0"', '"x"', 'W/"1"', '"99999999999999999999"'):
                headers = {'If-Match': tag}
                answer = self.api.request(method, path, json=body, headers=headers, status=412)
                self.assertEqual(412, answer.json['code'])
        self.assertEqual(before, self.rows())

    def test_creating_with_a_version_is_refused(self) -> None:
        headers = {'If-Match': '"1"'}
        self.api.post(self.url('jobs', 'new'), json=self.job(), headers=headers, status=412)
        self.api.get(self.url('jobs', 'new'), status=404)

    def test_known_version_is_not_sent_again(self) -> None:
        path = self.url('jobs', self.create())
        for tags, status in (
            ('"1"', 304),
            ('W/"1"', 304),
            ('"7", "1"', 304),
            ('*', 304),
            ('"2"', 200),
            ('1', 200),
        ):
            answer = self.api.get(path, headers={'If-None-Match': tags}, status=status)
            self.assertEqual('"1"', answer.headers['ETag'])
            self.assertEqual(status == 304, answer.body == b'', tags)

    def test_version_rises_whatever_changes_the_document(self) -> None:
        job_id = self.create()
        session_id = self.new_session()
        path = self.url('sessions', session_id)
        start = {'start': {'job_id': job_id, 'current_tag': 0}}
        for method, target, body in (
            ('POST', self.url('jobs', job_id, 'event'), {'start': None}),
            ('PUT', self.url('sessions', session_id, 'jobs', job_id), {}),
            ('PATCH', path, {'schedule': {'schedule_interval': '2 days'}}),
            ('POST', path + '/action', start),
            ('DELETE', self.url('sessions', session_id, 'jobs', job_id), {}),
        ):
            before, version = self.read(job_id), self.version(job_id)
            self.api.request(method, target, json=body)
            self.assertNotEqual(before, self.read(job_id), target)
            self.assertGreater(self.version(job_id), version)

    def test_head_answers_as_get_without_a_body(self) -> None:
        job_id = self.create()
        for path in (self.url('jobs', job_id), self.url('jobs')):
            got, head = self.api.get(path), self.api.head(path, status=200)
            self.assertEqual(b'', head.body)
            for name in ('Content-Type', 'Content-Length', 'ETag'):
                self.assertEqual(got.headers.get(name), head.headers.get(name), name)
        self.api.head(self.url('jobs', 'none'), status=404)
        headers = {'If-None-Match': '"1"'}
        self.api.head(self.url('jobs', job_id), headers=headers, status=304)


class DefaultsTest(JobsTestCase):
    DEFAULTS: Document = {'container': 'default', 'storage': 'swift', 'free': [1]}

    def test_defaults_fill_what_is_absent_or_null(self) -> None:
        job_id = self.create(
            action_defaults=self.DEFAULTS,
            job_actions=[
                {'freezer_action': {'action': 'backup', 'container': 'own'}},
                {'freezer_action': {'action': 'backup', 'container': None}},
                {'freezer_action': {'action': 'backup', 'container': '', 'storage': 'local'}},
            ],
        )
        self.assertEqual(
            [
                {'action': 'backup', 'container': 'own', 'storage': 'swift', 'free': [1]},
                {'action': 'backup', 'container': 'default', 'storage': 'swift', 'free': [1]},
                {'action': 'backup', 'container': '', 'storage': 'local', 'free': [1]},
            ],
            [entry['freezer_action'] for entry in self.read(job_id)['job_actions']],
        )

    def test_defaults_apply_on_every_write(self) -> None:
        job_id = self.create(job_actions=[])
        entries = [{'freezer_action': {'action': 'backup'}}]
        for write in (self.patch, self.replace):
            write(job_id, action_defaults=self.DEFAULTS, job_actions=entries)
            document = self.read(job_id)
            [entry] = document['job_actions']
            self.assertEqual({'action': 'backup', **self.DEFAULTS}, entry['freezer_action'])
            self.assertNotIn('action_defaults', document)
            self.patch(job_id, job_actions=[])

    def test_defaults_can_bring_the_action_itself(self) -> None:
        job_id = self.create(
            action_defaults={'action': 'backup'}, job_actions=[{'freezer_action': {'mode': 'fs'}}]
        )
        [entry] = self.read(job_id)['job_actions']
        self.assertEqual({'mode': 'fs', 'action': 'backup'}, entry['freezer_action'])

    def test_defaults_are_checked_as_part_of_the_entries(self) -> None:
        for defaults, status in (({'mode': 'nonsense'}, 400), ({'container': 1}, 400)):
            entries = [{'freezer_action': {'action': 'backup'}}]
            body = self.job(action_defaults=defaults, job_actions=entries)
            self.assert_nothing_stored('POST', self.url('jobs'), body, status)

    def test_null_defaults_are_none(self) -> None:
        [entry] = self.read(self.create(action_defaults=None))['job_actions']
        self.assertEqual(BACKUP, entry['freezer_action'])

    def test_defaults_fill_the_copy_of_the_job_and_not_the_action(self) -> None:
        definition = {'action': 'backup', 'container': 'own'}
        body = {'action_id': 'a', 'freezer_action': definition}
        self.api.post(self.url('actions'), json=body, status=201)
        for entry in ({'action_id': 'a'}, {'action_id': 'a', 'freezer_action': definition}):
            job_id = self.create(action_defaults=self.DEFAULTS, job_actions=[entry])
            [stored] = self.read(job_id)['job_actions']
            self.assertEqual({**self.DEFAULTS, **definition}, stored['freezer_action'])
            action = self.api.get(self.url('actions', 'a')).json
            self.assertEqual(definition, action['freezer_action'])

    @base.only('v2')
    def test_defaults_that_change_nothing_leave_the_job_following(self) -> None:
        body = {'action_id': 'a', 'freezer_action': BACKUP}
        self.api.post(self.url('actions'), json=body, status=201)
        job_id = self.create(
            action_defaults={'container': 'other'}, job_actions=[{'action_id': 'a'}]
        )
        change = {'freezer_action': {'container': 'changed'}}
        self.api.patch(self.url('actions', 'a'), json=change, status=200)
        [entry] = self.read(job_id)['job_actions']
        self.assertEqual('changed', entry['freezer_action']['container'])


class CapabilitiesTest(JobsTestCase):
    LIMITED = 'p1_limited'

    def setUp(self) -> None:
        super().setUp()
        self.register(
            self.api,
            self.LIMITED,
            supported_actions=['backup'],
            supported_modes=['fs'],
            supported_storages=['swift'],
            supported_engines=['tar'],
        )

    def test_job_that_its_client_can_run_is_accepted(self) -> None:
        for definition in (
            {'action': 'backup'},
            {'action': 'backup', 'mode': 'fs', 'storage': 'swift', 'engine_name': 'tar'},
            {'action': 'backup', 'mode': None, 'storage': '', 'engine': 'tar', 'engine_name': None},
        ):
            self.create(client_id=self.LIMITED, job_actions=[{'freezer_action': definition}])

    def test_job_that_its_client_cannot_run_is_refused_on_every_write(self) -> None:
        job_id = self.create(client_id=self.LIMITED)
        path = self.url('jobs', job_id)
        for definition in (
            {'action': 'restore'},
            {'action': 'backup', 'mode': 'nova'},
            {'action': 'backup', 'storage': 's3'},
            {'action': 'backup', 'storage': ['swift']},
            {'action': 'backup', 'engine': 'rsync'},
            {'action': 'backup', 'engine_name': 'rsync'},
            {'action': 'backup', 'engine': 'tar', 'engine_name': 'rsync'},
        ):
            entries = [{'freezer_action': BACKUP}, {'freezer_action': definition}]
            body = self.job(client_id=self.LIMITED, job_actions=entries)
            self.assert_nothing_stored('POST', self.url('jobs'), body, 422)
            self.assert_nothing_stored('POST', path, body, 422)
            self.assert_nothing_stored('PATCH', path, {'job_actions': entries}, 422)

    def test_filled_in_defaults_are_checked(self) -> None:
        body = self.job(client_id=self.LIMITED, action_defaults={'storage': 's3'})
        self.assert_nothing_stored('POST', self.url('jobs'), body, 422)

    def test_definition_of_a_named_action_is_checked(self) -> None:
        body = {'action_id': 'a', 'freezer_action': RESTORE}
        self.api.post(self.url('actions'), json=body, status=201)
        job = self.job(client_id=self.LIMITED, job_actions=[{'action_id': 'a'}])
        self.assert_nothing_stored('POST', self.url('jobs'), job, 422)

    def test_empty_list_of_the_client_means_nothing_is_supported(self) -> None:
        self.register(self.api, 'p1_idle', supported_actions=[])
        body = self.job(client_id='p1_idle')
        self.assert_nothing_stored('POST', self.url('jobs'), body, 422)

    def test_unknown_client_is_refused_on_every_write(self) -> None:
        path = self.url('jobs', self.create())
        body = self.job(client_id='stranger')
        self.assert_nothing_stored('POST', self.url('jobs'), body, 422)
        self.assert_nothing_stored('POST', path, body, 422)
        self.assert_nothing_stored('PATCH', path, body, 422)
        self.assert_nothing_stored('PATCH', path, {'client_id': 'stranger'}, 422)

    def test_another_client_is_checked_without_new_actions(self) -> None:
        job_id = self.create(job_actions=[{'freezer_action': RESTORE}])
        path = self.url('jobs', job_id)
        self.assert_nothing_stored('PATCH', path, {'client_id': self.LIMITED}, 422)
        able = self.create()
        self.patch(able, client_id=self.LIMITED)
        self.assertEqual(self.LIMITED, self.read(able)['client_id'])

    def test_client_of_another_project_is_unknown(self) -> None:
        self.register(self.as_(project='p2'), 'p2_host')
        body = self.job(client_id='p2_host')
        self.assert_nothing_stored('POST', self.url('jobs'), body, 422)

    def test_agent_reports_whatever_its_client_supports_by_now(self) -> None:
        job_id = self.create(client_id=self.LIMITED)
        document = self.read(job_id)
        self.register(self.api, self.LIMITED, supported_actions=[])
        document['job_schedule']['status'] = 'running'
        self.patch(job_id, **document)
        self.assertEqual('running', self.read(job_id)['job_schedule']['status'])

    def test_agent_reports_though_its_client_is_gone(self) -> None:
        job_id = self.create()
        document = self.read(job_id)
        self.api.delete(self.url('clients', HOST), status=204)
        document['job_schedule']['status'] = 'running'
        self.patch(job_id, **document)
        self.patch(job_id, job_schedule={'result': 'fail'})
        schedule = self.read(job_id)['job_schedule']
        self.assertEqual(('running', 'fail'), (schedule['status'], schedule['result']))


class EventTest(JobsTestCase):
    def test_event_is_stored_and_answered(self) -> None:
        for event in ('start', 'stop', 'abort'):
            job_id = self.create()
            self.assertEqual({'result': 'success'}, self.event(job_id, event))
            self.assertEqual(event, self.read(job_id)['job_schedule']['event'])

    def test_event_that_is_there_is_not_stored_again(self) -> None:
        job_id = self.create(job_schedule={'status': 'running'})
        for event in ('start', 'stop', 'abort'):
            self.event(job_id, event)
            self.patch(job_id, job_schedule={'status': 'running', 'result': 'fail'})
            before = self.rows()
            self.assertEqual({'result': f'{event} already requested'}, self.event(job_id, event))
            self.assertEqual(before, self.rows())

    def test_start_clears_status_and_result(self) -> None:
        job_id = self.create(job_schedule={'status': 'completed', 'result': 'fail'})
        self.event(job_id, 'start')
        schedule = self.read(job_id)['job_schedule']
        self.assertEqual(('', ''), (schedule['status'], schedule['result']))

    def test_started_job_is_polled_again(self) -> None:
        job_id = self.create(job_schedule={'status': 'completed'})
        poll = {'match': [{'client_id': HOST}], 'match_not': [{'status': 'completed'}]}
        self.assertEqual([], self.api.get(self.url('jobs'), json=poll).json['jobs'])
        self.event(job_id, 'start')
        [polled] = self.api.get(self.url('jobs'), json=poll).json['jobs']
        self.assertEqual(self.read(job_id), polled)

    def test_stop_and_abort_keep_status_result_and_schedule(self) -> None:
        schedule = {'status': 'running', 'result': 'fail', 'schedule_interval': '1 days'}
        for event in ('stop', 'abort'):
            job_id = self.create(job_schedule=schedule)
            self.event(job_id, event)
            stored = self.read(job_id)['job_schedule']
            self.assertEqual(schedule, {key: stored[key] for key in schedule}, event)

    def test_first_key_alone_counts(self) -> None:
        job_id = self.create()
        path = self.url('jobs', job_id, 'event')
        self.api.post(path, body=b'{"stop": {"x": 1}, "start": null}', status=202)
        self.assertEqual('stop', self.read(job_id)['job_schedule']['event'])

    def test_what_is_no_event_is_refused_and_stores_nothing(self) -> None:
        path = self.url('jobs', self.create(), 'event')
        for body in ({}, [], None, 'start', ['start'], {'remove': None}, {'': 1}, {'Start': 1}):
            self.assert_nothing_stored('POST', path, body, 400)
        self.api.post(path, status=400)

    def test_missing_job_is_not_found(self) -> None:
        self.event('none', 'start', status=404)

    def test_events_work_when_the_client_is_gone(self) -> None:
        job_id = self.create()
        self.api.delete(self.url('clients', HOST), status=204)
        for event in ('stop', 'abort', 'start'):
            self.assertEqual({'result': 'success'}, self.event(job_id, event))

    def test_reader_may_not_send_events(self) -> None:
        job_id = self.create()
        reader = self.as_('eve', roles='reader')
        path = reader.url('jobs', job_id, 'event')
        reader.post(path, json={'start': None}, status=403)
        self.assertEqual('', self.read(job_id)['job_schedule']['event'])


class ProcessTest(JobsTestCase):
    """``current_pid`` is for those whose host it is."""

    def setUp(self) -> None:
        super().setUp()
        self.admin = self.as_('root', project='operators', roles='admin')
        self.service = self.as_('freezer', project='service', roles='service')
        self.register(self.as_('root', project='operators', roles='admin,member'), 'central', is_central=True)

    def pids(self, caller: base.Client, job_id: str) -> list[Any]:
        """As seen in the job and in the list."""
        path = self.url('jobs')
        answers = [
            caller.get(self.url('jobs', job_id), status=200).json,
            *(job for job in caller.get(path).json['jobs'] if job['job_id'] == job_id),
        ]
        return [answer['job_schedule'].get('current_pid') for answer in answers]

    @base.only('v2')
    def test_process_on_an_own_host_is_shown(self) -> None:
        job_id = self.create(job_schedule={'current_pid': 7})
        for caller in (self.api, self.as_('eve', roles='reader'), self.admin, self.service):
            self.assertEqual([7, 7], self.pids(caller, job_id), caller)

    @base.only('v2')
    def test_process_on_a_foreign_host_is_hidden(self) -> None:
        job_id = self.create(client_id='central', job_schedule={'current_pid': 7})
        self.assertEqual([None, None], self.pids(self.api, job_id))
        for caller in (self.admin, self.service):
            self.assertEqual([7, 7], self.pids(caller, job_id))

    @base.only('v2')
    def test_process_is_hidden_when_the_client_is_gone(self) -> None:
        job_id = self.create(job_schedule={'current_pid': 7})
        self.api.delete(self.url('clients', HOST), status=204)
        self.assertEqual([None, None], self.pids(self.api, job_id))

    def test_job_to_abort_always_has_a_number(self) -> None:
        # The scheduler's poll raises without one.
        job_id = self.create()
        self.assertEqual([None, None], self.pids(self.api, job_id))
        self.event(job_id, 'abort')
        self.assertEqual([-1, -1], self.pids(self.api, job_id))
        self.event(job_id, 'stop')
        self.assertEqual([None, None], self.pids(self.api, job_id))

    def test_known_process_of_a_job_to_abort_is_shown(self) -> None:
        job_id = self.create(job_schedule={'current_pid': 7, 'event': 'abort'})
        self.assertEqual([7, 7], self.pids(self.api, job_id))

    @base.only('v2')
    def test_echo_does_not_overwrite_a_hidden_process(self) -> None:
        job_id = self.create(client_id='central', job_schedule={'current_pid': 7})
        for event in ('stop', 'abort'):
            self.event(job_id, event)
            self.patch(job_id, **self.read(job_id))
            self.assertEqual([7, 7], self.pids(self.admin, job_id), event)


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


class ProjectsTest(JobsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = self.as_('bob', project='p2')
        self.register(self.other)

    def test_two_projects_may_use_one_id(self) -> None:
        self.create(job_id='same', description='mine')
        self.create(self.other, job_id='same', description='theirs', job_actions=[])
        self.assertEqual('mine', self.read('same')['description'])
        self.assertEqual('theirs', self.read('same', self.other)['description'])
        self.patch('same', description='changed')
        self.event('same', 'start')
        theirs = self.read('same', self.other)
        self.assertEqual(('theirs', ''), (theirs['description'], theirs['job_schedule']['event']))
        self.api.delete(self.url('jobs', 'same'), status=204)
        self.assertEqual(theirs, self.read('same', self.other))

    def test_entries_of_one_id_in_two_projects_are_kept_apart(self) -> None:
        for caller, definition in ((self.api, BACKUP), (self.other, RESTORE)):
            body = {'action_id': 'same', 'freezer_action': definition}
            caller.post(caller.url('actions'), json=body, status=201)
            self.create(caller, job_id='same', job_actions=[{'action_id': 'same'}])
        self.api.delete(self.url('actions', 'same'), status=204)
        for caller, definition in ((self.api, BACKUP), (self.other, RESTORE)):
            [entry] = self.read('same', caller)['job_actions']
            self.assertEqual(definition, entry['freezer_action'])

    def test_id_of_another_project_is_missing(self) -> None:
        self.create(self.other, job_id='theirs', description='theirs')
        before = self.rows()
        path = self.url('jobs', 'theirs')
        self.api.get(path, status=404)
        self.api.patch(path, json={'description': 'x'}, status=404)
        self.event('theirs', 'start', status=404)
        self.api.delete(path, status=self.deleted_nothing)
        self.assertEqual([], self.api.get(self.url('jobs')).json['jobs'])
        self.assertEqual(before, self.rows())

    def test_replacing_an_id_of_another_project_makes_an_own_job(self) -> None:
        self.create(self.other, job_id='same', description='theirs')
        self.replace('same', description='mine')
        self.assertEqual('mine', self.read('same')['description'])
        self.assertEqual('theirs', self.read('same', self.other)['description'])

    @base.only('v2')
    def test_path_of_another_project_is_forbidden_whatever_is_there(self) -> None:
        self.create(self.other, job_id='theirs')
        before = self.rows()
        for method in ('GET', 'POST'):
            self.api.request(method, self.other.url('jobs'), json=self.job(), status=403)
        for method, *segments in (
            ('GET',),
            ('PATCH',),
            ('POST',),
            ('DELETE',),
            ('POST', 'event'),
        ):
            answers = [
                self.api.request(
                    method, self.other.url('jobs', name, *segments), json=self.job(), status=403
                ).json
                for name in ('theirs', 'none')
            ]
            self.assertEqual(answers[0], answers[1], method)
        self.assertEqual(before, self.rows())

    @base.only('v2')
    def test_administrator_writes_into_the_project_of_the_path(self) -> None:
        admin = self.as_('root', project='operators', roles='admin')
        answer = admin.post(self.url('jobs'), json=self.job(), status=201)
        document = self.read(answer.json['job_id'])
        self.assertEqual(('p1', 'root'), (document['project_id'], document['user_id']))

    def test_session_of_another_project_is_unknown(self) -> None:
        path = self.other.url('sessions')
        session_id = self.other.post(path, json={'schedule': {}}).json['session_id']
        body = self.job(session_id=session_id)
        self.assert_nothing_stored('POST', self.url('jobs'), body, 400)

    def listed(self, caller: base.Client, all_projects: str) -> list[str]:
        answer = caller.get(self.url('jobs'), params={'all_projects': all_projects}, status=200)
        return [job['job_id'] for job in answer.json['jobs']]

    @base.only('v2')
    def test_all_projects_are_listed_for_those_who_may(self) -> None:
        self.create(job_id='a')
        self.create(self.other, job_id='b')
        self.create(job_id='c')
        for roles in ('admin', 'service', 'admin,member,reader'):
            caller = self.as_('root', project='operators', roles=roles)
            for word in ('True', 'true', '1', 'yes', 'on'):
                self.assertEqual(['a', 'b', 'c'], self.listed(caller, word), (roles, word))
            for word in ('False', '0', 'no', ''):
                self.assertEqual(['a', 'c'], self.listed(caller, word), (roles, word))

    @base.only('v2')
    def test_all_projects_is_ignored_for_others(self) -> None:
        self.create(job_id='a')
        self.create(self.other, job_id='b')
        for roles in ('member', 'reader', 'member,reader'):
            caller = self.as_('eve', roles=roles)
            self.assertEqual(['a'], self.listed(caller, 'True'), roles)

    @base.only('v2')
    def test_all_projects_must_be_a_boolean_word(self) -> None:
        for roles in ('member', 'admin'):
            caller = self.as_('eve', roles=roles)
            caller.get(self.url('jobs'), params={'all_projects': 'maybe'}, status=400)

    @base.only('v2')
    def test_entries_of_all_projects_come_with_their_jobs(self) -> None:
        for caller, definition in ((self.api, BACKUP), (self.other, RESTORE)):
            self.create(caller, job_id='same', job_actions=[{'freezer_action': definition}])
        admin = self.as_('root', project='operators', roles='admin')
        jobs = admin.get(self.url('jobs'), params={'all_projects': 'true'}).json['jobs']
        self.assertEqual(
            [('p1', BACKUP), ('p2', RESTORE)],
            [(job['project_id'], job['job_actions'][0]['freezer_action']) for job in jobs],
        )


class CentralTest(JobsTestCase):
    """A central client's scheduler knows jobs by their id alone."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.as_('bob', project='p2')
        self.operator = self.as_('root', project='operators', roles='admin,member')
        self.register(self.operator, 'central', is_central=True)

    def test_jobs_of_any_project_run_on_a_central_client(self) -> None:
        for caller in (self.api, self.other):
            self.create(caller, client_id='central')

    @base.only('v2')
    def test_id_that_another_project_uses_there_is_a_conflict(self) -> None:
        self.create(self.other, client_id='central', job_id='same')
        body = self.job(client_id='central', job_id='same')
        self.assert_nothing_stored('POST', self.url('jobs'), body, 409)
        self.assert_nothing_stored('POST', self.url('jobs', 'same'), body, 409)

    def test_id_is_free_on_other_clients(self) -> None:
        self.create(self.other, client_id='central', job_id='same')
        self.create(job_id='same')
        path = self.url('jobs', 'same')
        self.assert_nothing_stored('PATCH', path, {'client_id': 'central'}, 409)

    def test_id_is_free_after_deletion_and_after_leaving(self) -> None:
        self.create(self.other, client_id='central', job_id='same')
        self.other.delete(self.other.url('jobs', 'same'), status=204)
        self.create(client_id='central', job_id='same')
        self.patch('same', client_id=HOST)
        self.create(self.other, client_id='central', job_id='same')

    @base.only('v2')
    def test_central_scheduler_polls_all_its_jobs(self) -> None:
        self.create(client_id='central', job_id='a')
        self.create(self.other, client_id='central', job_id='b')
        self.create(job_id='c')
        self.create(client_id='central', job_id='d', job_schedule={'status': 'completed'})
        poll = {'match': [{'client_id': 'central'}], 'match_not': [{'status': 'completed'}]}
        service = self.as_('freezer', project='operators', roles='service')
        params = {'all_projects': 'True', 'limit': 10, 'offset': 0}
        jobs = service.get(service.url('jobs'), params=params, json=poll).json['jobs']
        self.assertEqual(
            [('p1', 'a'), ('p2', 'b')], [(job['project_id'], job['job_id']) for job in jobs]
        )
