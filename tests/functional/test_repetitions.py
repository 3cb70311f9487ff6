# SPDX-License-Identifier: Apache-2.0
"""Writes that others are faster than, which begin again."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import webtest
from sqlalchemy import Engine, event

from tests.functional.sessions import SessionsTestCase

# Seconds for a write that may have to wait for the one that it is to overtake.
BOUND = 2


class RepetitionTest(SessionsTestCase):
    versions = ('v2',)

    def setUp(self) -> None:
        super().setUp()
        if self.database_name == 'sqlite':
            self.skipTest('one writes at a time')

    @contextlib.contextmanager
    def overtaken(
        self, times: int, by: Callable[[int], webtest.TestResponse]
    ) -> Iterator[list[futures.Future[webtest.TestResponse]]]:
        """Let others write whenever this thread is about to change the state of jobs, so many times."""
        others: list[futures.Future[webtest.TestResponse]] = []

        def write_first(connection: Any, cursor: Any, statement: str, *args: Any) -> None:
            is_main = threading.current_thread() is threading.main_thread()
            if is_main and statement.startswith('UPDATE job_attachments') and len(others) < times:
                others.append(pool.submit(by, len(others)))
                futures.wait(others[-1:], BOUND)

        with futures.ThreadPoolExecutor(4) as pool:
            event.listen(Engine, 'before_cursor_execute', write_first)
            try:
                yield others
            finally:
                event.remove(Engine, 'before_cursor_execute', write_first)

    def report(self, job_id: str, pid: int) -> webtest.TestResponse:
        body = {'job_schedule': {'current_pid': pid}}
        return self.api.patch(self.url('jobs', job_id), json=body, status='*')

    def test_agents_that_report_all_the_time_do_not_keep_a_session_from_changing(self) -> None:
        self.put_session('s1', session_tag=3)
        self.attach('s1', self.new_job('a'), self.new_job('b'))
        for change in ({'schedule': {'schedule_interval': '2 days'}}, {'session_tag': 1}):
            with self.overtaken(30, lambda n: self.report('b', 100 + n)) as reports:
                answer = self.api.patch(self.url('sessions', 's1'), json=change, status='*')
            self.assertEqual((200, True), (answer.status_int, 0 < len(reports) < 4), change)
            self.assertEqual({200}, {report.result().status_int for report in reports})
        job = self.job('b')
        self.assertEqual(('2 days', 1), (job['job_schedule']['schedule_interval'], job['session_tag']))

    def test_jobs_join_a_session_while_their_agents_report(self) -> None:
        self.put_session('s1')
        self.put_session('s2')
        self.attach('s2', self.new_job('a'), self.new_job('b'))
        with self.overtaken(30, lambda n: self.report('b', 100 + n)) as reports:
            body = {'jobs': {'a': {}, 'b': {}}}
            answer = self.api.patch(self.url('sessions', 's1'), json=body, status='*')
        self.assertEqual((200, True), (answer.status_int, 0 < len(reports) < 4))
        self.assertEqual({200}, {report.result().status_int for report in reports})
        self.assertEqual(['a', 'b'], list(self.session('s1')['jobs']))

    def test_operator_is_told_of_a_write_that_others_were_faster_than_many_times(self) -> None:
        self.new_job('a')
        pids = itertools.count(1)
        for times, lines in ((9, 0), (12, 1)):
            with self.overtaken(times, lambda n: self.report('a', next(pids))):
                body = {'description': f'secret {times}'}
                self.api.patch(self.url('jobs', 'a'), json=body, status=200)
            told = [line for line in self.log.output.splitlines() if 'begun' in line]
            self.assertEqual(lines, len(told), told)
        self.assertEqual(
            'freezer_api.db.jobs.update was begun 13 times, as others wrote meanwhile', told[0]
        )
