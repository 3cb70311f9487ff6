# SPDX-License-Identifier: Apache-2.0
"""What a user of the dashboard does, page by page, through the published client library."""

import datetime
from typing import Any

from tests import base
from tests.integration import dashboard, published, server

PROJECT = 'demo'
OWN = f'{PROJECT}_host-1'
OTHER = f'{PROJECT}_host-2'

DEFINITION = {'action': 'backup', 'mode': 'fs', 'backup_name': 'www', 'path_to_backup': '/srv'}


class DashboardTestCase(base.ApiTestCase):
    """A user whose project has a client."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # May take longer than a test may.
        published.environment('freezerclient')

    def setUp(self) -> None:
        super().setUp()
        self.library = server.library(server.start(self.database_name), OWN)
        self.page = dashboard.Dashboard(self.library.call, PROJECT)
        self.uuid = self.register(OWN, hostname='host-1')

    def refused(self, status_code: int, call: Any, *args: Any, **kwargs: Any) -> None:
        """The page shows the library's exception, which must be of this status."""
        error = self.assertRaises(server.ClientError, call, *args, **kwargs)
        self.assertEqual(status_code, error.status_code, str(error))

    def register(self, client_id: str, **keys: Any) -> str:
        """Make a client, as its agent does; return its uuid."""
        self.library.call('clients.create', {'client_id': client_id, 'hostname': 'host', **keys})
        uuid: str = self.library.call('clients.get', client_id)['client']['uuid']
        return uuid

    def register_central(self) -> str:
        """Make a client that serves all projects from another one; return its uuid."""
        operator = self.as_('operator', 'services', 'admin')
        document = {'client_id': 'central', 'hostname': 'central', 'is_central': True}
        operator.post(operator.v2('clients'), json=document)
        uuid: str = self.library.call('clients.get', 'central')['client']['uuid']
        return uuid

    def new_action(self, name: str = 'www', **form: Any) -> str:
        return self.page.create_action(**{**DEFINITION, 'backup_name': name, **form})

    def new_job(self, *action_ids: str, **form: str) -> str:
        """Make a job with the form; return its id, which the form does not show."""
        before = {line.job_id for line in self.page.jobs()}
        self.page.create_job([self.uuid], action_ids or [self.new_action()], **form)
        [job_id] = {line.job_id for line in self.page.jobs()} - before
        return job_id

    def report(self, job_id: str, **schedule: Any) -> None:
        """What an agent says of a job."""
        self.library.call('jobs.update', job_id, {'job_schedule': schedule})

    def names(self, job_id: str) -> list[str]:
        """The backup names of a job's actions, in their order."""
        entries = self.page.job(job_id)['job_actions']
        return [entry['freezer_action']['backup_name'] for entry in entries]


