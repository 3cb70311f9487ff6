# SPDX-License-Identifier: Apache-2.0
"""Whatever is written to jobs, by whatever route: what agents are served never makes their poll fail."""

import random
from collections.abc import Callable
from typing import Any

from tests import base

Document = dict[str, Any]

HOST = 'p1_web01'
JOBS = ('job-0', 'job-1', 'job-2', 'job-3')
ACTIONS = ('action-0', 'action-1')
SESSIONS = ('session-0', 'session-1')
EVENTS = ('start', 'stop', 'abort')
STEPS = 300

OPTIONS: list[Document] = [
    {},
    {'max_retries': None, 'max_retries_interval': None, 'mandatory': None},
    {'max_retries': 0, 'max_retries_interval': 0, 'mandatory': False},
    {'max_retries': 3, 'mandatory': True, 'exit_status': 'kept'},
]
DEFINITIONS: list[Document] = [
    {'action': 'backup', 'mode': 'fs', 'path_to_backup': '/srv'},
    {'action': 'backup', 'mode': None, 'container': None, 'backup_name': ''},
    {'action': 'info', 'nested': {'deep': [1, None]}},
]
SCHEDULES: list[Any] = [
    {},
    {'event': '', 'status': '', 'result': ''},
    {'event': 'abort'},
    {'event': 'start', 'status': 'completed', 'result': 'success'},
    {'event': 'remove', 'status': 'removed'},
    {'event': 'abort', 'status': 'running', 'current_pid': 12, 'time_started': 5},
    {'status': 'completed', 'result': 'fail', 'time_ended': 7},
    {'schedule_interval': '1 days', 'schedule_start_date': '2030-01-01T00:00:00'},
    {'schedule_interval': None, 'schedule_start_date': None},
    None,
]
# Without state.
DEFINED = [SCHEDULES[0], *SCHEDULES[-3:]]


def problems(job: Any) -> list[str]:
    """What of a served job would make an agent's poll fail, or its run hang."""
    found = []
    schedule = job.get('job_schedule')
    if not isinstance(job.get('job_id'), str) or not job['job_id']:
        found.append('no job_id')
    if not isinstance(schedule, dict):
        return [*found, 'job_schedule is no object']
    for key in ('event', 'status', 'result'):
        if not isinstance(schedule.get(key), str):
            found.append(f'{key} is no text')
    if schedule.get('event') == 'abort' and type(schedule.get('current_pid')) is not int:
        found.append('no current_pid to abort')
    for key in ('time_created', 'time_started', 'time_ended', 'current_pid'):
        if key in schedule and type(schedule[key]) is not int:
            found.append(f'{key} is no number')
    if any(value is None for value in schedule.values()):
        found.append('null in the schedule')
    if not isinstance(job.get('session_id'), str) or type(job.get('session_tag')) is not int:
        found.append('session_id or session_tag is of another type')
    if 'user_credentials' in job and not isinstance(job['user_credentials'], dict):
        found.append('user_credentials is no object')
    if not isinstance(job.get('job_actions'), list):
        return [*found, 'job_actions is no list']
    for entry in job['job_actions']:
        if not isinstance(entry, dict) or not isinstance(entry.get('freezer_action'), dict):
            found.append('an entry without freezer_action')
            continue
        for key in ('max_retries', 'max_retries_interval'):
            if type(entry.get(key)) is not int or entry[key] < 0:
                found.append(f'{key} is no number of at least 0')
        if type(entry.get('mandatory')) is not bool:
            found.append('mandatory is no boolean')
    return found


