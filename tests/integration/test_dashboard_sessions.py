# SPDX-License-Identifier: Apache-2.0
"""What a user does on the dashboard's pages of sessions, through the published client library."""

from tests.integration import dashboard
from tests.integration.dashboard_user import DashboardTestCase
from tests.integration.server import OWN


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
