# SPDX-License-Identifier: Apache-2.0
"""The published agents' own schedulers report to a running service while users change what they report on."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.integration.stepwise import StepwiseTestCase

DAILY = {'schedule_interval': '1 days', 'schedule_start_date': '2090-01-01T00:00:00'}

Document = dict[str, Any]
Interventions = Mapping[int, Callable[[], object]]


class ReportsOfAgentsTest(StepwiseTestCase):
    step = 'update'

    def do(self, command: str, before: Interventions | None = None) -> set[str]:
        """Let the agent poll or run; return the ids of the jobs that are armed then.

        :param before: what happens before which of its PATCHes, counted from 1; there must be that many
        """
        due = dict(before or {})
        armed = self.agent.do(command, lambda number: due.pop(number, lambda: None)())
        self.assertEqual({}, due, f'{command} did not report that often')
        return armed

    def create(self, **schedule: Any) -> str:
        """A job that the agent has armed."""
        action = {'freezer_action': {'action': 'backup', 'mode': 'fs', 'backup_name': 'www'}}
        job_id = self.create_job(job_actions=[action], job_schedule=schedule)
        self.assertEqual({job_id}, self.do('poll'))
        self.assert_state(job_id, '', 'scheduled')
        return job_id

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
            self.do(f'run {job_id}', {moment: lambda job_id=job_id: self.event(job_id, 'stop')})
            self.assert_state(job_id, 'stop', 'scheduled')
            self.assertEqual(set(), self.do('poll'))
            self.assert_state(job_id, '', 'stop')
            self.user.delete(self.user.v2('jobs', job_id), status=204)
            self.do('poll')

    def test_abort_between_two_reports_of_a_run_stops_the_job(self) -> None:
        job_id = self.create(**DAILY)
        self.do(f'run {job_id}', {2: lambda: self.event(job_id, 'abort')})
        self.assert_state(job_id, 'abort', 'scheduled')
        self.do('poll')
        self.assert_state(job_id, '', 'stop')

    def test_start_before_the_last_report_of_a_run_runs_the_job_again(self) -> None:
        job_id = self.create()
        self.assertEqual(set(), self.do(f'run {job_id}', {3: lambda: self.event(job_id, 'start')}))
        self.assert_state(job_id, 'start', '')
        self.assertEqual({job_id}, self.do('poll'))
        self.assert_state(job_id, '', 'scheduled')
        self.do(f'run {job_id}')
        self.assert_state(job_id, '', 'completed')
        self.assertEqual(set(), self.do('poll'))
        self.assert_state(job_id, '', 'completed')

    def test_start_of_an_armed_job_is_answered_once(self) -> None:
        job_id = self.create(**DAILY)
        self.event(job_id, 'start')
        self.assertEqual({job_id}, self.do('poll'))
        self.assert_state(job_id, '', 'scheduled')

    def test_stop_and_start_arm_the_job_anew(self) -> None:
        job_id = self.create(**DAILY)
        self.event(job_id, 'stop')
        # A start arrives while the agent answers the stop.
        self.do('poll', {1: lambda: self.event(job_id, 'start')})
        self.assertEqual('start', self.schedule(job_id)['event'])
        self.assertEqual({job_id}, self.do('poll'))
        self.assert_state(job_id, '', 'scheduled')

    def test_schedule_changed_between_two_reports_stays_changed(self) -> None:
        job_id = self.create(**DAILY)
        change = {'job_schedule': {'schedule_interval': '2 days', 'schedule_start_date': None}}
        self.do(f'run {job_id}', {2: lambda: self.patch(job_id, **change)})
        schedule = self.schedule(job_id)
        self.assertEqual('2 days', schedule['schedule_interval'])
        self.assertNotIn('schedule_start_date', schedule)
        self.assertEqual({job_id}, self.do('poll'))
        self.do(f'run {job_id}')
        self.assertEqual('2 days', self.schedule(job_id)['schedule_interval'])
