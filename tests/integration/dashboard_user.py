# SPDX-License-Identifier: Apache-2.0
"""What tests of the dashboard share: a user, and what else makes documents that its pages show."""

from typing import Any

from tests.integration import dashboard, server
from tests.integration.server import OWN, PROJECT

OTHER = f'{PROJECT}_host-2'

DEFINITION = {'action': 'backup', 'mode': 'fs', 'backup_name': 'www', 'path_to_backup': '/srv'}


class DashboardTestCase(server.LibraryTestCase):
    """A user whose project has a client."""

    def setUp(self) -> None:
        super().setUp()
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
