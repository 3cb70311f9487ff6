# SPDX-License-Identifier: Apache-2.0
"""Reports of agents that have not seen yet what a user did: nothing of that is undone.

The requests are those of the published schedulers: release 19 sends the whole schedule that it holds, with the session;
releases up to 18 send the whole job as they last read it.
"""

import copy
from typing import Any, ClassVar

from tests import base

Document = dict[str, Any]

HOST = 'p1_web01'
BACKUP = {'action': 'backup', 'mode': 'fs', 'path_to_backup': '/srv/www', 'backup_name': 'www'}
NIGHTLY = {'schedule_interval': '1 days', 'schedule_start_date': '2030-01-01T02:00:00'}


class Agent:
    """The copy of a job that a scheduler holds, and what it sends of it."""

    def __init__(self, api: base.Client, job_id: str, whole: bool) -> None:
        self._api = api
        self._job_id = job_id
        self._whole = whole
        self.document: Document = {}
        self.poll()

    def poll(self) -> bool:
        """Adopt the job as it is served, all but the state of the run; tell whether it is served."""
        body = {'match': [{'client_id': HOST}], 'match_not': [{'status': 'completed'}]}
        jobs = self._api.get(self._api.url('jobs'), json=body).json['jobs']
        served = [job for job in jobs if job['job_id'] == self._job_id]
        if not served:
            return False
        own = self.document.get('job_schedule', {})
        self.document = served[0]
        for key in ('status', 'result', 'time_started', 'time_ended', 'current_pid'):
            if key in own:
                self.document['job_schedule'][key] = own[key]
        return True

    def report(self, **state: Any) -> None:
        """Send the copy after a change of the state."""
        self.document['job_schedule'].update(state)
        sent = copy.deepcopy(self.document)
        if not self._whole:
            sent = {key: sent[key] for key in ('job_schedule', 'session_id', 'session_tag')}
        self._api.patch(self._api.url('jobs', self._job_id), json=sent, status=200)

    def start_run(self) -> None:
        self.report(status='running', result='', time_started=1_900_000_000, time_ended=-1)
        self.report(current_pid=4711)

    def end_run(self, status: str, **state: Any) -> None:
        self.report(status=status, result='success', time_ended=1_900_000_060, **state)


class LateReportsTestCase(base.ApiTestCase):
    versions = ('v1', 'v2')
    releases: ClassVar = ('19', '18')
    whole: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scenarios = [
            (f'{name},{release}', {**keys, 'whole': release == '18'})
            for name, keys in self.scenarios
            for release in self.releases
            # Release 19 speaks v2 alone.
            if (release, keys['api_version']) != ('19', 'v1')
        ]

    def setUp(self) -> None:
        super().setUp()
        body = {'client_id': HOST, 'hostname': 'web01'}
        self.api.post(self.url('clients'), json=body, status=201)

    def create(self, **schedule: Any) -> str:
        document = {
            'client_id': HOST,
            'description': 'web',
            'job_actions': [{'freezer_action': BACKUP}],
            'job_schedule': schedule,
        }
        answer = self.api.post(self.url('jobs'), json=document, status=201)
        return str(answer.json['job_id'])

    def agent(self, job_id: str) -> Agent:
        """An agent that has armed the job."""
        agent = Agent(self.api, job_id, self.whole)
        agent.report(event='', status='scheduled')
        return agent

    def event(self, job_id: str, name: str) -> None:
        self.api.post(self.url('jobs', job_id, 'event'), json={name: None}, status=202)

    def patch(self, job_id: str, /, **document: Any) -> None:
        self.api.patch(self.url('jobs', job_id), json=document, status=200)

    def read(self, job_id: str) -> Document:
        document: Document = self.api.get(self.url('jobs', job_id)).json
        return document

    def schedule(self, job_id: str) -> Document:
        schedule: Document = self.read(job_id)['job_schedule']
        return schedule

    def assert_state(self, job_id: str, event: str, status: str) -> None:
        schedule = self.schedule(job_id)
        self.assertEqual((event, status), (schedule['event'], schedule['status']))


