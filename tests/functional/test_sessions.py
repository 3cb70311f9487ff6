# SPDX-License-Identifier: Apache-2.0
"""Sessions: documents, the jobs in them, and their runs."""

from typing import Any

import fixtures

from tests import base

CLIENT = 'p1_host'
T = 1_900_000_000

Document = dict[str, Any]


class SessionsTestCase(base.ApiTestCase):
    """At a moment that the test chooses."""

    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.set_clock(T)
        self.api.post(self.url('clients'), json={'client_id': CLIENT})

    def set_clock(self, now: int) -> None:
        self.useFixture(fixtures.MonkeyPatch('freezer_api.db.session.seconds', lambda: now))

    def new_session(self, **keys: Any) -> str:
        session_id: str = self.api.post(
            self.url('sessions'), json={'schedule': {}, **keys}, status=201
        ).json['session_id']
        return session_id

    def put_session(self, session_id: str, **keys: Any) -> str:
        """A session whose run is in a state of our choice."""
        document = {'schedule': {}, 'session_tag': 0, **keys}
        self.api.post(self.url('sessions', session_id), json=document, status=201)
        return session_id

    def new_job(self, job_id: str, **keys: Any) -> str:
        document = {'job_id': job_id, 'client_id': CLIENT, 'job_actions': [], **keys}
        return self.api.create_job(document)

    def attach(self, session_id: str, *job_ids: str) -> None:
        for job_id in job_ids:
            self.api.put(self.url('sessions', session_id, 'jobs', job_id), status=204)

    def session(self, session_id: str) -> Document:
        document: Document = self.api.get(self.url('sessions', session_id)).json
        return document

    def job(self, job_id: str) -> Document:
        document: Document = self.api.get(self.url('jobs', job_id)).json
        return document

    def act(self, session_id: str, action: Document, status: int = 202) -> Document:
        path = self.url('sessions', session_id, 'action')
        answer: Document = self.api.post(path, json=action, status=status).json
        return answer

    def start(self, session_id: str, job_id: str, tag: int, status: int = 202) -> Document:
        action = {'start': {'job_id': job_id, 'current_tag': tag}}
        return self.act(session_id, action, status)

    def end(self, session_id: str, job_id: str, result: str = 'success') -> Document:
        action = {'end': {'job_id': job_id, 'current_tag': 0, 'result': result}}
        return self.act(session_id, action)

    def assert_outcome(self, session_id: str, status: str, result: str | None) -> None:
        document = self.session(session_id)
        self.assertEqual((status, result), (document['status'], document['result']))


