# SPDX-License-Identifier: Apache-2.0
"""What a user does on the dashboard's pages of backups, through the published client library."""

import datetime
from typing import Any

from tests.integration import dashboard
from tests.integration.dashboard_user import DashboardTestCase
from tests.integration.server import OWN


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
