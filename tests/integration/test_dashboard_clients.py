# SPDX-License-Identifier: Apache-2.0
"""What a user does on the dashboard's pages of clients, through the published client library."""

from tests.integration import dashboard
from tests.integration.dashboard_user import OTHER, DashboardTestCase
from tests.integration.server import OWN, PROJECT


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