class JobPagesTest(DashboardTestCase):
    def test_new_job_is_listed_stopped_on_the_client_that_was_chosen(self) -> None:
        job_id = self.new_job(description='nightly')
        self.assertEqual(
            [dashboard.JobLine(job_id, 'nightly', 'stop', 'pending', OWN)], self.page.jobs()
        )
        self.assertEqual('stop', self.page.job(job_id)['job_schedule']['event'])

    def test_job_of_a_client_named_after_its_project_shows_the_host(self) -> None:
        self.uuid = self.register(f'{"0af1" * 8}_web01.example', hostname='web01')
        self.new_job(description='nightly')
        self.assertEqual(['web01.example'], [line.client for line in self.page.jobs()])

    def test_list_shows_what_the_agent_reported(self) -> None:
        job_id = self.new_job(description='nightly')
        self.report(job_id, event='', status='completed', result='success')
        [line] = self.page.jobs()
        self.assertEqual(('completed', 'success'), (line.status, line.result))

    def test_job_page_shows_actions_schedule_and_times(self) -> None:
        job_id = self.new_job(
            description='nightly',
            schedule_start_date='2030-01-31T02:00:00',
            schedule_interval='1 days',
            schedule_end_date='2031-01-31T02:00:00',
        )
        self.report(job_id, time_started=1893456000, time_ended=-1)
        job = self.page.job(job_id)
        schedule = job['job_schedule']
        self.assertEqual(
            ('2030-01-31T02:00:00', '1 days', '2031-01-31T02:00:00'),
            tuple(schedule[f'schedule_{key}'] for key in ('start_date', 'interval', 'end_date')),
        )
        self.assertNotEqual('', schedule['time_created_shown'])
        self.assertNotEqual('', schedule['time_started_shown'])
        self.assertEqual('', schedule['time_ended_shown'])
        self.assertEqual(
            (PROJECT, PROJECT, 0), (job['user_id'], job['project_id'], job['session_tag'])
        )
        self.assertEqual(['www'], self.names(job_id))

    def test_start_date_alone_is_accepted(self) -> None:
        job_id = self.new_job(description='at once', schedule_start_date='2030-01-31T02:00:00')
        schedule = self.page.job(job_id)['job_schedule']
        self.assertEqual('2030-01-31T02:00:00', schedule['schedule_start_date'])

    def test_each_chosen_client_gets_a_job_of_its_own(self) -> None:
        other = self.register(OTHER, hostname='host-2')
        action_ids = [self.new_action('first'), self.new_action('second')]
        self.page.create_job([self.uuid, other], action_ids, description='both')
        self.assertEqual([OWN, OTHER], [line.client for line in self.page.jobs()])
        for line in self.page.jobs():
            self.assertEqual(['first', 'second'], self.names(line.job_id))

    def test_client_of_the_uuid_is_chosen_before_one_that_mentions_it(self) -> None:
        self.page.delete_client(OWN)
        self.register(OTHER, description=f'replaces {"5" * 32}')
        self.register(OWN, uuid='5' * 32)
        self.assertEqual([OWN, OTHER], [line.client_id for line in self.page.clients('5' * 32)])
        self.page.create_job(['5' * 32], [self.new_action()], description='nightly')
        self.assertEqual([OWN], [line.client for line in self.page.jobs()])

    def test_client_is_chosen_by_its_id_before_others_that_contain_it(self) -> None:
        self.page.delete_client(OWN)
        for client_id in (f'{OWN}0', f'another_{OWN}', OWN):
            self.register(client_id)
        self.page.create_job([OWN], [self.new_action()], description='nightly')
        self.assertEqual([OWN], [line.client for line in self.page.jobs()])

    def test_central_client_of_another_project_can_be_chosen(self) -> None:
        self.uuid = self.register_central()
        job_id = self.new_job(description='volumes')
        self.assertEqual(['central'], [line.client for line in self.page.jobs()])
        self.page.start(job_id)
        self.page.edit_actions(job_id, [self.new_action('second')])
        self.assertEqual(['second'], self.names(job_id))
        self.assertEqual(['second'], self.names(self.page.clone(job_id)))

    def test_action_goes_into_a_job_whatever_its_form_left_out(self) -> None:
        for name, form in (
            ('no rules', {}),
            ('no retries', {'max_retries': None, 'max_retries_interval': None, 'mandatory': False}),
            ('all rules', {'max_retries': 3, 'max_retries_interval': 60, 'mandatory': True}),
            ('empty fields', {'mode': '', 'storage': None, 'dry_run': False, 'container': ''}),
            ('restore', {'action': 'restore', 'restore_abs_path': '/tmp', 'path_to_backup': ''}),
        ):
            with self.subTest(name):
                action_id = self.new_action(**form)
                self.new_job(action_id, description=name)
                [entry] = self.page.job(self.page.jobs()[-1].job_id)['job_actions']
                self.assertEqual(action_id, entry['action_id'])
                for key in ('max_retries', 'max_retries_interval', 'mandatory'):
                    self.assertIsNotNone(entry[key])

    def test_job_follows_an_action_that_is_edited_later(self) -> None:
        action_id = self.new_action()
        job_id = self.new_job(action_id, description='nightly')
        self.page.edit_action(action_id, path_to_backup='/home')
        [entry] = self.page.job(job_id)['job_actions']
        self.assertEqual('/home', entry['freezer_action']['path_to_backup'])

    def test_editing_changes_the_fields_and_keeps_status_and_event(self) -> None:
        job_id = self.new_job(description='nightly', schedule_interval='1 days')
        self.report(job_id, status='running', result='', current_pid=77)
        before = self.page.job(job_id)
        self.page.edit_job(
            job_id,
            description='weekly',
            schedule_start_date='2030-01-31T02:00:00',
            schedule_interval='1 weeks',
        )
        after = self.page.job(job_id)
        schedule = {
            **before['job_schedule'],
            'schedule_start_date': '2030-01-31T02:00:00',
            'schedule_interval': '1 weeks',
        }
        self.assertEqual({**before, 'description': 'weekly', 'job_schedule': schedule}, after)
        self.assertEqual(('stop', 'running'), (schedule['event'], schedule['status']))

    def test_emptied_field_is_not_sent_and_stays(self) -> None:
        job_id = self.new_job(
            description='nightly',
            schedule_start_date='2030-01-31T02:00:00',
            schedule_interval='1 days',
        )
        before = self.page.job(job_id)
        self.page.edit_job(job_id, schedule_start_date='', schedule_interval='')
        self.assertEqual(before, self.page.job(job_id))

    def test_text_that_is_no_schedule_is_refused_and_changes_nothing(self) -> None:
        job_id = self.new_job(description='nightly', schedule_interval='1 days')
        before = self.page.job(job_id)
        self.refused(400, self.page.edit_job, job_id, schedule_interval='sometimes')
        self.assertEqual(before, self.page.job(job_id))

    def test_actions_of_a_job_are_exchanged(self) -> None:
        first, second, third = (self.new_action(name) for name in ('first', 'second', 'third'))
        job_id = self.new_job(first, second, description='nightly')
        before = self.page.job(job_id)
        self.assertEqual(([third], [first, second]), self.page.offered_actions(job_id))
        self.page.edit_actions(job_id, [third, first])
        self.assertEqual(['third', 'first'], self.names(job_id))
        after = self.page.job(job_id)
        del before['job_actions'], after['job_actions']
        self.assertEqual(before, after)

    def test_actions_are_exchanged_in_a_job_of_a_session(self) -> None:
        first, second = self.new_action('first'), self.new_action('second')
        job_id = self.new_job(first, description='nightly')
        session_id = self.page.create_session([job_id], description='all')
        self.page.edit_actions(job_id, [second])
        self.assertEqual(['second'], self.names(job_id))
        self.assertEqual(session_id, self.page.job(job_id)['session_id'])

    def test_saving_an_action_that_was_deleted_meanwhile_is_refused(self) -> None:
        first, second = self.new_action('first'), self.new_action('second')
        job_id = self.new_job(first, description='nightly')
        before = self.page.job(job_id)
        self.page.delete_action(second)
        self.refused(400, self.page.edit_actions, job_id, [first, second])
        self.assertEqual(before, self.page.job(job_id))

    def test_job_of_a_deleted_action_goes_on_showing_it(self) -> None:
        first, second = self.new_action('first'), self.new_action('second')
        job_id = self.new_job(first, second, description='nightly')
        self.page.delete_action(first)
        self.assertEqual(['first', 'second'], self.names(job_id))
        self.assertEqual(([], [first, second]), self.page.offered_actions(job_id))
        self.page.edit_job(job_id, description='weekly')
        self.assertEqual(['first', 'second'], self.names(job_id))

    def test_action_is_removed_from_a_job(self) -> None:
        for name, edited, deleted in (
            ('as it was made', (), ()),
            ('the other one was edited', ('second',), ()),
            ('both were edited', ('first', 'second'), ()),
            ('the other one was deleted', (), ('second',)),
            ('both were deleted', (), ('first', 'second')),
        ):
            with self.subTest(name):
                ids = {key: self.new_action(key) for key in ('first', 'second')}
                job_id = self.new_job(*ids.values(), description=name)
                for key in edited:
                    self.page.edit_action(ids[key], path_to_backup='/home')
                for key in deleted:
                    self.page.delete_action(ids[key])
                self.page.remove_action(job_id, ids['first'])
                self.assertEqual(['second'], self.names(job_id))
                self.page.remove_action(job_id, ids['second'])
                self.assertEqual([], self.names(job_id))

    def test_keys_that_other_releases_show_come_back_without_effect(self) -> None:
        def call(name: str, *args: Any, **kwargs: Any) -> Any:
            answer = self.library.call(name, *args, **kwargs)
            if name == 'jobs.get':
                answer |= {'_version': 7, 'user_credentials': {'trust_id': 'a-trust'}}
            return answer

        first, second = self.new_action('first'), self.new_action('second')
        job_id = self.new_job(first, description='nightly')
        before = self.page.job(job_id)
        page = dashboard.Dashboard(call, PROJECT)
        page.edit_actions(job_id, [first, second])
        self.assertEqual(['first', 'second'], self.names(job_id))
        page.remove_action(job_id, second)
        self.assertEqual(before, self.page.job(job_id))
        copy = self.page.job(page.clone(job_id))
        self.assertEqual(set(before), set(copy))
        self.assertEqual(before['job_actions'], copy['job_actions'])

    def test_clone_has_the_same_actions_and_schedule_and_is_stopped(self) -> None:
        job_id = self.new_job(
            self.new_action('first'),
            self.new_action('second'),
            description='nightly',
            schedule_start_date='2020-01-31T02:00:00',
            schedule_interval='1 days',
        )
        before = self.page.job(job_id)
        copy = self.page.clone(job_id)
        self.assertNotEqual(job_id, copy)
        self.assertEqual(
            ['nightly', 'nightly_clone'], [line.description for line in self.page.jobs()]
        )
        shown = self.page.job(copy)
        self.assertEqual(before['job_actions'], shown['job_actions'])
        self.assertEqual(
            ('2020-01-31T02:00:00', '1 days', 'stop'),
            tuple(
                shown['job_schedule'][key]
                for key in ('schedule_start_date', 'schedule_interval', 'event')
            ),
        )
        self.assertEqual(before, self.page.job(job_id))

    def test_clone_keeps_actions_that_were_edited_or_deleted(self) -> None:
        first, second = self.new_action('first'), self.new_action('second')
        job_id = self.new_job(first, second, description='nightly')
        self.page.edit_action(first, path_to_backup='/home')
        self.page.delete_action(second)
        copy = self.page.clone(job_id)
        self.assertEqual(
            self.page.job(job_id)['job_actions'], self.page.job(copy)['job_actions']
        )
        self.assertEqual(['first', 'second'], self.names(copy))

    def test_clone_joins_the_session_of_the_job(self) -> None:
        job_id = self.new_job(description='nightly')
        session_id = self.page.create_session([job_id], description='all')
        copy = self.page.clone(job_id)
        self.assertEqual(session_id, self.page.job(copy)['session_id'])
        _, members = self.page.session(session_id)
        self.assertEqual({job_id, copy}, {member.job_id for member in members})

    def test_started_and_stopped_job_shows_it(self) -> None:
        job_id = self.new_job(description='nightly')
        self.report(job_id, event='', status='completed', result='fail')
        self.page.start(job_id)
        # Again, by an impatient user.
        self.page.start(job_id)
        self.assertEqual('start', self.page.job(job_id)['job_schedule']['event'])
        [line] = self.page.jobs()
        self.assertEqual(('stop', 'pending'), (line.status, line.result))
        self.page.stop(job_id)
        self.assertEqual('stop', self.page.job(job_id)['job_schedule']['event'])

    def test_deleted_job_is_not_listed(self) -> None:
        self.page.delete_job(self.new_job(description='nightly'))
        self.assertEqual([], self.page.jobs())

    def test_actions_that_the_page_offers_for_a_client_are_accepted(self) -> None:
        self.uuid = self.register(OTHER, supported_modes=['fs'], supported_engines=['tar'])
        first = self.new_action('first')
        offered = self.new_action('second', engine_name='tar')
        self.new_action('third', mode='mysql')
        self.new_action('fourth', engine_name='rsync')
        job_id = self.new_job(first, description='nightly')
        self.assertEqual(([offered], [first]), self.page.offered_actions(job_id))
        self.page.edit_actions(job_id, [first, offered])
        self.assertEqual(['first', 'second'], self.names(job_id))