class ServedJobsTest(base.ApiTestCase):
    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.random = random.Random(20261121)
        self.client({'client_id': HOST, 'hostname': 'web01'})

    def client(self, document: Document) -> None:
        self.api.post(self.url('clients'), json=document, status=201)

    def pick(self, values: Any) -> Any:
        return self.random.choice(list(values))

    def job(self) -> Document:
        entries = [
            {'freezer_action': self.pick(DEFINITIONS), **self.pick(OPTIONS)},
            {'action_id': self.pick(ACTIONS), **self.pick(OPTIONS)},
            {'action_id': '', 'freezer_action': self.pick(DEFINITIONS)},
        ]
        document = {
            'client_id': HOST,
            'job_actions': self.random.sample(entries, self.random.randrange(4)),
            'job_schedule': self.pick(SCHEDULES),
            'session_id': self.pick(['', None, *SESSIONS]),
            'session_tag': self.pick([0, 3]),
            'description': self.pick(['text', '', None]),
            'user_credentials': self.pick([None, {}, {'trust_id': 'x'}]),
        }
        return {key: document[key] for key in document if key[0] in 'cj' or self.random.random() < 0.5}

    def send(self, method: str, *path: str, json: Any = None) -> None:
        """Send a write; that many of them are refused belongs to it."""
        options = {} if json is None else {'json': json}
        answer = self.api.request(method, self.url(*path), status='*', **options)
        self.assertLess(answer.status_int, 500, answer.text)
        self.statuses.add((method, len(path), answer.status_int < 400))

    def step(self) -> None:
        job_id, session_id = self.pick(JOBS), self.pick(SESSIONS)
        action = {'freezer_action': self.pick(DEFINITIONS), **self.pick(OPTIONS)}
        session = {'schedule': self.pick(DEFINED), 'session_tag': self.pick([0, 3])}
        part = {'current_tag': 0, 'job_id': job_id}
        ended = {**part, 'result': 'fail'}
        keys = list(self.job().items())
        some = dict(self.random.sample(keys, self.random.randrange(len(keys))))
        writes: list[Callable[[], None]] = [
            lambda: self.send('POST', 'jobs', json={**self.job(), 'job_id': job_id}),
            lambda: self.send('POST', 'jobs', job_id, json=self.job()),
            lambda: self.send('PATCH', 'jobs', job_id, json=some),
            lambda: self.send('PATCH', 'jobs', job_id, json={'job_schedule': self.pick(SCHEDULES)}),
            lambda: self.send('POST', 'jobs', job_id, 'event', json={self.pick(EVENTS): None}),
            lambda: self.send('POST', 'actions', self.pick(ACTIONS), json=action),
            lambda: self.send('PATCH', 'actions', self.pick(ACTIONS), json=self.pick(OPTIONS)),
            lambda: self.send('POST', 'sessions', session_id, json=session),
            lambda: self.send('PATCH', 'sessions', session_id, json={'schedule': self.pick(SCHEDULES)}),
            lambda: self.send('PUT', 'sessions', session_id, 'jobs', job_id),
            lambda: self.send('DELETE', 'sessions', session_id, 'jobs', job_id),
            lambda: self.send('POST', 'sessions', session_id, 'action', json={'start': part}),
            lambda: self.send('POST', 'sessions', session_id, 'action', json={'end': ended}),
        ]
        if self.random.random() < 0.05:
            writes = [
                lambda: self.send('DELETE', 'jobs', job_id),
                lambda: self.send('DELETE', 'actions', self.pick(ACTIONS)),
                lambda: self.send('DELETE', 'sessions', session_id),
            ]
        self.pick(writes)()

    def test_polls_are_served_what_agents_can_read_after_any_write(self) -> None:
        self.statuses: set[tuple[str, int, bool]] = set()
        search = {'match': [{'client_id': HOST}], 'match_not': [{'status': 'completed'}]}
        served = 0
        for number in range(STEPS):
            self.step()
            jobs = self.api.get(self.url('jobs'), json=search, status=200).json['jobs']
            served += len(jobs)
            for job in jobs:
                self.assertEqual([], problems(job), f'step {number}: {job}')
        # The walk is worth nothing if most of it was refused.
        self.assertGreater(served, STEPS // 2)
        accepted = {(method, length) for method, length, good in self.statuses if good}
        self.assertEqual(
            {
                *(('POST', 1), ('POST', 2), ('POST', 3)),
                *(('PATCH', 2), ('PUT', 4), ('DELETE', 2), ('DELETE', 4)),
            },
            accepted,
        )

    def test_schedule_is_served_byte_for_byte_poll_after_poll(self) -> None:
        self.api.post(
            self.url('jobs'),
            json={
                'client_id': HOST,
                'job_actions': [],
                'job_schedule': {'schedule_interval': '1 days', 'schedule_hour': '*/2'},
            },
            status=201,
        )
        search = {'match': [{'client_id': HOST}], 'match_not': [{'status': 'completed'}]}
        first = self.api.get(self.url('jobs'), json=search).body
        for _ in range(3):
            self.assertEqual(first, self.api.get(self.url('jobs'), json=search).body)
