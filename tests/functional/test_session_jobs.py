# SPDX-License-Identifier: Apache-2.0
"""The jobs in sessions, and how either side changes the other."""

from tests.functional.sessions import CLIENT, SessionsTestCase


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

    def test_job_that_joins_keeps_what_the_session_gives_up_at_once(self) -> None:
        """As one does that is attached."""
        stored, changed = {'schedule_interval': '1 days'}, {'schedule_hour': '3'}
        for number, (method, schedule) in enumerate(
            (('PATCH', {'schedule_interval': None, **changed}), ('POST', changed))
        ):
            session_id = self.put_session(f's{number}', schedule=stored)
            old, new = self.new_job(f'old-{number}'), f'new-{number}'
            self.attach(session_id, old)
            self.new_job(new, job_schedule={'schedule_interval': '5 hours'})
            body = {'schedule': schedule, 'session_tag': 0, 'jobs': {old: {}, new: {}}}
            path = self.url('sessions', session_id)
            self.api.request(method, path, json=body, status='2*')
            for job_id, interval in ((old, None), (new, '5 hours')):
                shown = self.job(job_id)['job_schedule']
                self.assertEqual(
                    (interval, '3'), (shown.get('schedule_interval'), shown['schedule_hour'])
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