class SessionPagesTest(DashboardTestCase):
    def test_new_session_is_listed_with_its_schedule(self) -> None:
        first = self.page.create_session(description='at once')
        second = self.page.create_session(
            description='all hosts',
            schedule_start_date='2030-01-31T02:00:00',
            schedule_end_date='',
            interval_unit='days',
            interval_value=2,
        )
        self.assertEqual(
            [
                dashboard.SessionLine(first, 'at once', 'active', None, None, None),
                dashboard.SessionLine(
                    second, 'all hosts', 'active', '2030-01-31T02:00:00', '2 days', None
                ),
            ],
            self.page.sessions(),
        )

    def test_chosen_jobs_are_in_the_new_session(self) -> None:
        job_ids = [self.new_job(description=name) for name in ('first', 'second', 'third')]
        session_id = self.page.create_session(
            job_ids[:2], description='all hosts', interval_unit='continuous', interval_value=1
        )
        session, members = self.page.session(session_id)
        self.assertEqual('continuous', session['schedule']['schedule_interval'])
        self.assertEqual(
            {dashboard.MemberLine(job_id, OWN, 'pending') for job_id in job_ids[:2]}, set(members)
        )
        self.assertEqual(job_ids[2:], self.page.attachable_jobs(session_id))

    def test_session_page_shows_results_and_times(self) -> None:
        job_id = self.new_job(description='nightly')
        session_id = self.page.create_session([job_id], description='all hosts')
        self.library.call('sessions.start_session', session_id, job_id, 0)
        self.library.call('sessions.end_session', session_id, job_id, 1, 'fail')
        session, members = self.page.session(session_id)
        self.assertEqual([dashboard.MemberLine(job_id, OWN, 'fail')], members)
        self.assertEqual(
            (1, 'completed', 'fail'),
            (session['session_tag'], session['status'], session['result']),
        )

    def test_job_is_attached_and_detached_from_either_page(self) -> None:
        job_id = self.new_job(description='nightly')
        session_id = self.page.create_session(description='all hosts')
        self.assertEqual([job_id], self.page.attachable_jobs(session_id))
        self.page.attach(session_id, job_id)
        self.assertEqual([], self.page.attachable_jobs(session_id))
        self.assertEqual(session_id, self.page.job(job_id)['session_id'])
        self.page.detach(session_id, job_id)
        self.assertEqual([], self.page.session(session_id)[1])
        self.assertEqual('', self.page.job(job_id)['session_id'])

    def test_managed_session_has_the_jobs_that_were_left_selected(self) -> None:
        job_ids = [self.new_job(description=name) for name in ('first', 'second', 'third')]
        session_id = self.page.create_session(job_ids[:2], description='all hosts')
        for wanted in (job_ids[1:], job_ids[:1], [], job_ids):
            with self.subTest(wanted):
                self.page.manage_jobs(session_id, wanted)
                _, members = self.page.session(session_id)
                self.assertEqual(set(wanted), {member.job_id for member in members})
                for job_id in job_ids:
                    shown = self.page.job(job_id)['session_id']
                    self.assertEqual(session_id if job_id in wanted else '', shown)

    def test_form_shows_the_fields_that_the_session_was_made_of(self) -> None:
        job_id = self.new_job(description='nightly')
        form = {
            'description': 'all hosts',
            'schedule_start_date': '2030-01-31T02:00:00',
            'interval_unit': 'days',
            'interval_value': 2,
        }
        session_id = self.page.create_session([job_id], **form)
        shown = self.page.session_form(session_id)
        self.assertEqual(
            {**form, 'schedule_interval': '2 days', 'jobs': [job_id]},
            {key: shown[key] for key in (*form, 'schedule_interval', 'jobs')},
        )

    def test_edited_session_has_the_new_schedule_and_jobs(self) -> None:
        job_ids = [self.new_job(description=name) for name in ('first', 'second')]
        session_id = self.page.create_session(
            job_ids[:1], description='all hosts', interval_unit='days', interval_value=2
        )
        self.page.edit_session(
            session_id,
            description='all of them',
            interval_unit='hours',
            interval_value=6,
            schedule_start_date='2030-01-31T02:00:00',
            jobs=job_ids[1:],
        )
        self.assertEqual(
            [
                dashboard.SessionLine(
                    session_id, 'all of them', 'active', '2030-01-31T02:00:00', '6 hours', None
                )
            ],
            self.page.sessions(),
        )
        _, members = self.page.session(session_id)
        self.assertEqual(job_ids[1:], [member.job_id for member in members])
        # The agent reads it of the job.
        schedule = self.page.job(job_ids[1])['job_schedule']
        self.assertEqual('6 hours', schedule['schedule_interval'])

    def test_deleted_session_leaves_its_jobs(self) -> None:
        job_id = self.new_job(description='nightly')
        session_id = self.page.create_session([job_id], description='all hosts')
        self.page.delete_session(session_id)
        self.assertEqual([], self.page.sessions())
        self.assertEqual('', self.page.job(job_id)['session_id'])


