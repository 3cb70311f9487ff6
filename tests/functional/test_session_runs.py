# SPDX-License-Identifier: Apache-2.0
"""Runs of sessions: how jobs start, join and end them."""

import threading
from concurrent import futures
from typing import Any

from sqlalchemy import Engine, event

from tests.functional.sessions import Document, SessionsTestCase, T

# Seconds for what takes none.
BOUND = 30


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

    def test_end_with_any_tag_completes_the_session(self) -> None:
        for number, tag in enumerate(('', 'x', -1, 1.5, None, 99)):
            session_id, job_id = f's{number}', f'j{number}'
            self.put_session(session_id)
            self.attach(session_id, self.new_job(job_id))
            self.start(session_id, job_id, 0)
            self.act(session_id, {'end': {'job_id': job_id, 'current_tag': tag, 'result': 'success'}})
            self.assertEqual('success', self.session(session_id)['jobs'][job_id]['result'])

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

    def test_repeated_end_of_an_earlier_run_does_not_count(self) -> None:
        """Agents send it again if they got no answer."""
        self.put_session('s1', hold_off=60)
        self.attach('s1', self.new_job('a'), self.new_job('b'))
        for job_id in ('a', 'b'):
            self.start('s1', job_id, 0)
        self.end('s1', 'b')
        self.end('s1', 'a', 'fail')
        self.set_clock(T + 1000)
        self.assertEqual({'result': 'success', 'session_tag': 2}, self.start('s1', 'b', 1))
        answer = self.end('s1', 'a', 'fail')
        self.assertEqual({'result': 'success', 'session_tag': 2}, answer)
        self.set_clock(T + 2000)
        self.assert_outcome('s1', 'running', '')
        self.end('s1', 'b')
        self.assert_outcome('s1', 'completed', 'success')

    def test_job_may_join_a_run_after_a_repeated_end_of_an_earlier_one(self) -> None:
        self.put_session('s1', hold_off=60)
        self.attach('s1', self.new_job('a'), self.new_job('b'))
        for job_id in ('a', 'b'):
            self.start('s1', job_id, 0)
            self.end('s1', job_id)
        self.set_clock(T + 1000)
        self.start('s1', 'b', 1)
        self.end('s1', 'a', 'fail')
        self.end('s1', 'b')
        self.assert_outcome('s1', 'running', '')
        self.assertEqual({'result': 'success', 'session_tag': 2}, self.start('s1', 'a', 1))
        self.end('s1', 'a')
        self.assert_outcome('s1', 'completed', 'success')

    def test_end_without_a_start_counts_in_the_present_run(self) -> None:
        """A job attached while a run may be joined is told to hold off, and its agent runs it all the same."""
        self.put_session('s1', hold_off=60)
        self.attach('s1', self.new_job('a'))
        self.start('s1', 'a', 0)
        self.attach('s1', self.new_job('b'))
        self.assertEqual({'result': 'hold-off', 'session_tag': 1}, self.start('s1', 'b', 1))
        self.end('s1', 'b', 'fail')
        self.end('s1', 'a')
        self.assert_outcome('s1', 'completed', 'fail')

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

    def put_overdue(self, session_id: str) -> str:
        """A session whose run is over by now, which nobody has seen."""
        job_ids = [self.new_job(f'{session_id}-{n}') for n in range(2)]
        self.put_session(session_id, hold_off=60)
        self.attach(session_id, *job_ids)
        self.set_clock(T)
        self.start(session_id, job_ids[0], 0)
        self.end(session_id, job_ids[0])
        self.assert_outcome(session_id, 'running', '')
        self.set_clock(T + 1000)
        return session_id

    def test_search_finds_overdue_runs_as_it_shows_them(self) -> None:
        for number, (search, is_found) in enumerate(
            (
                ({'match': [{'status': 'completed'}]}, True),
                ({'match': [{'status': 'running'}]}, False),
                ({'match': [{'result': 'success'}]}, True),
                ({'match_not': [{'result': 'success'}]}, False),
                ({'match_not': [{'status': 'running'}]}, True),
                ({'match': [{'time_end': T + 60}]}, True),
                ({'match': [{'_all': 'Complete'}]}, True),
                ({'match': [{'_all': 'running'}]}, False),
            )
        ):
            with self.subTest(search):
                session_id = self.put_overdue(f's{number}')
                found = self.api.get(self.url('sessions'), json=search).json['sessions']
                shown = {document['session_id']: document for document in found}
                self.assertEqual(is_found, session_id in shown)
                outcomes = [('completed', 'success', T + 60)] if is_found else []
                self.assertEqual(
                    outcomes,
                    [
                        (document['status'], document['result'], document['time_end'])
                        for name, document in shown.items()
                        if name == session_id
                    ],
                )
                self.api.delete(self.url('sessions', session_id), status=204)

    def test_search_for_running_sessions_leaves_those_that_run(self) -> None:
        for session_id in ('waits', 'runs'):
            self.put_session(session_id, hold_off=60)
            job_ids = [self.new_job(f'{session_id}-{n}') for n in range(2)]
            self.attach(session_id, *job_ids)
            for job_id in job_ids[: 2 if session_id == 'runs' else 1]:
                self.start(session_id, job_id, 0)
            self.end(session_id, job_ids[0])
        self.set_clock(T + 60)
        stored = self.rows()
        search = {'match': [{'status': 'running'}]}
        found = self.api.get(self.url('sessions'), json=search).json['sessions']
        self.assertEqual(['waits', 'runs'], [document['session_id'] for document in found])
        self.assertEqual(stored, self.rows())

    def test_sessions_of_any_times_can_be_searched_by_their_outcome(self) -> None:
        """Callers may write all of them, and make a run look as if it went on."""
        ends = (-(2**63), -1, 0, T, 2**63 - 1)
        for start in ends:
            for number, hold_off in enumerate((0, 2**63 - 1)):
                name = f's{start}-{number}'.replace('--', '-')
                self.put_session(name, status='running', time_start=start, hold_off=hold_off)
        found = self.api.get(self.url('sessions'), json={'match': [{'status': 'completed'}]}).json
        shown = self.api.get(self.url('sessions')).json['sessions']
        self.assertEqual(
            [document for document in shown if document['status'] == 'completed'],
            found['sessions'],
        )
        self.assertEqual(['s0-0'], [document['session_id'] for document in found['sessions']])

    def test_two_who_see_an_overdue_run_change_the_session_once(self) -> None:
        alone = self.api.get(self.url('sessions', self.put_overdue('alone')))
        path = self.url('sessions', self.put_overdue('s1'))
        others: list[Document] = []

        def read_as_well(connection: Any, cursor: Any, statement: str, *args: Any) -> None:
            is_main = threading.current_thread() is threading.main_thread()
            if is_main and 'FROM sessions' in statement and not others:
                others.append({})
                with futures.ThreadPoolExecutor(1) as pool:
                    others[0] = pool.submit(self.session, 's1').result(BOUND)

        # Each of them has read the session before the other one ends the run.
        event.listen(Engine, 'after_cursor_execute', read_as_well)
        try:
            answer = self.api.get(path)
        finally:
            event.remove(Engine, 'after_cursor_execute', read_as_well)
        self.assertEqual('completed', others[0]['status'])
        self.assertEqual(others[0], answer.json)
        self.assertEqual(alone.headers['ETag'], answer.headers['ETag'])

    def test_overdue_run_can_be_read_however_long_it_was_to_hold_off(self) -> None:
        session_id = self.put_session('s1', hold_off=2**63 - 1)
        job_id = self.new_job('j1')
        self.attach(session_id, job_id)
        self.start(session_id, job_id, 0)
        self.end(session_id, job_id)
        self.api.patch(self.url('sessions', session_id), json={'status': 'running'}, status=200)
        self.assert_outcome(session_id, 'completed', 'success')

    def test_echo_of_an_agent_does_not_take_the_tag_back(self) -> None:
        self.put_session('s1', session_tag=5)
        self.attach('s1', self.new_job('j1'))
        self.start('s1', 'j1', 5)
        echo = {'session_id': 's1', 'session_tag': 5}
        self.api.patch(self.url('jobs', 'j1'), json=echo, status=200)
        self.assertEqual(6, self.job('j1')['session_tag'])
