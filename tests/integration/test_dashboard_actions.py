# SPDX-License-Identifier: Apache-2.0
"""What a user does on the dashboard's pages of actions, through the published client library."""

from tests.integration import dashboard
from tests.integration.dashboard_user import DEFINITION, DashboardTestCase


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
