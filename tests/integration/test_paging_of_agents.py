# SPDX-License-Identifier: Apache-2.0
"""The published agents' own schedulers poll a running service while their jobs come and go between the pages."""

import random
from collections.abc import Callable
from typing import Any, ClassVar

from tests.integration.server import OWN
from tests.integration.stepwise import StepwiseTestCase

OTHER = 'demo_host-2'

# Of 35 jobs to begin with, four pages.
JOBS = 35
FEWEST = 25

NEVER_SOON: dict[str, Any] = {'schedule_interval': '30 days'}


class PagingOfAgentsTest(StepwiseTestCase):
    CHANGES: ClassVar = {'agent-19': 1000, 'agent-18': 100}
    step = 'list'

    def setUp(self) -> None:
        super().setUp()
        self.changes = self.CHANGES[self.environment]
        self.random = random.Random(f'{self.environment} {self.changes}')
        self.job_ids: list[str] = []
        self.completed: list[str] = []
        self.count = 0
        self.register(OTHER)
        for _ in range(JOBS):
            self.create()

    def create(self) -> None:
        self.job_ids.append(self.create_job(job_actions=[], job_schedule=NEVER_SOON))

    def start_again(self) -> None:
        if self.completed:
            job_id = self.completed.pop(0)
            self.event(job_id, 'start')
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

    def poll(self, before_page: Callable[[], None]) -> set[str]:
        """Let the agent poll once; return the ids of the jobs that are armed then.

        :param before_page: called before each page but the first
        """
        pages = []

        def act(page: int) -> None:
            pages.append(page)
            if page > 1:
                before_page()

        armed = self.agent.do('poll', act)
        self.assertTrue(pages, 'the scheduler does not poll')
        return armed

    def test_no_live_job_is_unscheduled(self) -> None:
        polls = 0
        while self.count < self.changes:
            awaited = set(self.job_ids)

            def change_list(awaited: set[str] = awaited) -> None:
                for _ in range(self.random.randrange(15)):
                    awaited.discard(self.change() or '')

            armed = self.poll(change_list)
            self.assertEqual(set(), awaited - armed, f'poll {polls}, change {self.count}')
            polls += 1
        # The scheduler reports jobs that completed while it took them up, so the service has the last word.
        wanted = {'match': [{'client_id': OWN}], 'match_not': [{'status': 'completed'}]}
        path = self.user.v2('jobs')
        live = self.user.get(path, json=wanted, params={'limit': 1000}, status=200).json['jobs']
        self.assertEqual({job['job_id'] for job in live}, self.poll(lambda: None))