class ActionPagesTest(DashboardTestCase):
    def test_new_action_is_listed_without_blanks_in_its_name(self) -> None:
        first = self.new_action('my web site', mode='')
        second = self.new_action(
            'shop', action='restore', path_to_backup='', restore_abs_path='/tmp', storage='ssh'
        )
        self.assertEqual(
            [
                dashboard.ActionLine(first, 'my_web_site', 'backup', '/srv', 'swift', 'fs'),
                dashboard.ActionLine(second, 'shop', 'restore', '/tmp', 'ssh', 'fs'),
            ],
            self.page.actions(),
        )

    def test_filter_finds_actions_by_text(self) -> None:
        first, second = self.new_action('first'), self.new_action('second', container='vault')
        for text, expected in (('first', [first]), ('VAULT', [second]), ('third', [])):
            with self.subTest(text):
                self.assertEqual(expected, [line.action_id for line in self.page.actions(text)])

    def test_form_shows_null_for_what_the_action_has_not(self) -> None:
        action_id = self.new_action(max_retries=None, max_retries_interval=None, mandatory=False)
        self.assertEqual(
            {
                **DEFINITION,
                'storage': None,
                'engine': None,
                'engine_name': None,
                # Null would hang an agent's run; absent is the default.
                'max_retries': 5,
                'max_retries_interval': 6,
                'mandatory': False,
                'action_id': action_id,
            },
            self.page.action_form(action_id),
        )

    def test_edited_action_has_the_new_fields(self) -> None:
        action_id = self.new_action(max_retries=2, max_retries_interval=60, mandatory=False)
        self.page.edit_action(
            action_id,
            backup_name='home',
            path_to_backup='/home',
            max_retries=3,
            max_retries_interval=0,
            mandatory=True,
            dry_run=True,
        )
        form = self.page.action_form(action_id)
        self.assertEqual(
            ('home', '/home', 'fs', 3, 0, True, True),
            tuple(
                form[key]
                for key in (
                    'backup_name',
                    'path_to_backup',
                    'mode',
                    'max_retries',
                    'max_retries_interval',
                    'mandatory',
                    'dry_run',
                )
            ),
        )
        # Saved again without a change, with all that the page put into the definition.
        self.page.edit_action(action_id)
        self.assertEqual(form, self.page.action_form(action_id))

    def test_emptied_retries_stay_as_they_are(self) -> None:
        action_id = self.new_action(max_retries=2, max_retries_interval=60)
        self.page.edit_action(action_id, max_retries=None, max_retries_interval=None)
        action = self.library.call('actions.get', action_id)
        self.assertEqual((2, 60), (action['max_retries'], action['max_retries_interval']))

    def test_edited_action_goes_into_jobs_and_their_clones(self) -> None:
        action_id = self.new_action()
        self.page.edit_action(action_id, max_retries=3, mandatory=True)
        job_id = self.new_job(action_id, description='nightly')
        copy = self.page.clone(job_id)
        self.page.edit_actions(copy, [action_id])
        self.page.edit_action(action_id, path_to_backup='/home')
        for shown in (job_id, copy):
            [entry] = self.page.job(shown)['job_actions']
            self.assertEqual('/home', entry['freezer_action']['path_to_backup'])

    def test_deleted_action_is_not_listed(self) -> None:
        self.page.delete_action(self.new_action())
        self.assertEqual([], self.page.actions())


