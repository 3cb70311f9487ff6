# SPDX-License-Identifier: Apache-2.0
"""What a user does on the dashboard's pages of jobs, through the published client library."""

from typing import Any

from tests.integration import dashboard
from tests.integration.dashboard_user import OTHER, DashboardTestCase
from tests.integration.server import OWN, PROJECT


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
