# SPDX-License-Identifier: Apache-2.0
"""The published agents' own schedulers poll a running service while their jobs come and go between the pages."""

import json
import random
import subprocess
from collections.abc import Callable
from typing import Any

import fixtures
import testscenarios

from tests import base
from tests.integration import published, server

PROJECT = 'demo'
CLIENT = 'demo_host-1'
OTHER = 'demo_host-2'
DRIVER = published.ROOT / 'tests' / 'integration' / 'polling_driver.py'

# Of 35 jobs to begin with, four pages.
JOBS = 35
FEWEST = 25

AGENTS = [
    ('agent-19', {'environment': 'agent-19', 'changes': 1000}),
    ('agent-18', {'environment': 'agent-18', 'changes': 100}),
]

NEVER_SOON: dict[str, Any] = {'schedule_interval': '30 days'}


class Scheduler:
    """The scheduler of a release, in a process of its own.

    :param environment: of :mod:`published`
    :param folder: for its copies of the jobs
    """

    def __init__(self, environment: str, endpoint: str, folder: str) -> None:
        self._process = subprocess.Popen(
            [published.environment(environment) / 'python', DRIVER, endpoint, PROJECT, CLIENT, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def close(self) -> None:
        """End it, and wait until it has ended."""
        self._process.communicate()

    def _turn(self) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write('\n')
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def poll(self, before_page: Callable[[], None]) -> set[str]:
        """Poll once; return the ids of the jobs that are armed then.

        :param before_page: called before each page but the first
        """
        if self._turn() != 'page\n':
            raise AssertionError('the scheduler does not poll')
        while (line := self._turn()) == 'page\n':
            before_page()
        armed: list[str] = json.loads(line)['armed']
        return set(armed)


class PagingOfAgentsTest(base.ApiTestCase):
    environment: str
    changes: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scenarios = testscenarios.multiply_scenarios(self.scenarios, AGENTS)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # May take longer than a test may.
        for environment in ('agent-19', 'agent-18'):
            published.environment(environment)

    def setUp(self) -> None:
        super().setUp()
        self.random = random.Random(f'{self.environment} {self.changes}')
        self.user = self.as_(user='alice', project=PROJECT)
        self.job_ids: list[str] = []
        self.completed: list[str] = []
        self.count = 0
        for client_id in (CLIENT, OTHER):
            document = {'client_id': client_id}
            self.user.post(self.user.v2('clients'), json=document, status=201)
        for _ in range(JOBS):
            self.create()

    def create(self) -> None:
        document = {'client_id': CLIENT, 'job_actions': [], 'job_schedule': NEVER_SOON}
        answer = self.user.post(self.user.v2('jobs'), json=document, status=201)
        self.job_ids.append(answer.json['job_id'])

    def start_again(self) -> None:
        if self.completed:
            job_id = self.completed.pop(0)
            path = self.user.v2('jobs', job_id, 'event')
            self.user.post(path, json={'start': None}, status=202)
            self.job_ids.append(job_id)

    def take_away(self, kind: str) -> str:
        """Take a job from the list; return its id. Those in front move all others."""
        job_id = self.job_ids.pop(self.random.randrange(FEWEST))
        path = self.user.v2('jobs', job_id)
        if kind == 'delete':
            self.user.delete(path, status=204)
        elif kind == 'move':
            self.user.patch(path, json={'client_id': OTHER}, status=200)
        else:
            document = {'job_schedule': {'status': 'completed', 'event': ''}}
            self.user.patch(path, json=document, status=200)
            self.completed.append(job_id)
        return job_id

    def change(self) -> str | None:
        """Change the list at random; return the id of the job that left it, if any."""
        self.count += 1
        kind = self.random.choice(('complete', 'complete', 'delete', 'move', 'create', 'start'))
        if kind == 'create' or len(self.job_ids) <= FEWEST:
            self.create()
        elif kind == 'start':
            self.start_again()
        else:
            return self.take_away(kind)
        return None

    def test_no_live_job_is_unscheduled(self) -> None:
        folder = self.useFixture(fixtures.TempDir()).path
        scheduler = Scheduler(self.environment, server.start(self.database_name), folder)
        self.addCleanup(scheduler.close)
        polls = 0
        while self.count < self.changes:
            awaited = set(self.job_ids)

            def change_list(awaited: set[str] = awaited) -> None:
                for _ in range(self.random.randrange(15)):
                    awaited.discard(self.change() or '')

            armed = scheduler.poll(change_list)
            self.assertEqual(set(), awaited - armed, f'poll {polls}, change {self.count}')
            polls += 1
        # The scheduler reports jobs that completed while it took them up, so the service has the last word.
        wanted = {'match': [{'client_id': CLIENT}], 'match_not': [{'status': 'completed'}]}
        path = self.user.v2('jobs')
        live = self.user.get(path, json=wanted, params={'limit': 1000}, status=200).json['jobs']
        self.assertEqual({job['job_id'] for job in live}, scheduler.poll(lambda: None))