class ClientPagesTest(DashboardTestCase):
    def test_own_clients_can_be_deleted_and_central_ones_cannot(self) -> None:
        own = self.register('own-central', hostname='web', is_central=True)
        foreign = self.register_central()
        self.assertEqual(
            [
                dashboard.ClientLine(OWN, 'host-1', self.uuid, deletable=True),
                dashboard.ClientLine('own-central', 'web', own, deletable=False),
                dashboard.ClientLine('central', 'central', foreign, deletable=False),
            ],
            self.page.clients(),
        )

    def test_filter_finds_clients_by_id_uuid_host_and_description(self) -> None:
        self.register(OTHER, hostname='web', description='in rack 3')
        for text, expected in (
            (OWN, [OWN]),
            (self.uuid, [OWN]),
            ('host-1', [OWN]),
            ('rack 3', [OTHER]),
            ('nowhere', []),
        ):
            with self.subTest(text):
                self.assertEqual(expected, [line.client_id for line in self.page.clients(text)])

    def test_client_page_shows_what_it_registered(self) -> None:
        self.register(OTHER, hostname='web', supported_actions=['backup'], supported_modes=['fs'])
        shown = self.page.client(OTHER)
        self.assertEqual((PROJECT, PROJECT), (shown['project_id'], shown['user_id']))
        self.assertEqual(
            ('web', ['backup'], ['fs']),
            tuple(
                shown['client'][key]
                for key in ('hostname', 'supported_actions', 'supported_modes')
            ),
        )

    def test_jobs_of_a_deleted_client_are_still_shown(self) -> None:
        job_id = self.new_job(description='nightly')
        self.page.delete_client(OWN)
        self.assertEqual([], self.page.clients())
        self.assertEqual([OWN], [line.client for line in self.page.jobs()])
        self.page.edit_job(job_id, description='weekly')
        self.page.stop(job_id)
        self.page.delete_job(job_id)
        self.assertEqual([], self.page.jobs())