class LateReportsTest(LateReportsTestCase):
    def test_what_is_no_event_is_refused_whatever_is_pending(self) -> None:
        for pending in (None, 'stop', 'start', 'abort'):
            job_id = self.create(**NIGHTLY)
            agent = self.agent(job_id)
            if pending:
                self.event(job_id, pending)
            stored = self.rows()
            for event in ('x', 5, {}, [], False, 0, None):
                schedule = {'event': event, 'status': 'running', 'result': '', 'time_started': 5}
                sent = {**agent.document, 'job_schedule': schedule}
                if not self.whole:
                    sent = {key: sent[key] for key in ('job_schedule', 'session_id', 'session_tag')}
                answer = self.api.patch(self.url('jobs', job_id), json=sent, status='*')
                self.assertEqual(400, answer.status_int, (pending, event))
            self.assertEqual(stored, self.rows())

    def test_stop_outlives_the_reports_of_a_run(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.event(job_id, 'stop')
        agent.start_run()
        self.assert_state(job_id, 'stop', 'running')
        agent.end_run('scheduled')
        self.assert_state(job_id, 'stop', 'scheduled')

        agent.poll()
        agent.report(event='', status='stop')
        self.assert_state(job_id, '', 'stop')

    def test_stop_is_answered_twice_by_an_armed_job(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.event(job_id, 'stop')
        agent.poll()
        agent.report(event='', status='stop')
        agent.report(event='', status='stop')
        self.assert_state(job_id, '', 'stop')

    def test_abort_outlives_a_report_of_the_process(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        agent.report(status='running', time_started=1_900_000_000, time_ended=-1)
        self.event(job_id, 'abort')
        agent.report(current_pid=4711)
        self.assert_state(job_id, 'abort', 'running')
        self.assertEqual(4711, self.schedule(job_id)['current_pid'])

        agent.poll()
        agent.end_run('completed', event='')
        self.assert_state(job_id, '', 'completed')

    def test_stop_of_a_run_that_ends_by_itself_is_settled(self) -> None:
        job_id = self.create()
        agent = self.agent(job_id)
        agent.start_run()
        self.event(job_id, 'stop')
        agent.end_run('completed')
        self.assert_state(job_id, '', 'completed')

    def test_start_outlives_the_end_of_the_run_before_and_the_job_runs_again(self) -> None:
        job_id = self.create()
        agent = self.agent(job_id)
        agent.start_run()
        self.event(job_id, 'start')
        agent.end_run('completed')
        self.assert_state(job_id, 'start', '')
        self.assertEqual('success', self.schedule(job_id)['result'])

        self.assertTrue(agent.poll(), 'the job is not served any more')
        agent.report(event='', status='scheduled')
        self.assert_state(job_id, '', 'scheduled')
        agent.start_run()
        agent.end_run('completed')
        self.assert_state(job_id, '', 'completed')
        self.assertFalse(agent.poll())

    def test_start_after_start_and_stop_outlives_the_end_of_the_run_before(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        agent.start_run()
        for event in ('start', 'stop', 'start'):
            self.event(job_id, event)
        agent.end_run('scheduled')
        self.assert_state(job_id, 'start', 'scheduled')

        agent.poll()
        agent.report(event='')
        self.assert_state(job_id, '', 'scheduled')

    def test_start_outlives_the_answer_to_an_earlier_stop(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.event(job_id, 'stop')
        agent.poll()
        agent.report(event='', status='stop')
        self.event(job_id, 'start')
        agent.report(event='', status='stop')
        self.assert_state(job_id, 'start', 'stop')

        agent.poll()
        agent.report(event='', status='scheduled')
        self.assert_state(job_id, '', 'scheduled')

    def test_start_of_a_stopped_job_is_answered_by_arming_it(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        agent.report(status='stop')
        self.event(job_id, 'start')
        self.assert_state(job_id, 'start', '')
        agent.poll()
        agent.report(event='', status='scheduled')
        self.assert_state(job_id, '', 'scheduled')

    def test_start_of_an_armed_job_is_answered_without_a_change(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.event(job_id, 'start')
        agent.poll()
        agent.report(event='')
        self.assert_state(job_id, '', 'scheduled')

    def test_start_of_a_running_job_is_answered_without_a_change(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.event(job_id, 'start')
        agent.start_run()
        self.assert_state(job_id, 'start', 'running')
        agent.poll()
        agent.report(event='')
        self.assert_state(job_id, '', 'running')

    def test_start_of_a_job_that_the_agent_cannot_arm_is_answered(self) -> None:
        job_id = self.create()
        agent = self.agent(job_id)
        agent.start_run()
        agent.end_run('completed')
        self.event(job_id, 'start')
        agent.poll()
        agent.report(event='', status='completed')
        self.assert_state(job_id, '', 'completed')

    def test_start_outlives_the_stop_that_a_running_job_remembers(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        agent.start_run()
        self.event(job_id, 'stop')
        agent.poll()
        self.event(job_id, 'start')
        agent.report(current_pid=4712)
        self.assert_state(job_id, 'start', 'running')
        agent.end_run('completed', event='')
        self.assert_state(job_id, 'start', '')

    def test_start_of_an_aborted_job_that_stays_armed_is_answered_by_the_second_report(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.event(job_id, 'abort')
        agent.poll()
        agent.report(event='', status='stop')
        self.event(job_id, 'start')
        for event in ('start', ''):
            agent.poll()
            agent.report(event='')
            self.assertEqual(event, self.schedule(job_id)['event'])

    def test_event_can_be_taken_back_by_whoever_reports_nothing(self) -> None:
        job_id = self.create(**NIGHTLY)
        self.agent(job_id)
        self.event(job_id, 'stop')
        self.patch(job_id, job_schedule={'event': ''})
        self.assert_state(job_id, '', 'scheduled')

    def test_changed_schedule_outlives_reports(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        schedule = {'schedule_interval': '2 days', 'schedule_start_date': None}
        self.patch(job_id, job_schedule=schedule)
        agent.start_run()
        stored = self.schedule(job_id)
        self.assertEqual('2 days', stored['schedule_interval'])
        self.assertNotIn('schedule_start_date', stored)
        self.assertEqual(('running', 4711), (stored['status'], stored['current_pid']))

    def test_schedule_changed_twice_outlives_reports(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.patch(job_id, job_schedule={'schedule_interval': '2 days'})
        self.patch(job_id, job_schedule={'schedule_interval': '3 days'})
        agent.start_run()
        self.assertEqual('3 days', self.schedule(job_id)['schedule_interval'])

    def test_schedule_can_be_changed_back_by_a_user(self) -> None:
        job_id = self.create(**NIGHTLY)
        self.patch(job_id, job_schedule={'schedule_interval': '2 days'})
        self.patch(job_id, job_schedule=NIGHTLY)
        self.assertEqual('1 days', self.schedule(job_id)['schedule_interval'])

    def test_whole_job_that_reports_no_state_is_a_change_by_a_user(self) -> None:
        job_id = self.create(**NIGHTLY)
        before = self.read(job_id)
        self.patch(job_id, description='file server', job_schedule={'schedule_interval': '2 days'})
        self.patch(job_id, **before)
        self.assertEqual(before, self.read(job_id))

    def test_changed_schedule_outlives_reports_that_repeat_the_state(self) -> None:
        if self.whole:
            self.skipTest('only the reports of release 19 have a form of their own')
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.patch(job_id, job_schedule={'schedule_interval': '2 days'})
        agent.report()
        self.assertEqual('2 days', self.schedule(job_id)['schedule_interval'])

    def test_changed_schedule_outlives_reports_however_often_other_parts_change(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.patch(job_id, job_schedule={'schedule_interval': '2 days'})
        for number in range(25):
            self.patch(job_id, description=f'web {number}')
        agent.start_run()
        self.assertEqual('2 days', self.schedule(job_id)['schedule_interval'])

    def test_saved_job_can_be_restored_after_a_run(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        saved = self.read(job_id)
        self.patch(job_id, description='file server', job_schedule={'schedule_interval': '2 days'})
        agent.poll()
        agent.start_run()
        agent.end_run('scheduled')
        self.patch(job_id, **saved)
        job = self.read(job_id)
        self.assertEqual('web', job['description'])
        self.assertEqual('1 days', job['job_schedule']['schedule_interval'])
        self.assertEqual(1_900_000_060, job['job_schedule']['time_ended'])

    def test_run_in_the_second_of_the_one_before_is_reported(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.patch(job_id, job_schedule={'schedule_interval': '2 days'})
        now = 1_900_000_000
        for _ in range(2):
            agent.report(status='running', result='', time_started=now, time_ended=-1)
            self.assert_state(job_id, '', 'running')
            agent.report(status='scheduled', result='success', time_ended=now)
        self.assertEqual('2 days', self.schedule(job_id)['schedule_interval'])

    def test_tag_of_another_session_is_no_tag_of_this_one(self) -> None:
        job_id = self.create(**NIGHTLY)
        first, second = (
            self.api.post(self.url('sessions'), json=body, status=201).json['session_id']
            for body in ({'schedule': {}, 'session_tag': 10}, {'schedule': {}})
        )
        self.api.put(self.url('sessions', first, 'jobs', job_id), status=204)
        agent = self.agent(job_id)
        agent.start_run()
        self.api.put(self.url('sessions', second, 'jobs', job_id), status=204)
        agent.end_run('scheduled')
        job = self.read(job_id)
        self.assertEqual((second, 0), (job['session_id'], job['session_tag']))

    def test_new_description_outlives_reports(self) -> None:
        job_id = self.create()
        agent = self.agent(job_id)
        self.patch(job_id, description='file server')
        agent.start_run()
        self.assertEqual('file server', self.read(job_id)['description'])

    def test_new_actions_outlive_reports(self) -> None:
        job_id = self.create()
        agent = self.agent(job_id)
        self.patch(job_id, job_actions=[{'freezer_action': {**BACKUP, 'backup_name': 'other'}}])
        actions = self.read(job_id)['job_actions']
        agent.start_run()
        self.assertEqual(actions, self.read(job_id)['job_actions'])

    def test_actions_replaced_and_deleted_since_are_no_reason_to_refuse_a_report(self) -> None:
        job_id = self.create()
        agent = self.agent(job_id)
        old = agent.document['job_actions'][0]['action_id']
        self.patch(job_id, job_actions=[{'freezer_action': {**BACKUP, 'backup_name': 'other'}}])
        self.api.delete(self.url('actions', old), status=204)
        agent.start_run()
        self.assert_state(job_id, '', 'running')

    def test_job_replaced_as_a_whole_outlives_reports(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        document = {
            'client_id': HOST,
            'job_actions': [{'freezer_action': {**BACKUP, 'backup_name': 'other'}}],
            'job_schedule': {'schedule_interval': '2 days'},
        }
        self.api.post(self.url('jobs', job_id), json=document, status=201)
        agent.start_run()
        job = self.read(job_id)
        self.assertEqual('', job['description'])
        self.assertEqual('other', job['job_actions'][0]['freezer_action']['backup_name'])
        self.assertEqual('2 days', job['job_schedule']['schedule_interval'])
        self.assertEqual('running', job['job_schedule']['status'])

    def test_schedule_of_a_session_outlives_reports(self) -> None:
        job_id = self.create(**NIGHTLY)
        body = {'schedule': {'schedule_interval': '2 days'}}
        session_id = self.api.post(self.url('sessions'), json=body, status=201).json['session_id']
        agent = self.agent(job_id)
        self.api.put(self.url('sessions', session_id, 'jobs', job_id), status=204)
        agent.start_run()
        self.assertEqual('2 days', self.schedule(job_id)['schedule_interval'])

        agent.poll()
        body = {'schedule': {'schedule_interval': '3 days'}}
        self.api.patch(self.url('sessions', session_id), json=body, status=200)
        agent.end_run('scheduled')
        self.assertEqual('3 days', self.schedule(job_id)['schedule_interval'])

    def test_report_is_taken_once_the_agent_has_polled(self) -> None:
        job_id = self.create(**NIGHTLY)
        agent = self.agent(job_id)
        self.patch(job_id, job_schedule={'schedule_interval': '2 days'})
        agent.poll()
        agent.start_run()
        schedule = self.schedule(job_id)
        self.assertEqual(('2 days', 'running'), (schedule['schedule_interval'], schedule['status']))


class EntriesTest(LateReportsTestCase):
    """What was replaced within the entries of a job, or in the actions that they follow."""

    # The reports of release 19 have no entries.
    releases: ClassVar = ('18',)

    OPTIONS: ClassVar = {'max_retries': 9, 'max_retries_interval': 90, 'mandatory': True}

    def setUp(self) -> None:
        super().setUp()
        body = {'action_id': 'a', 'freezer_action': BACKUP}
        self.api.post(self.url('actions'), json=body, status=201)

    def follower(self) -> str:
        """A job that follows the action, which those made by v1 never do."""
        document = {
            'client_id': HOST,
            'job_actions': [{'action_id': 'a'}, {'action_id': 'a', 'extra': 'old'}],
        }
        answer = self.api.post(self.api.v2('jobs'), json=document, status=201)
        return str(answer.json['job_id'])

    def change(self, **document: Any) -> None:
        self.api.patch(self.url('actions', 'a'), json=document, status=200)

    def entries(self, job_id: str) -> list[Document]:
        entries: list[Document] = self.read(job_id)['job_actions']
        return entries

    def assert_reports_change_nothing(self, job_id: str, agent: Agent) -> None:
        entries = self.entries(job_id)
        agent.start_run()
        agent.end_run('scheduled')
        self.assertEqual(entries, self.entries(job_id))
        self.assert_state(job_id, '', 'scheduled')

    def assert_follows(self, job_id: str) -> None:
        """Later changes of the action still arrive."""
        later = {'max_retries': 3, 'max_retries_interval': 33, 'mandatory': False}
        self.change(freezer_action={'path_to_backup': '/later'}, **later)
        for entry in self.entries(job_id):
            self.assertLessEqual(later.items(), entry.items())
            self.assertEqual('/later', entry['freezer_action']['path_to_backup'])

    def test_new_options_of_an_entry_outlive_reports(self) -> None:
        for job_id in (self.follower(), self.create(**NIGHTLY)):
            agent = self.agent(job_id)
            entries = self.entries(job_id)
            entries[-1].update(self.OPTIONS)
            self.patch(job_id, job_actions=entries)
            self.assertEqual(entries, self.entries(job_id))
            self.assert_reports_change_nothing(job_id, agent)

    def test_options_changed_one_after_the_other_outlive_reports(self) -> None:
        job_id = self.follower()
        agent = self.agent(job_id)
        for name, value in self.OPTIONS.items():
            entries = self.entries(job_id)
            entries[0][name] = value
            self.patch(job_id, job_actions=entries)
        self.assert_reports_change_nothing(job_id, agent)

    def test_new_options_outlive_reports_by_an_agent_that_saw_those_of_the_action_change(self) -> None:
        job_id = self.follower()
        agent = self.agent(job_id)
        self.change(max_retries=7)
        entries = self.entries(job_id)
        entries[0]['max_retries'] = 9
        self.patch(job_id, job_actions=entries)
        self.assert_reports_change_nothing(job_id, agent)

    def test_options_that_an_entry_no_longer_has_of_its_own_stay_away(self) -> None:
        job_id = self.follower()
        self.patch(job_id, job_actions=[{'action_id': 'a', **self.OPTIONS}])
        agent = self.agent(job_id)
        self.patch(job_id, job_actions=[{'action_id': 'a'}])
        self.assert_reports_change_nothing(job_id, agent)
        self.assert_follows(job_id)

    def test_new_extra_keys_of_an_entry_outlive_reports(self) -> None:
        job_id = self.follower()
        agent = self.agent(job_id)
        entries = self.entries(job_id)
        entries[1]['extra'] = 'new'
        entries[0]['another'] = 1
        self.patch(job_id, job_actions=entries)
        self.assert_reports_change_nothing(job_id, agent)

    def test_new_options_of_the_action_outlive_reports(self) -> None:
        job_id = self.follower()
        agent = self.agent(job_id)
        self.change(**self.OPTIONS)
        self.assert_reports_change_nothing(job_id, agent)
        self.assert_follows(job_id)

    def test_user_can_give_an_entry_what_the_action_had_before(self) -> None:
        job_id = self.follower()
        self.change(max_retries=9)
        agent = self.agent(job_id)
        self.patch(job_id, job_actions=[{'action_id': 'a', 'max_retries': 5}])
        self.assertEqual(5, self.entries(job_id)[0]['max_retries'])
        self.assert_reports_change_nothing(job_id, agent)

    def test_user_can_change_options_back(self) -> None:
        job_id = self.follower()
        for value in (9, 5, 9):
            self.patch(job_id, job_actions=[{'action_id': 'a', 'max_retries': value}])
            self.assertEqual(value, self.entries(job_id)[0]['max_retries'])

    def test_last_state_of_a_deleted_action_outlives_reports(self) -> None:
        job_id = self.follower()
        agent = self.agent(job_id)
        self.change(freezer_action={'path_to_backup': '/new'}, **self.OPTIONS)
        self.api.delete(self.url('actions', 'a'), status=204)
        self.assert_reports_change_nothing(job_id, agent)

    def test_changes_after_the_action_is_gone_outlive_reports(self) -> None:
        job_id = self.follower()
        agent = self.agent(job_id)
        self.change(freezer_action={'path_to_backup': '/new'}, max_retries=7)
        self.api.delete(self.url('actions', 'a'), status=204)
        entries = self.entries(job_id)
        for entry in entries:
            entry.update(self.OPTIONS)
        self.patch(job_id, job_actions=entries)
        self.assert_reports_change_nothing(job_id, agent)

    def test_new_action_under_an_old_name_is_no_reason_to_refuse_a_report(self) -> None:
        job_id = self.follower()
        agent = self.agent(job_id)
        self.change(freezer_action={'path_to_backup': '/new'})
        self.api.delete(self.url('actions', 'a'), status=204)
        body = {'action_id': 'a', 'freezer_action': {'action': 'info'}}
        self.api.post(self.url('actions'), json=body, status=201)
        self.assert_reports_change_nothing(job_id, agent)
        self.patch(job_id, job_actions=[{'action_id': 'a'}, {'action_id': 'a'}])
        agent.report(status='running', time_started=1_900_000_090, time_ended=-1)
        definitions = [entry['freezer_action'] for entry in self.entries(job_id)]
        self.assertEqual([{'action': 'info'}] * 2, definitions)

    def test_report_with_malformed_entries_is_refused(self) -> None:
        job_id = self.follower()
        agent = self.agent(job_id)
        self.patch(job_id, job_actions=[{'action_id': 'a', **self.OPTIONS}])
        agent.document['job_schedule']['status'] = 'running'
        for entry in (
            None,
            'a',
            {'action_id': ['a']},
            {'action_id': 'a', 'max_retries': [5]},
            {'action_id': 'a', 'freezer_action': 'backup'},
            {'action_id': 'a', 'mandatory': {'x': 1}},
        ):
            body = {**agent.document, 'job_actions': [entry]}
            self.assert_nothing_stored('PATCH', self.url('jobs', job_id), 400, json=body)

    def test_many_changes_are_remembered_of_each_part(self) -> None:
        job_id = self.follower()
        agent = self.agent(job_id)
        entries = self.entries(job_id)
        for number in range(15):
            entries[0] |= {'max_retries': 20 + number, 'max_retries_interval': 40 + number}
            self.patch(job_id, job_actions=entries)
        self.assert_reports_change_nothing(job_id, agent)
