# SPDX-License-Identifier: Apache-2.0
"""The published agents' own schedulers report to a running service while users change what they report on."""

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import fixtures
import testscenarios

from tests import base
from tests.integration import published, server

PROJECT = 'demo'
CLIENT = 'demo_host-1'
DRIVER = published.ROOT / 'tests' / 'integration' / 'reporting_driver.py'

AGENTS = [('agent-19', {'environment': 'agent-19'}), ('agent-18', {'environment': 'agent-18'})]

DAILY = {'schedule_interval': '1 days', 'schedule_start_date': '2090-01-01T00:00:00'}

Document = dict[str, Any]
Interventions = Mapping[int, Callable[[], object]]


class Scheduler:
    """The scheduler of a release, in a process of its own.

    :param environment: of :mod:`published`
    :param folder: for its copies of the jobs
    """

    def __init__(self, environment: str, endpoint: str, folder: str) -> None:
        python = published.environment(environment) / 'python'
        self._process = subprocess.Popen(
            [python, DRIVER, endpoint, PROJECT, CLIENT, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def close(self) -> None:
        """End it, and wait until it has ended."""
        self._process.communicate()

    def do(self, command: str, before: Interventions | None = None) -> set[str]:
        """Poll or run; return the ids of the jobs that are armed then.

        :param before: what happens before which of its PATCHes, counted from 1
        """
        reports = 0
        line = self._say(command)
        while line == 'patch\n':
            reports += 1
            (before or {}).get(reports, lambda: None)()
            line = self._say('go')
        if reports < max(before or {0: None}):
            raise AssertionError(f'{command} reported {reports} times')
        armed: list[str] = json.loads(line)['armed']
        return set(armed)

    def _say(self, text: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f'{text}\n')
        self._process.stdin.flush()
        return self._process.stdout.readline()


class ReportsOfAgentsTest(base.ApiTestCase):
    environment: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scenarios = testscenarios.multiply_scenarios(self.scenarios, AGENTS)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # May take longer than a test may.
        for name, _ in AGENTS:
            published.environment(name)

    def setUp(self) -> None:
        super().setUp()
        self.user = self.as_(project=PROJECT)
        self.user.post(self.user.v2('clients'), json={'client_id': CLIENT}, status=201)
        folder = self.useFixture(fixtures.TempDir()).path
        self.agent = Scheduler(self.environment, server.start(self.database_name), folder)
        self.addCleanup(self.agent.close)

    def create(self, **schedule: Any) -> str:
        """A job that the agent has armed."""
        action = {'freezer_action': {'action': 'backup', 'mode': 'fs', 'backup_name': 'www'}}
        document = {'client_id': CLIENT, 'job_actions': [action], 'job_schedule': schedule}
        answer = self.user.post(self.user.v2('jobs'), json=document, status=201)
        job_id: str = answer.json['job_id']
        self.assertEqual({job_id}, self.agent.do('poll'))
        self.assert_state(job_id, '', 'scheduled')
        return job_id

    def post(self, job_id: str, event: str) -> None:
        path = self.user.v2('jobs', job_id, 'event')
        self.user.post(path, json={event: None}, status=202)

    def patch(self, job_id: str, **document: Any) -> None:
        self.user.patch(self.user.v2('jobs', job_id), json=document, status=200)

    def schedule(self, job_id: str) -> Document:
        schedule: Document = self.user.get(self.user.v2('jobs', job_id)).json['job_schedule']
        return schedule

    def assert_state(self, job_id: str, event: str, status: str) -> None:
        schedule = self.schedule(job_id)
        self.assertEqual((event, status), (schedule['event'], schedule['status']), schedule)

    def test_stop_between_two_reports_of_a_run_stops_the_job(self) -> None:
        for moment in (1, 2, 3):
            job_id = self.create(**DAILY)
            self.agent.do(f'run {job_id}', {moment: lambda job_id=job_id: self.post(job_id, 'stop')})
            self.assert_state(job_id, 'stop', 'scheduled')
            self.assertEqual(set(), self.agent.do('poll'))
            self.assert_state(job_id, '', 'stop')
            self.user.delete(self.user.v2('jobs', job_id), status=204)
            self.agent.do('poll')

    def test_abort_between_two_reports_of_a_run_stops_the_job(self) -> None:
        job_id = self.create(**DAILY)
        self.agent.do(f'run {job_id}', {2: lambda: self.post(job_id, 'abort')})
        self.assert_state(job_id, 'abort', 'scheduled')
        self.agent.do('poll')
        self.assert_state(job_id, '', 'stop')

    def test_start_before_the_last_report_of_a_run_runs_the_job_again(self) -> None:
        job_id = self.create()
        self.assertEqual(set(), self.agent.do(f'run {job_id}', {3: lambda: self.post(job_id, 'start')}))
        self.assert_state(job_id, 'start', '')
        self.assertEqual({job_id}, self.agent.do('poll'))
        self.assert_state(job_id, '', 'scheduled')
        self.agent.do(f'run {job_id}')
        self.assert_state(job_id, '', 'completed')
        self.assertEqual(set(), self.agent.do('poll'))
        self.assert_state(job_id, '', 'completed')

    def test_start_of_an_armed_job_is_answered_once(self) -> None:
        job_id = self.create(**DAILY)
        self.post(job_id, 'start')
        self.assertEqual({job_id}, self.agent.do('poll'))
        self.assert_state(job_id, '', 'scheduled')

    def test_stop_and_start_arm_the_job_anew(self) -> None:
        job_id = self.create(**DAILY)
        self.post(job_id, 'stop')
        # A start arrives while the agent answers the stop.
        self.agent.do('poll', {1: lambda: self.post(job_id, 'start')})
        self.assertEqual('start', self.schedule(job_id)['event'])
        self.assertEqual({job_id}, self.agent.do('poll'))
        self.assert_state(job_id, '', 'scheduled')

    def test_schedule_changed_between_two_reports_stays_changed(self) -> None:
        job_id = self.create(**DAILY)
        change = {'job_schedule': {'schedule_interval': '2 days', 'schedule_start_date': None}}
        self.agent.do(f'run {job_id}', {2: lambda: self.patch(job_id, **change)})
        schedule = self.schedule(job_id)
        self.assertEqual('2 days', schedule['schedule_interval'])
        self.assertNotIn('schedule_start_date', schedule)
        self.assertEqual({job_id}, self.agent.do('poll'))
        self.agent.do(f'run {job_id}')
        self.assertEqual('2 days', self.schedule(job_id)['schedule_interval'])
