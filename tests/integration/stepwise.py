# SPDX-License-Identifier: Apache-2.0
"""The published agents' own schedulers, stopped before each request of a kind, and tests that act in between."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import fixtures
import testscenarios

from tests import base
from tests.integration import published, server
from tests.integration.server import OWN, PROJECT

_DRIVER = Path(__file__).with_name('stepwise_driver.py')


class Scheduler:
    """The scheduler of a release, in a process of its own.

    :param environment: of :mod:`published`
    :param folder: for its copies of the jobs
    :param step: what it waits before: ``list``, a page of the list of jobs, or ``update``, a report on one
    """

    def __init__(self, environment: str, endpoint: str, folder: str, step: str) -> None:
        python = published.environment(environment) / 'python'
        self._process = subprocess.Popen(
            [python, _DRIVER, endpoint, PROJECT, OWN, folder, step],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def close(self) -> None:
        """End it, and wait until it has ended."""
        self._process.communicate()

    def do(self, command: str, before: Callable[[int], object]) -> set[str]:
        """Poll or run; return the ids of the jobs that are armed then.

        :param command: ``poll`` or ``run JOB_ID``
        :param before: called before each step, with its number, counted from 1
        """
        steps = 0
        line = self._say(command)
        while line == 'step\n':
            steps += 1
            before(steps)
            line = self._say('go')
        armed: list[str] = json.loads(line)['armed']
        return set(armed)

    def _say(self, text: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f'{text}\n')
        self._process.stdin.flush()
        return self._process.stdout.readline()


class StepwiseTestCase(base.ApiTestCase):
    """A user, a client of the project, and its scheduler; once per release of the agent.

    :cvar step: what the scheduler waits before
    """

    AGENTS: ClassVar = ('agent-19', 'agent-18')
    step: ClassVar[str]
    environment: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agents = [(name, {'environment': name}) for name in self.AGENTS]
        self.scenarios = testscenarios.multiply_scenarios(self.scenarios, agents)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # May take longer than a test may.
        for name in cls.AGENTS:
            published.environment(name)

    def setUp(self) -> None:
        super().setUp()
        self.user = self.as_(project=PROJECT)
        self.register(OWN)
        folder = self.useFixture(fixtures.TempDir()).path
        endpoint = server.start(self.database_name)
        self.agent = Scheduler(self.environment, endpoint, folder, self.step)
        self.addCleanup(self.agent.close)

    def register(self, client_id: str) -> None:
        self.user.post(self.user.v2('clients'), json={'client_id': client_id}, status=201)

    def create_job(self, **document: Any) -> str:
        """Store a job of the client; return its id."""
        path = self.user.v2('jobs')
        answer = self.user.post(path, json={'client_id': OWN, **document}, status=201)
        return str(answer.json['job_id'])

    def event(self, job_id: str, event: str) -> None:
        path = self.user.v2('jobs', job_id, 'event')
        self.user.post(path, json={event: None}, status=202)