class BackupPagesTest(DashboardTestCase):
    TIME = 1893456000

    def backed_up(self, name: str = 'www', **keys: Any) -> str:
        """What an agent records; values that it has not are empty."""
        metadata = {
            'backup_name': name,
            'container': 'vault',
            'hostname': 'host-1',
            'time_stamp': self.TIME,
            'curr_backup_level': 0,
            'storage': '',
            'ssh_host': '',
            'ssh_key': '',
            'ssh_username': '',
            'ssh_port': '',
        }
        backup_id: str = self.library.call('backups.create', {**metadata, **keys})
        return backup_id

    def test_list_shows_name_host_status_time_and_level(self) -> None:
        first = self.backed_up()
        second = self.backed_up('shop', curr_backup_level=2, status='error')
        shown = f'{datetime.datetime.fromtimestamp(self.TIME):%Y-%m-%d %H:%M}'
        self.assertEqual(
            [
                dashboard.BackupLine(first, 'www', 'host-1', 'available', shown, 0),
                dashboard.BackupLine(second, 'shop', 'host-1', 'error', shown, 2),
            ],
            self.page.backups(),
        )

    def test_backup_that_is_being_made_is_listed(self) -> None:
        keys = {'status': 'creating', 'container': None, 'hostname': None}
        backup_id = self.backed_up('volume', **keys)
        [line] = self.page.backups()
        self.assertEqual((backup_id, '', 'creating'), (line.backup_id, line.hostname, line.status))

    def test_filter_finds_backups_by_text(self) -> None:
        first, second = self.backed_up('first'), self.backed_up('second', hostname='web')
        for text, expected in (('first', [first]), ('web', [second]), ('third', [])):
            with self.subTest(text):
                self.assertEqual(expected, [line.backup_id for line in self.page.backups(text)])

    def test_backup_page_shows_that_backup(self) -> None:
        ids = [self.backed_up(name) for name in ('first', 'second', 'third')]
        # A copy names the other one.
        self.backed_up('copy', original=ids[1])
        shown = self.page.backup(ids[1])
        self.assertEqual(ids[1], shown['backup_id'])
        self.assertEqual('second', shown['backup_metadata']['backup_name'])

    def test_deleted_backup_is_not_listed(self) -> None:
        self.page.delete_backup(self.backed_up())
        self.assertEqual([], self.page.backups())

    def test_restore_is_a_started_job_of_the_chosen_client(self) -> None:
        backup_id = self.backed_up(storage='local')
        job_id = self.page.restore(backup_id, OWN, '/tmp/here')
        job = self.page.job(job_id)
        self.assertEqual((OWN, f'Restore www for {OWN}'), (job['client_id'], job['description']))
        self.assertEqual('start', job['job_schedule']['event'])
        moment = datetime.datetime.fromtimestamp(self.TIME).isoformat()
        [entry] = job['job_actions']
        self.assertEqual(
            {
                'action': 'restore',
                'backup_name': 'www',
                'restore_abs_path': '/tmp/here',
                'container': 'vault',
                'restore_from_host': 'host-1',
                'storage': 'local',
                'restore_from_date': moment,
            },
            entry['freezer_action'],
        )
        [line] = self.page.actions()
        self.assertEqual(
            (entry['action_id'], 'www', 'restore', '/tmp/here'),
            (line.action_id, line.name, line.action, line.path),
        )

    def test_values_that_the_backup_has_not_do_not_hinder_a_restore(self) -> None:
        for name, keys in (
            ('empty', {'storage': ''}),
            ('null', {'storage': None}),
            ('over ssh', {'storage': 'ssh', 'ssh_host': 'vault.example', 'ssh_port': 22}),
            ('over ssh with nulls', {'storage': 'ssh', 'ssh_username': None}),
        ):
            with self.subTest(name):
                job_id = self.page.restore(self.backed_up(**keys), OWN, '/tmp')
                job = self.page.job(job_id)
                self.assertEqual('start', job['job_schedule']['event'])
                definition = job['job_actions'][0]['freezer_action']
                self.assertEqual(keys['storage'] or None, definition.get('storage') or None)

    def test_agent_polls_a_restore_as_any_other_job(self) -> None:
        job_id = self.page.restore(self.backed_up(), OWN, '/tmp')
        search = {'match_not': [{'status': 'completed'}]}
        polled = self.library.call('jobs.list', client_id=OWN, search=search)
        self.assertEqual([job_id], [job['job_id'] for job in polled])