class DocumentTest(SessionsTestCase):
    def test_new_session_shows_all_its_keys(self) -> None:
        session_id = self.new_session(
            description='nightly', schedule={'schedule_interval': '1 days'}, free=[{'key': None}]
        )
        expected = {
            'session_id': session_id,
            **self.owner(),
            'description': 'nightly',
            'session_tag': 0,
            'hold_off': 30,
            'status': 'active',
            'result': None,
            'time_start': -1,
            'time_end': -1,
            'time_started': -1,
            'time_ended': -1,
            'schedule': {'schedule_interval': '1 days'},
            'jobs': {},
            'free': [{'key': None}],
        }
        shown = self.session(session_id)
        self.assertEqual(expected, {key: shown.get(key) for key in expected})
        self.assertEqual({'sessions': [shown]}, self.api.get(self.url('sessions')).json)

    def test_what_the_caller_says_of_owner_state_and_jobs_is_not_taken(self) -> None:
        session_id = self.new_session(
            session_id='mine', user_id='eve', project_id='p9', status='completed', jobs=['x']
        )
        self.assertNotEqual('mine', session_id)
        shown = self.session(session_id)
        self.assertLessEqual(self.owner().items(), shown.items())
        self.assertEqual(('active', {}), (shown['status'], shown['jobs']))

    def test_jobs_is_an_object_whatever_was_sent(self) -> None:
        self.new_job('j1')
        for jobs in ({}, [], None, 'text', ['j1'], {'j1': {}}, {'missing': {}}):
            with self.subTest(jobs):
                session_id = self.new_session(jobs=jobs)
                self.assertEqual({}, self.session(session_id)['jobs'])
        for document in self.api.get(self.url('sessions')).json['sessions']:
            self.assertEqual({}, document['jobs'])

    def test_schedule_is_required(self) -> None:
        for body in ({}, {'description': 'x'}, {'schedule': None}, {'schedule': []}):
            with self.subTest(body):
                self.api.post(self.url('sessions'), json=body, status=400)
        self.assertEqual([], self.api.get(self.url('sessions')).json['sessions'])

    def test_patch_merges(self) -> None:
        session_id = self.new_session(
            description='old',
            schedule={'schedule_interval': '1 days', 'schedule_date': '2030-01-01T00:00:00'},
            free={'a': 1, 'b': 2},
        )
        before = self.session(session_id)
        changes = {
            'description': 'new',
            'schedule': {'schedule_interval': '2 days', 'schedule_date': None},
            'free': {'b': 3},
            'more': True,
        }
        answer = self.api.patch(self.url('sessions', session_id), json=changes, status=200)
        self.assertEqual({'session_id': session_id, 'version': 2}, answer.json)
        expected = {
            **before,
            'description': 'new',
            'schedule': {'schedule_interval': '2 days'},
            'free': {'a': 1, 'b': 3},
            'more': True,
        }
        self.assertEqual(expected, self.session(session_id))

    def test_patch_leaves_what_the_service_owns(self) -> None:
        session_id = self.new_session()
        before = self.session(session_id)
        changes = {'session_id': 'x', 'user_id': 'eve', 'project_id': 'p9', '_version': 7}
        self.api.patch(self.url('sessions', session_id), json=changes, status=200)
        self.assertEqual(before, self.session(session_id))

    def test_patch_with_a_shown_document_changes_nothing(self) -> None:
        session_id = self.new_session(description='x', schedule={'schedule_hour': '3'}, free=1)
        self.attach(session_id, self.new_job('j1'))
        self.start(session_id, 'j1', 0)
        stored = self.rows()
        self.api.patch(self.url('sessions', session_id), json=self.session(session_id), status=200)
        self.assertEqual(stored, self.rows())

    def test_replace_takes_the_place_of_everything(self) -> None:
        session_id = self.new_session(description='old', free=1, hold_off=5)
        document = {'session_tag': 4, 'schedule': {'schedule_hour': '3'}}
        answer = self.api.post(self.url('sessions', session_id), json=document, status=201)
        self.assertEqual({'session_id': session_id, 'version': 2}, answer.json)
        shown = self.session(session_id)
        self.assertEqual(
            (None, 4, 30, {'schedule_hour': '3'}, 'alice'),
            tuple(
                shown[key]
                for key in ('description', 'session_tag', 'hold_off', 'schedule', 'user_id')
            ),
        )
        self.assertNotIn('free', shown)

    def test_replace_needs_a_tag(self) -> None:
        self.api.post(self.url('sessions', 'mine'), json={'schedule': {}}, status=400)
        self.api.get(self.url('sessions', 'mine'), status=404)

    def test_sessions_of_another_project_are_not_there(self) -> None:
        session_id = self.new_session()
        self.new_job('j1')
        bob = self.as_(user='bob', project='p2')
        stored = self.rows()
        action = {'start': {'job_id': 'j1', 'current_tag': 0}}
        for method, segments, options, status in (
            ('GET', (), {}, 404),
            ('PATCH', (), {'json': {'description': 'x'}}, 404),
            ('DELETE', (), {}, self.deleted_nothing),
            ('POST', ('action',), {'json': action}, 404),
            ('PUT', ('jobs', 'j1'), {}, 404),
            ('DELETE', ('jobs', 'j1'), {}, 404),
        ):
            with self.subTest(method=method, segments=segments):
                path = bob.url('sessions', session_id, *segments)
                bob.request(method, path, status=status, **options)
        self.assertEqual(stored, self.rows())

    def test_session_ids_are_names_inside_a_project(self) -> None:
        self.put_session('same', description='ours')
        bob = self.as_(user='bob', project='p2')
        theirs = {'schedule': {}, 'session_tag': 0, 'description': 'theirs'}
        bob.post(bob.url('sessions', 'same'), json=theirs, status=201)
        bob.delete(bob.url('sessions', 'same'), status=204)
        self.assertEqual('ours', self.session('same')['description'])

    def test_deleted_id_is_free_again(self) -> None:
        self.put_session('mine', description='first')
        for status in (204, self.deleted_nothing):
            self.api.delete(self.url('sessions', 'mine'), status=status)
        self.api.get(self.url('sessions', 'mine'), status=404)
        self.put_session('mine')
        self.assertIsNone(self.session('mine')['description'])

    def test_sessions_are_found_by_their_keys(self) -> None:
        plain = self.new_session(description='plain', hold_off=5)
        nightly = self.new_session(schedule={'schedule_interval': '1 days'}, free='here')
        for match, expected in (
            ({'description': 'plain'}, [plain]),
            ({'hold_off': 5}, [plain]),
            ({'status': 'active'}, [plain, nightly]),
            ({'schedule_interval': '1 days'}, [nightly]),
            ({'schedule.schedule_interval': '1 days'}, [nightly]),
            ({'free': 'here'}, [nightly]),
            ({'session_id': plain}, [plain]),
            ({'_all': nightly}, [nightly]),
            ({'_all': 'PLAI'}, [plain]),
            ({'description': 'other'}, []),
        ):
            with self.subTest(match):
                found = self.api.get(self.url('sessions'), json={'match': [match]}).json
                self.assertEqual(expected, [s['session_id'] for s in found['sessions']])


