# SPDX-License-Identifier: Apache-2.0
"""Sessions of many jobs, which change together."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from tests.functional.sessions import CLIENT, Document, SessionsTestCase

MANY = 230
# What one statement may bring along, however many jobs there are.
PARAMETERS = 1000


class ManyJobsTest(SessionsTestCase):
    versions = ('v2',)

    def setUp(self) -> None:
        super().setUp()
        # With schedules, texts and versions of different kinds.
        self.job_ids = [
            self.new_job(
                f'j{n:03}', description=f'job {n}', job_schedule={'schedule_hour': str(n % 24)}
            )
            for n in range(MANY)
        ]
        for job_id in self.job_ids[::40]:
            self.api.patch(self.url('jobs', job_id), json={'job_schedule': {'status': 'running'}})

    @contextmanager
    def few_parameters(self) -> Iterator[None]:
        """Within, no change brings more of them to the database than it may."""
        changes: list[tuple[int, str]] = []

        def collect(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith('UPDATE'):
                changes.append((len(parameters), statement))

        event.listen(Engine, 'before_cursor_execute', collect)
        try:
            yield
        finally:
            event.remove(Engine, 'before_cursor_execute', collect)
        self.assertNotEqual([], changes)
        self.assertEqual([], [change for change in changes if change[0] > PARAMETERS])

    def jobs(self) -> dict[str, Document]:
        answer = self.api.get(self.url('jobs'), params={'limit': 1000}).json
        return {job['job_id']: job for job in answer['jobs']}

    def test_schedule_of_a_session_reaches_all_its_jobs(self) -> None:
        self.put_session('s1', jobs={job_id: {} for job_id in self.job_ids})
        before = self.jobs()
        etags = {name: self.api.get(self.url('jobs', name)).headers['ETag'] for name in ('j000', 'j229')}
        with self.few_parameters():
            schedule = {'schedule_interval': '2 days'}
            self.api.patch(self.url('sessions', 's1'), json={'schedule': schedule}, status=200)
        for job in before.values():
            job['job_schedule'] |= schedule
        self.assertEqual(before, self.jobs())
        for name, etag in etags.items():
            self.assertNotEqual(etag, self.api.get(self.url('jobs', name)).headers['ETag'])
        search = {'match': [{'_all': '2 days'}]}
        found = self.api.get(self.url('jobs'), json=search, params={'limit': 1000}).json['jobs']
        self.assertEqual(MANY, len(found))

    def test_jobs_move_into_a_session_together(self) -> None:
        self.put_session('s1', jobs={job_id: {} for job_id in self.job_ids})
        self.put_session('s2', session_tag=4, schedule={'schedule_interval': '2 days'})
        parts = {job_id: {'client_id': CLIENT, 'result': job_id} for job_id in self.job_ids[5:]}
        with self.few_parameters():
            self.api.patch(self.url('sessions', 's2'), json={'jobs': parts}, status=200)
        self.assertEqual(self.job_ids[:5], list(self.session('s1')['jobs']))
        shown = self.session('s2')['jobs']
        self.assertEqual(self.job_ids[5:], list(shown))
        self.assertEqual(self.job_ids[5:], [part['result'] for part in shown.values()])
        jobs = self.jobs()
        for n, job_id in enumerate(self.job_ids[5:], start=5):
            job, schedule = jobs[job_id], jobs[job_id]['job_schedule']
            self.assertEqual(
                ('s2', 4, f'job {n}', str(n % 24), '2 days'),
                (
                    job['session_id'],
                    job['session_tag'],
                    job['description'],
                    schedule['schedule_hour'],
                    schedule['schedule_interval'],
                ),
            )

    def test_long_texts_are_sent_in_parts(self) -> None:
        """MariaDB takes 16 MiB at once."""
        long = 'x' * 300_000
        job_ids = self.job_ids[:10]
        for job_id in job_ids:
            path = self.url('jobs', job_id)
            self.api.patch(path, json={'description': f'{job_id} {long}'}, status=200)
        self.put_session('s1', jobs={job_id: {} for job_id in job_ids})
        lengths = []

        def collect(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            values = parameters.values() if isinstance(parameters, dict) else parameters
            if statement.startswith('UPDATE jobs '):
                lengths.append(sum(len(value) for value in values if isinstance(value, str)))

        event.listen(Engine, 'before_cursor_execute', collect)
        try:
            body = {'schedule': {'schedule_interval': '2 days'}}
            self.api.patch(self.url('sessions', 's1'), json=body, status=200)
        finally:
            event.remove(Engine, 'before_cursor_execute', collect)
        self.assertLess(max(lengths), 2_000_000)
        jobs = self.jobs()
        for job_id in job_ids:
            self.assertEqual(f'{job_id} {long}', jobs[job_id]['description'])
            self.assertEqual('2 days', jobs[job_id]['job_schedule']['schedule_interval'])
