# SPDX-License-Identifier: Apache-2.0
"""Events of jobs, and the processes that they stop."""

from typing import Any

from tests import base
from tests.functional.jobs import HOST, JobsTestCase


class EventTest(JobsTestCase):
    def test_event_is_stored_and_answered(self) -> None:
        for event in ('start', 'stop', 'abort'):
            job_id = self.create()
            self.assertEqual({'result': 'success'}, self.event(job_id, event))
            self.assertEqual(event, self.read(job_id)['job_schedule']['event'])

    def test_event_that_is_there_is_not_stored_again(self) -> None:
        job_id = self.create(job_schedule={'status': 'running'})
        for event in ('start', 'stop', 'abort'):
            self.event(job_id, event)
            self.patch(job_id, job_schedule={'status': 'running', 'result': 'fail'})
            before = self.rows()
            self.assertEqual({'result': f'{event} already requested'}, self.event(job_id, event))
            self.assertEqual(before, self.rows())

    def test_start_clears_status_and_result(self) -> None:
        job_id = self.create(job_schedule={'status': 'completed', 'result': 'fail'})
        self.event(job_id, 'start')
        schedule = self.read(job_id)['job_schedule']
        self.assertEqual(('', ''), (schedule['status'], schedule['result']))

    def test_started_job_is_polled_again(self) -> None:
        job_id = self.create(job_schedule={'status': 'completed'})
        poll = {'match': [{'client_id': HOST}], 'match_not': [{'status': 'completed'}]}
        self.assertEqual([], self.api.get(self.url('jobs'), json=poll).json['jobs'])
        self.event(job_id, 'start')
        [polled] = self.api.get(self.url('jobs'), json=poll).json['jobs']
        self.assertEqual(self.read(job_id), polled)

    def test_stop_and_abort_keep_status_result_and_schedule(self) -> None:
        schedule = {'status': 'running', 'result': 'fail', 'schedule_interval': '1 days'}
        for event in ('stop', 'abort'):
            job_id = self.create(job_schedule=schedule)
            self.event(job_id, event)
            stored = self.read(job_id)['job_schedule']
            self.assertEqual(schedule, {key: stored[key] for key in schedule}, event)

    def test_first_key_alone_counts(self) -> None:
        job_id = self.create()
        path = self.url('jobs', job_id, 'event')
        self.api.post(path, body=b'{"stop": {"x": 1}, "start": null}', status=202)
        self.assertEqual('stop', self.read(job_id)['job_schedule']['event'])

    def test_what_is_no_event_is_refused_and_stores_nothing(self) -> None:
        path = self.url('jobs', self.create(), 'event')
        for body in ({}, [], None, 'start', ['start'], {'remove': None}, {'': 1}, {'Start': 1}):
            self.assert_nothing_stored('POST', path, 400, json=body)
        self.api.post(path, status=400)

    def test_missing_job_is_not_found(self) -> None:
        self.event('none', 'start', status=404)

    def test_events_work_when_the_client_is_gone(self) -> None:
        job_id = self.create()
        self.api.delete(self.url('clients', HOST), status=204)
        for event in ('stop', 'abort', 'start'):
            self.assertEqual({'result': 'success'}, self.event(job_id, event))

    def test_reader_may_not_send_events(self) -> None:
        job_id = self.create()
        reader = self.as_('eve', roles='reader')
        path = reader.url('jobs', job_id, 'event')
        reader.post(path, json={'start': None}, status=403)
        self.assertEqual('', self.read(job_id)['job_schedule']['event'])


class ProcessTest(JobsTestCase):
    """``current_pid`` is for those whose host it is."""

    def setUp(self) -> None:
        super().setUp()
        self.admin = self.as_('root', project='operators', roles='admin')
        self.service = self.as_('freezer', project='service', roles='service')
        self.register(self.as_('root', project='operators', roles='admin,member'), 'central', is_central=True)

    def pids(self, caller: base.Client, job_id: str) -> list[Any]:
        """As seen in the job and in the list."""
        path = self.url('jobs')
        answers = [
            caller.get(self.url('jobs', job_id), status=200).json,
            *(job for job in caller.get(path).json['jobs'] if job['job_id'] == job_id),
        ]
        return [answer['job_schedule'].get('current_pid') for answer in answers]

    @base.only('v2')
    def test_process_on_an_own_host_is_shown(self) -> None:
        job_id = self.create(job_schedule={'current_pid': 7})
        for caller in (self.api, self.as_('eve', roles='reader'), self.admin, self.service):
            self.assertEqual([7, 7], self.pids(caller, job_id), caller)

    @base.only('v2')
    def test_process_on_a_foreign_host_is_hidden(self) -> None:
        job_id = self.create(client_id='central', job_schedule={'current_pid': 7})
        self.assertEqual([None, None], self.pids(self.api, job_id))
        for caller in (self.admin, self.service):
            self.assertEqual([7, 7], self.pids(caller, job_id))

    @base.only('v2')
    def test_process_is_hidden_when_the_client_is_gone(self) -> None:
        job_id = self.create(job_schedule={'current_pid': 7})
        self.api.delete(self.url('clients', HOST), status=204)
        self.assertEqual([None, None], self.pids(self.api, job_id))

    def test_job_to_abort_always_has_a_number(self) -> None:
        # The scheduler's poll raises without one.
        job_id = self.create()
        self.assertEqual([None, None], self.pids(self.api, job_id))
        self.event(job_id, 'abort')
        self.assertEqual([-1, -1], self.pids(self.api, job_id))
        self.event(job_id, 'stop')
        self.assertEqual([None, None], self.pids(self.api, job_id))

    def test_known_process_of_a_job_to_abort_is_shown(self) -> None:
        job_id = self.create(job_schedule={'current_pid': 7, 'event': 'abort'})
        self.assertEqual([7, 7], self.pids(self.api, job_id))

    @base.only('v2')
    def test_echo_does_not_overwrite_a_hidden_process(self) -> None:
        job_id = self.create(client_id='central', job_schedule={'current_pid': 7})
        for event in ('stop', 'abort'):
            self.event(job_id, event)
            self.patch(job_id, **self.read(job_id))
            self.assertEqual([7, 7], self.pids(self.admin, job_id), event)
