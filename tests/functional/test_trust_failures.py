# SPDX-License-Identifier: Apache-2.0
"""Trusts when Keystone fails, and when requests meet."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

from tests.functional.trusts import CENTRAL, ENTRY, PLAIN, Document, TrustsTestCase


class FailureTest(TrustsTestCase):
    def refused(self, status: int, **document: Any) -> Document:
        """A job must be refused, and nothing stored or made."""
        before = self.rows(), dict(self.keystone.trusts)
        body = {'client_id': CENTRAL, 'job_actions': [ENTRY], **document}
        answer = self.member.post(self.member.v2('jobs'), json=body, status=status)
        self.assertEqual(status, answer.json['code'])
        self.assertEqual(before, (self.rows(), self.keystone.trusts))
        return dict(answer.json)

    def test_what_keystone_refuses_is_unprocessable(self) -> None:
        for status in (400, 403, 404):
            self.keystone.refused = {'POST': status}
            self.refused(422)

    def test_roles_that_cannot_be_delegated_are_unprocessable(self) -> None:
        for role in ('manager', 'nonsense'):
            self.start(trusts_delegated_roles=role)
            self.refused(422)

    def test_trustee_that_cannot_log_in_is_unprocessable(self) -> None:
        self.start(auth_section='nobody')
        self.refused(422)

    def test_broken_keystone_is_unavailable(self) -> None:
        for status in (500, 503, 429):
            self.keystone.refused = {'POST': status}
            answer = self.refused(503)
            self.assertIn('Keystone', answer['description'])

    def test_answer_that_is_not_of_keystone_is_unavailable(self) -> None:
        good = {'id': 'x', 'expires_at': None}
        for document in (None, {}, [], {'trust': None}, {'trust': {**good, 'expires_at': 'x'}}):
            self.keystone.strange = {'POST': (200, document)}
            self.refused(503)
        self.keystone.strange = {'POST': (404, {})}
        self.refused(503)

    def test_records_that_cannot_be_written_stop_nobody(self) -> None:
        # What libraries send to the log while they speak to Keystone.
        self.assertIsNone(logging.getLogger('urllib3.connectionpool').error('%d', 'x'))

    def test_silent_keystone_is_not_waited_for(self) -> None:
        self.start(timeout='0.5')
        self.keystone.awake.clear()
        begin = time.monotonic()
        self.refused(503)
        self.assertLess(time.monotonic() - begin, 10)

    def test_job_that_is_wrong_makes_no_trust(self) -> None:
        taken = self.job(PLAIN)
        foreign = {'action_id': 'unknown', 'freezer_action': {'action': 'backup'}}
        for status, document in (
            (400, {'job_actions': {}}),
            (400, {'session_id': 'unknown'}),
            (409, {'job_id': taken}),
            (422, {'job_actions': [foreign]}),
            (422, {'client_id': 'unknown'}),
        ):
            self.refused(status, **document)
        self.assertEqual([], self.keystone.requests)

    def test_trust_is_undone_if_the_write_fails_after_it_was_made(self) -> None:
        body = {'job_id': 'wanted', 'client_id': CENTRAL, 'job_actions': [ENTRY]}
        with self.while_keystone_makes_a_trust(lambda: self.job(PLAIN, job_id='wanted')):
            self.member.post(self.member.v2('jobs'), json=body, status=409)
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))
        self.assertEqual(['POST', 'DELETE'], [method for method, _ in self.keystone.requests])

    def test_trust_that_cannot_be_undone_is_remembered(self) -> None:
        self.keystone.refused = {'DELETE': 503}
        body = {'job_id': 'wanted', 'client_id': CENTRAL, 'job_actions': [ENTRY]}
        with self.while_keystone_makes_a_trust(lambda: self.job(PLAIN, job_id='wanted')):
            self.member.post(self.member.v2('jobs'), json=body, status=409)
        (row,) = self.stored()
        self.assertEqual([row['trust_id']], list(self.keystone.trusts))
        self.assertIsNotNone(row['released_at'])

    @contextlib.contextmanager
    def while_keystone_makes_a_trust(self, call: Callable[[], object]) -> Iterator[None]:
        """Make a call while the first request to Keystone that is sent within waits."""
        self.keystone.requests.clear()
        self.keystone.awake.clear()

        def run() -> None:
            try:
                end = time.monotonic() + 20
                while not self.keystone.requests and time.monotonic() < end:
                    time.sleep(0.01)
                call()
            finally:
                self.keystone.awake.set()

        with futures.ThreadPoolExecutor(1) as pool:
            done = pool.submit(run)
            yield
            done.result()

    def test_failed_deletion_is_remembered_and_the_trust_not_used_again(self) -> None:
        job_id = self.job()
        (old,) = self.keystone.trusts
        for status in (403, 503):
            self.keystone.refused = {'DELETE': status}
            self.delete(job_id)
            released = [row for row in self.stored() if row['released_at'] is not None]
            self.assertIn(old, [row['trust_id'] for row in released])
            job_id = self.job()
            self.assertNotEqual(old, self.credentials(job_id)['trust_id'])

    def test_trust_that_is_gone_from_keystone_is_forgotten(self) -> None:
        job_id = self.job()
        self.keystone.trusts.clear()
        self.delete(job_id)
        self.assertEqual([], self.stored())


class ConcurrencyTest(TrustsTestCase):
    def at_once(self, *calls: Any) -> list[Any]:
        barrier = threading.Barrier(len(calls))

        def run(call: Any) -> Any:
            barrier.wait()
            return call()

        with futures.ThreadPoolExecutor(len(calls)) as pool:
            return [future.result() for future in [pool.submit(run, call) for call in calls]]

    def test_first_jobs_at_once_share_one_trust(self) -> None:
        jobs = self.at_once(*[self.job] * 8)
        self.assertEqual(1, len({self.credentials(job)['trust_id'] for job in jobs}))
        self.assertEqual(1, len(self.keystone.trusts))
        self.assertEqual(1, len(self.stored()))

    def test_jobs_that_come_while_others_go_have_a_trust_that_is_there(self) -> None:
        jobs = [self.job()]
        for _ in range(6):
            calls = [lambda job_id=job_id: self.delete(job_id) for job_id in jobs]
            jobs = [job for job in self.at_once(*calls, self.job, self.job) if job]
            shown = [self.credentials(job)['trust_id'] for job in jobs]
            self.assertEqual(set(shown), set(self.keystone.trusts))
            self.assertEqual(set(shown), {row['trust_id'] for row in self.stored()})
        self.at_once(*[lambda job_id=job_id: self.delete(job_id) for job_id in jobs])
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))