class JobsOfSessionTest(SessionsTestCase):
    def test_attaching_writes_both_sides(self) -> None:
        self.put_session('s1', session_tag=3, schedule={'schedule_interval': '2 days'})
        self.new_job('j1')
        self.attach('s1', 'j1')
        part = {
            'client_id': CLIENT,
            'status': '',
            'result': '',
            'time_started': -1,
            'time_ended': -1,
        }
        self.assertEqual({'j1': part}, self.session('s1')['jobs'])
        job = self.job('j1')
        self.assertEqual(('s1', 3), (job['session_id'], job['session_tag']))
        self.assertEqual('2 days', job['job_schedule']['schedule_interval'])

    def test_attaching_merges_the_schedule_and_keeps_the_state(self) -> None:
        own = {
            'schedule_interval': '1 days',
            'schedule_start_date': '2030-01-01T00:00:00',
            'event': 'start',
            'status': 'running',
            'result': 'fail',
            'current_pid': 7,
        }
        self.new_job('j1', job_schedule=own)
        before = self.job('j1')['job_schedule']
        session_id = self.new_session(
            schedule={
                'schedule_interval': '2 days',
                'schedule_end_date': '2031-01-01T00:00:00',
                'status': 'completed',
                'event': 'stop',
                'time_created': 5,
            }
        )
        self.attach(session_id, 'j1')
        expected = {
            **before,
            'schedule_interval': '2 days',
            'schedule_end_date': '2031-01-01T00:00:00',
        }
        self.assertEqual(expected, self.job('j1')['job_schedule'])
        part = self.session(session_id)['jobs']['j1']
        self.assertEqual(('running', 'fail'), (part['status'], part['result']))

    def test_detaching_asks_for_a_stop_and_keeps_the_schedule(self) -> None:
        self.new_job('j1', job_schedule={'status': 'scheduled', 'schedule_hour': '3'})
        self.put_session('s1', session_tag=3, schedule={'schedule_interval': '2 days'})
        self.attach('s1', 'j1')
        before = self.job('j1')
        self.api.delete(self.url('sessions', 's1', 'jobs', 'j1'), status=204)
        self.assertEqual({}, self.session('s1')['jobs'])
        expected = {
            **before,
            'session_id': '',
            'session_tag': 0,
            'job_schedule': {**before['job_schedule'], 'event': 'stop'},
        }
        self.assertEqual(expected, self.job('j1'))

    def test_detaching_a_job_that_is_not_in_the_session_changes_nothing(self) -> None:
        self.put_session('s1')
        self.put_session('s2')
        self.new_job('free')
        self.new_job('other')
        self.attach('s2', 'other')
        stored = self.rows()
        for job_id in ('free', 'other'):
            self.api.delete(self.url('sessions', 's1', 'jobs', job_id), status=204)
        self.assertEqual(stored, self.rows())

    def test_attaching_again_takes_the_state_of_the_job_anew(self) -> None:
        self.put_session('s1')
        self.new_job('j1')
        self.attach('s1', 'j1')
        self.end('s1', 'j1', 'fail')
        self.api.patch(self.url('jobs', 'j1'), json={'job_schedule': {'status': 'scheduled'}})
        self.attach('s1', 'j1')
        part = self.session('s1')['jobs']['j1']
        self.assertEqual(('scheduled', ''), (part['status'], part['result']))

    def test_attaching_elsewhere_moves_the_job(self) -> None:
        self.put_session('s1', session_tag=1)
        self.put_session('s2', session_tag=2, schedule={'schedule_hour': '3'})
        self.new_job('j1')
        self.attach('s1', 'j1')
        self.attach('s2', 'j1')
        self.assertEqual({}, self.session('s1')['jobs'])
        self.assertEqual(['j1'], list(self.session('s2')['jobs']))
        job = self.job('j1')
        self.assertEqual(('s2', 2), (job['session_id'], job['session_tag']))
        self.assertEqual('3', job['job_schedule']['schedule_hour'])
        # The event of a move is not that of a detachment: the job goes on.
        self.assertEqual('', job['job_schedule']['event'])

    def test_missing_and_foreign_jobs_and_missing_sessions_are_not_found(self) -> None:
        self.put_session('s1')
        self.new_job('j1')
        bob = self.as_(user='bob', project='p2')
        bob.post(bob.url('clients'), json={'client_id': CLIENT})
        bob.post(bob.url('jobs'), json={'job_id': 'theirs', 'client_id': CLIENT, 'job_actions': []})
        stored = self.rows()
        for session_id, job_id in (
            ('s1', 'missing'),
            ('s1', 'theirs'),
            ('missing', 'j1'),
            ('missing', 'missing'),
        ):
            for method in ('PUT', 'DELETE'):
                with self.subTest(method=method, session_id=session_id, job_id=job_id):
                    path = self.url('sessions', session_id, 'jobs', job_id)
                    answer = self.api.request(method, path, status=404)
                    self.assertEqual(404, answer.json['code'])
        self.assertEqual(stored, self.rows())

    def test_deleting_a_session_frees_its_jobs(self) -> None:
        self.put_session('s1', session_tag=3)
        self.put_session('s2')
        self.new_job('j1')
        self.new_job('j2')
        self.attach('s1', 'j1')
        self.attach('s2', 'j2')
        self.api.delete(self.url('sessions', 's1'), status=204)
        job = self.job('j1')
        self.assertEqual(('', 0), (job['session_id'], job['session_tag']))
        self.assertEqual('s2', self.job('j2')['session_id'])

    def test_deleting_a_job_takes_it_out_of_its_session(self) -> None:
        self.put_session('s1')
        self.attach('s1', self.new_job('j1'), self.new_job('j2'))
        self.api.delete(self.url('jobs', 'j1'), status=204)
        self.assertEqual(['j2'], list(self.session('s1')['jobs']))

    def test_job_that_names_a_session_joins_it(self) -> None:
        self.put_session('s1', session_tag=3)
        self.new_job('j1', session_id='s1')
        self.assertEqual(['j1'], list(self.session('s1')['jobs']))
        job = self.job('j1')
        self.assertEqual(('s1', 3), (job['session_id'], job['session_tag']))
        for session_id in ('missing', 'j1'):
            body = {'client_id': CLIENT, 'job_actions': [], 'session_id': session_id}
            self.api.post(self.url('jobs'), json=body, status=400)
        self.assertEqual(1, len(self.api.get(self.url('jobs')).json['jobs']))

    def test_overdue_run_can_be_read_however_long_it_was_to_hold_off(self) -> None:
        session_id = self.put_session('s1', hold_off=2**63 - 1)
        job_id = self.new_job('j1')
        self.attach(session_id, job_id)
        self.start(session_id, job_id, 0)
        self.end(session_id, job_id)
        self.api.patch(self.url('sessions', session_id), json={'status': 'running'}, status=200)
        self.assert_outcome(session_id, 'completed', 'success')

    def test_part_has_no_longer_client_id_than_a_client(self) -> None:
        session_id, job_id = self.put_session('s1'), self.new_job('j1')
        document = {'schedule': {}, 'session_tag': 0, 'jobs': {job_id: {'client_id': 'x' * 321}}}
        for method in ('PATCH', 'POST'):
            self.api.request(method, self.url('sessions', session_id), json=document, status=400)

    def test_echo_of_an_agent_does_not_bring_a_job_back(self) -> None:
        self.put_session('s1', session_tag=3)
        self.new_job('j1')
        self.attach('s1', 'j1')
        document = self.job('j1')
        echo = {key: document[key] for key in ('job_schedule', 'session_id', 'session_tag')}
        self.api.delete(self.url('sessions', 's1', 'jobs', 'j1'), status=204)
        self.api.patch(self.url('jobs', 'j1'), json=echo, status=200)
        self.assertEqual('', self.job('j1')['session_id'])
        self.assertEqual({}, self.session('s1')['jobs'])

    def test_patched_schedule_reaches_the_jobs(self) -> None:
        self.put_session('s1', schedule={'schedule_interval': '1 days', 'schedule_hour': '1'})
        self.new_job('j1', job_schedule={'schedule_minute': '5', 'status': 'scheduled'})
        self.new_job('j2', job_schedule={'event': 'start'})
        self.new_job('outside', job_schedule={'schedule_interval': '1 days'})
        self.attach('s1', 'j1', 'j2')
        before = {job_id: self.job(job_id) for job_id in ('j1', 'j2', 'outside')}
        changes = {'schedule': {'schedule_interval': '2 days', 'schedule_hour': None}}
        self.api.patch(self.url('sessions', 's1'), json=changes, status=200)
        for job_id in ('j1', 'j2'):
            expected = {**before[job_id]['job_schedule'], 'schedule_interval': '2 days'}
            del expected['schedule_hour']
            self.assertEqual(expected, self.job(job_id)['job_schedule'])
        self.assertEqual(before['outside'], self.job('outside'))

    def test_patch_that_leaves_the_schedule_leaves_that_of_the_jobs(self) -> None:
        self.put_session('s1', schedule={'schedule_interval': '1 days'})
        self.attach('s1', self.new_job('j1'))
        own = {'job_schedule': {'schedule_interval': '7 days'}}
        self.api.patch(self.url('jobs', 'j1'), json=own)
        changes = {'description': 'x', 'schedule': {'schedule_interval': '1 days'}}
        self.api.patch(self.url('sessions', 's1'), json=changes)
        self.assertEqual('7 days', self.job('j1')['job_schedule']['schedule_interval'])

    def test_patched_jobs_are_merged_by_job_and_replaced_as_entries(self) -> None:
        self.put_session('s1')
        self.attach('s1', self.new_job('j1'), self.new_job('j2'))
        before = self.session('s1')['jobs']
        entry = {'client_id': CLIENT, 'status': 'completed', 'result': 'fail', 'time_ended': 9}
        self.api.patch(self.url('sessions', 's1'), json={'jobs': {'j1': entry}}, status=200)
        self.assertEqual(
            {'j1': {**entry, 'time_started': ''}, 'j2': before['j2']}, self.session('s1')['jobs']
        )

    def test_patched_jobs_must_exist_and_be_an_object(self) -> None:
        self.put_session('s1')
        bob = self.as_(user='bob', project='p2')
        bob.post(bob.url('clients'), json={'client_id': CLIENT})
        bob.post(bob.url('jobs'), json={'job_id': 'theirs', 'client_id': CLIENT, 'job_actions': []})
        stored = self.rows()
        for jobs in ({'missing': {}}, {'theirs': {}}, [1], None, 'x', {'x': None}, {'x': {'a': 1}}):
            with self.subTest(jobs):
                body = {'jobs': jobs, 'description': 'new'}
                self.api.patch(self.url('sessions', 's1'), json=body, status=400)
        self.assertEqual(stored, self.rows())

    def test_patched_jobs_let_a_job_join_on_both_sides(self) -> None:
        self.put_session('s1', session_tag=3)
        self.put_session('s2')
        self.attach('s2', self.new_job('j1'))
        self.api.patch(self.url('sessions', 's1'), json={'jobs': {'j1': {}}}, status=200)
        self.assertEqual(['j1'], list(self.session('s1')['jobs']))
        self.assertEqual({}, self.session('s2')['jobs'])
        job = self.job('j1')
        self.assertEqual(('s1', 3), (job['session_id'], job['session_tag']))

    def test_patched_jobs_join_together_with_parts_and_schedules_of_their_own(self) -> None:
        self.put_session('s1', schedule={'schedule_interval': '1 days'})
        self.attach('s1', self.new_job('old'))
        self.new_job('b', job_schedule={'schedule_hour': '3', 'status': 'stop'})
        self.new_job('a', description='second')
        parts = {
            'b': {'client_id': 'x', 'status': 'completed', 'time_started': 5, 'time_ended': 0},
            'a': {'result': 'fail', 'time_started': '', 'time_ended': 7},
            'old': {'status': 'running'},
        }
        body = {'jobs': parts, 'schedule': {'schedule_interval': '2 days'}}
        self.api.patch(self.v2('sessions', 's1'), json=body, status=200)
        empty = {'client_id': '', 'status': '', 'result': '', 'time_started': '', 'time_ended': ''}
        shown = self.session('s1')['jobs']
        self.assertEqual({job_id: {**empty, **part} for job_id, part in parts.items()}, shown)
        self.assertEqual(['old', 'b', 'a'], list(shown))
        for job_id, hour, status in (('a', None, ''), ('b', '3', 'stop'), ('old', None, '')):
            schedule = self.job(job_id)['job_schedule']
            self.assertEqual(
                ('2 days', hour, status),
                (schedule['schedule_interval'], schedule.get('schedule_hour'), schedule['status']),
            )

    def test_replaced_jobs_decide_who_belongs_to_the_session(self) -> None:
        self.put_session('s1')
        self.attach('s1', self.new_job('j1'), self.new_job('j2'))
        self.new_job('j3')
        entry = {'client_id': CLIENT, 'status': '', 'result': ''}
        self.put_session('s1', session_tag=3, jobs={'j2': entry, 'j3': entry})
        self.assertEqual({'j2', 'j3'}, set(self.session('s1')['jobs']))
        self.assertEqual(
            {'j1': '', 'j2': 's1', 'j3': 's1'},
            {job_id: self.job(job_id)['session_id'] for job_id in ('j1', 'j2', 'j3')},
        )

    def test_replace_without_an_object_of_jobs_keeps_them(self) -> None:
        self.put_session('s1')
        self.attach('s1', self.new_job('j1'))
        for keys in ({}, {'jobs': []}, {'jobs': None}):
            with self.subTest(keys):
                self.put_session('s1', **keys)
                self.assertEqual(['j1'], list(self.session('s1')['jobs']))

    def test_replace_with_a_missing_job_stores_nothing(self) -> None:
        self.put_session('s1', description='old')
        stored = self.rows()
        document = {'schedule': {}, 'session_tag': 0, 'jobs': {'missing': {}}}
        for session_id in ('s1', 'new'):
            self.api.post(self.url('sessions', session_id), json=document, status=400)
        self.assertEqual(stored, self.rows())


class RunTest(SessionsTestCase):
    def test_tag_and_age_decide_about_a_start(self) -> None:
        self.new_job('j1')
        for tag, age, result, new_tag in (
            (4, 10, 'success', 5),
            (4, 60, 'success', 5),
            (4, 61, 'out-of-sync', 5),
            (5, 10, 'hold-off', 5),
            (5, 60, 'hold-off', 5),
            (5, 61, 'success', 6),
        ):
            with self.subTest(tag=tag, age=age):
                self.put_session('s1', session_tag=5, hold_off=60, time_start=T - age)
                self.attach('s1', 'j1')
                stored = self.rows()
                answer = self.start('s1', 'j1', tag)
                self.assertEqual({'result': result, 'session_tag': new_tag}, answer)
                if result != 'success':
                    self.assertEqual(stored, self.rows())
                    continue
                document = self.session('s1')
                self.assertEqual(new_tag, document['session_tag'])
                self.assertEqual(new_tag, self.job('j1')['session_tag'])
                part = document['jobs']['j1']
                self.assertEqual(
                    ('running', '', T), (part['status'], part['result'], part['time_started'])
                )
                if new_tag == 6:
                    self.assertEqual(
                        ('running', '', T),
                        (document['status'], document['result'], document['time_start']),
                    )
                else:
                    self.assertEqual(T - age, document['time_start'])

    def test_newer_tag_is_refused(self) -> None:
        self.new_job('j1')
        for age in (10, 61):
            self.put_session('s1', session_tag=5, hold_off=60, time_start=T - age)
            self.attach('s1', 'j1')
            stored = self.rows()
            self.start('s1', 'j1', 6, status=400)
            self.assertEqual(stored, self.rows())

    def test_first_start_begins_a_run_however_long_the_session_holds_off(self) -> None:
        self.put_session('s1', hold_off=2**62)
        self.attach('s1', self.new_job('j1'))
        self.assertEqual({'result': 'success', 'session_tag': 1}, self.start('s1', 'j1', 0))

    def test_tag_may_be_text(self) -> None:
        self.put_session('s1', session_tag=5)
        self.attach('s1', self.new_job('j1'))
        action = {'start': {'job_id': 'j1', 'current_tag': '5'}}
        self.assertEqual({'result': 'success', 'session_tag': 6}, self.act('s1', action))

    def test_job_that_is_not_in_the_session_cannot_start_or_end(self) -> None:
        self.put_session('s1')
        self.put_session('s2')
        self.new_job('free')
        self.attach('s2', self.new_job('other'))
        stored = self.rows()
        for job_id in ('free', 'other', 'missing'):
            for action in (
                {'start': {'job_id': job_id, 'current_tag': 0}},
                {'end': {'job_id': job_id, 'current_tag': 0, 'result': 'success'}},
            ):
                with self.subTest(action):
                    self.act('s1', action, status=400)
        self.assertEqual(stored, self.rows())

    def test_wrong_actions_are_refused(self) -> None:
        self.put_session('s1')
        self.attach('s1', self.new_job('j1'))
        stored = self.rows()
        for action in (
            {},
            {'stop': {'job_id': 'j1', 'current_tag': 0}},
            {'start': None},
            {'start': {}},
            {'start': {'job_id': 'j1'}},
            {'start': {'job_id': 'j1', 'current_tag': 'x'}},
            {'end': {'job_id': 'j1', 'current_tag': 0}},
            {'end': {'job_id': 'j1', 'result': ['success']}},
        ):
            with self.subTest(action):
                self.act('s1', action, status=400)
        self.assertEqual(stored, self.rows())

    def test_action_of_a_missing_session_is_not_found(self) -> None:
        self.start('missing', 'j1', 0, status=404)

    def test_session_completes_when_all_its_jobs_have_ended(self) -> None:
        for results, expected in (
            (('success', 'success', 'success'), 'success'),
            (('fail', 'success', 'success'), 'fail'),
            (('success', 'success', 'aborted'), 'fail'),
        ):
            with self.subTest(results):
                session_id = self.new_session(hold_off=60)
                job_ids = [self.new_job(f'{session_id}-{i}') for i in range(3)]
                self.attach(session_id, *job_ids)
                self.set_clock(T)
                for job_id in job_ids:
                    self.start(session_id, job_id, 0)
                for number, (job_id, result) in enumerate(zip(job_ids, results, strict=True)):
                    self.assert_outcome(session_id, 'running', '')
                    self.set_clock(T + 100 + number)
                    answer = self.end(session_id, job_id, result)
                    self.assertEqual({'result': 'success', 'session_tag': 1}, answer)
                    part = self.session(session_id)['jobs'][job_id]
                    self.assertEqual(
                        ('completed', result, T, T + 100 + number),
                        tuple(
                            part[key] for key in ('status', 'result', 'time_started', 'time_ended')
                        ),
                    )
                self.assert_outcome(session_id, 'completed', expected)
                self.assertEqual(T + 102, self.session(session_id)['time_end'])

    def test_fast_job_does_not_complete_a_run_that_others_may_join(self) -> None:
        self.put_session('s1', hold_off=60)
        self.attach('s1', self.new_job('fast'), self.new_job('slow'))
        self.start('s1', 'fast', 0)
        self.end('s1', 'fast')
        self.assert_outcome('s1', 'running', '')
        self.set_clock(T + 60)
        self.assertEqual({'result': 'success', 'session_tag': 1}, self.start('s1', 'slow', 0))
        self.end('s1', 'slow')
        self.assert_outcome('s1', 'completed', 'success')

    def test_job_that_missed_the_run_does_not_count(self) -> None:
        self.put_session('s1', hold_off=60)
        self.attach('s1', self.new_job('here'), self.new_job('away'))
        self.start('s1', 'here', 0)
        self.set_clock(T + 61)
        self.end('s1', 'here')
        self.assert_outcome('s1', 'completed', 'success')
        self.assertEqual({'result': 'out-of-sync', 'session_tag': 1}, self.start('s1', 'away', 0))

    def test_result_of_an_earlier_run_does_not_count(self) -> None:
        self.put_session('s1', hold_off=60)
        self.attach('s1', self.new_job('j1'), self.new_job('j2'))
        for job_id in ('j1', 'j2'):
            self.start('s1', job_id, 0)
        for job_id in ('j1', 'j2'):
            self.end('s1', job_id, 'fail')
        self.assert_outcome('s1', 'completed', 'fail')
        self.set_clock(T + 1000)
        self.assertEqual({'result': 'success', 'session_tag': 2}, self.start('s1', 'j1', 1))
        self.assert_outcome('s1', 'running', '')
        self.set_clock(T + 2000)
        self.end('s1', 'j1')
        self.assert_outcome('s1', 'completed', 'success')

    def test_late_end_of_an_earlier_run_does_not_count(self) -> None:
        self.put_session('s1', hold_off=60)
        self.attach('s1', self.new_job('slow'), self.new_job('j2'))
        for job_id in ('slow', 'j2'):
            self.start('s1', job_id, 0)
        self.end('s1', 'j2')
        self.set_clock(T + 1000)
        self.assertEqual({'result': 'success', 'session_tag': 2}, self.start('s1', 'j2', 1))
        self.set_clock(T + 2000)
        self.end('s1', 'slow', 'fail')
        self.assert_outcome('s1', 'running', '')
        self.end('s1', 'j2')
        self.assert_outcome('s1', 'completed', 'success')

    def test_job_attached_again_keeps_its_part_of_the_present_run(self) -> None:
        self.put_session('s1', hold_off=60)
        self.attach('s1', self.new_job('j1'), self.new_job('j2'))
        for job_id in ('j1', 'j2'):
            self.start('s1', job_id, 0)
        self.end('s1', 'j2', 'fail')
        state = {'job_schedule': {'status': 'completed', 'result': 'fail'}}
        self.api.patch(self.url('jobs', 'j2'), json=state)
        self.attach('s1', 'j2')
        self.set_clock(T + 61)
        self.end('s1', 'j1')
        self.assert_outcome('s1', 'completed', 'fail')

    def test_late_joiner_opens_a_completed_run_again(self) -> None:
        self.put_session('s1', hold_off=60)
        self.attach('s1', self.new_job('j1'))
        self.start('s1', 'j1', 0)
        self.end('s1', 'j1')
        self.assert_outcome('s1', 'completed', 'success')
        self.new_job('j2')
        self.attach('s1', 'j2')
        self.set_clock(T + 30)
        self.assertEqual({'result': 'success', 'session_tag': 1}, self.start('s1', 'j2', 0))
        self.assert_outcome('s1', 'running', '')
        self.end('s1', 'j2', 'fail')
        self.assert_outcome('s1', 'completed', 'fail')

    def test_run_completes_when_the_last_running_job_goes_away(self) -> None:
        for number, remove in enumerate(
            (
                lambda session_id, job_id: self.url('jobs', job_id),
                lambda session_id, job_id: self.url('sessions', session_id, 'jobs', job_id),
            )
        ):
            with self.subTest(number):
                session_id = self.new_session(hold_off=60)
                stays, goes = f'stays-{number}', f'goes-{number}'
                self.attach(session_id, self.new_job(stays), self.new_job(goes))
                for job_id in (stays, goes):
                    self.start(session_id, job_id, 0)
                self.end(session_id, stays)
                self.assert_outcome(session_id, 'running', '')
                self.api.delete(remove(session_id, goes), status=204)
                self.assert_outcome(session_id, 'completed', 'success')

    def test_run_completes_when_its_last_running_job_moves(self) -> None:
        self.put_session('s1', hold_off=60)
        self.put_session('s2')
        self.attach('s1', self.new_job('j1'), self.new_job('j2'))
        for job_id in ('j1', 'j2'):
            self.start('s1', job_id, 0)
        self.end('s1', 'j1')
        self.attach('s2', 'j2')
        self.assert_outcome('s1', 'completed', 'success')
        self.assert_outcome('s2', 'active', None)

    def test_runs_of_several_sessions_complete_when_their_jobs_move_together(self) -> None:
        moving = []
        for session_id in ('s1', 's2', 's3'):
            self.put_session(session_id, hold_off=60)
            job_ids = [self.new_job(f'{session_id}-{n}') for n in range(2)]
            self.attach(session_id, *job_ids)
            for job_id in job_ids:
                self.start(session_id, job_id, 0)
            self.end(session_id, job_ids[0], 'success' if session_id == 's1' else 'fail')
            moving.append(job_ids[1])
        self.put_session('new')
        body = {'jobs': {job_id: {} for job_id in moving[:2]}}
        self.api.patch(self.v2('sessions', 'new'), json=body, status=200)
        self.assertEqual(moving[:2], list(self.session('new')['jobs']))
        self.assert_outcome('s1', 'completed', 'success')
        self.assert_outcome('s2', 'completed', 'fail')
        self.assert_outcome('s3', 'running', '')

    def test_run_that_a_job_never_joined_is_over_when_it_cannot_any_more(self) -> None:
        for number, read in enumerate(('one', 'list')):
            session_id = self.put_session(f'late{number}', hold_off=60)
            job_id, absent = (self.new_job(f'{name}{number}') for name in ('first', 'absent'))
            self.attach(session_id, job_id, absent)
            self.start(session_id, job_id, 0)
            self.end(session_id, job_id)
            self.assert_outcome(session_id, 'running', '')

            started = self.session(session_id)['time_start'] - 3600
            self.api.patch(self.url('sessions', session_id), json={'time_start': started})
            if read == 'list':
                search = {'match': [{'session_id': session_id}]}
                (shown,) = self.api.get(self.url('sessions'), json=search).json['sessions']
            else:
                shown = self.session(session_id)
            self.assertEqual(
                ('completed', 'success', started + 60),
                (shown['status'], shown['result'], shown['time_end']),
            )
            self.assertEqual(shown, self.session(session_id))

    def test_overdue_run_can_be_read_however_long_it_was_to_hold_off(self) -> None:
        session_id = self.put_session('s1', hold_off=2**63 - 1)
        job_id = self.new_job('j1')
        self.attach(session_id, job_id)
        self.start(session_id, job_id, 0)
        self.end(session_id, job_id)
        self.api.patch(self.url('sessions', session_id), json={'status': 'running'}, status=200)
        self.assert_outcome(session_id, 'completed', 'success')

    def test_part_has_no_longer_client_id_than_a_client(self) -> None:
        session_id, job_id = self.put_session('s1'), self.new_job('j1')
        document = {'schedule': {}, 'session_tag': 0, 'jobs': {job_id: {'client_id': 'x' * 321}}}
        for method in ('PATCH', 'POST'):
            self.api.request(method, self.url('sessions', session_id), json=document, status=400)

    def test_echo_of_an_agent_does_not_take_the_tag_back(self) -> None:
        self.put_session('s1', session_tag=5)
        self.attach('s1', self.new_job('j1'))
        self.start('s1', 'j1', 5)
        echo = {'session_id': 's1', 'session_tag': 5}
        self.api.patch(self.url('jobs', 'j1'), json=echo, status=200)
        self.assertEqual(6, self.job('j1')['session_tag'])
