# SPDX-License-Identifier: Apache-2.0
"""freezer-scheduler and the agents it runs, of a published release."""

import re
from pathlib import Path

from tests.integration import programs, published, report
from tests.integration.keystone import Account

# The documents of jobs and what the agents leave behind are below the scheduler's folder; polls come every second.
_CONFIGURATION = """\
[scheduler]
client_id = {client_id}
jobs_dir = {folder}/jobs
interval = 1
centralized_scheduler = {central}

[service_auth]
os_auth_url = {account.url}
os_username = {account.username}
os_password = {account.password}
os_project_name = {account.project_name}
os_user_domain_name = Default
os_project_domain_name = Default
"""

# Up to 18.0.0 all options are in one group, and the agents take their account from the environment.
_OLD_CONFIGURATION = """\
[DEFAULT]
client_id = {client_id}
conf = {folder}/jobs
interval = 1
enable_v1_api = {v1}
"""


class Scheduler:
    """A running freezer-scheduler.

    :param environment: 'agent-19' or 'agent-18'
    :param name: of its log, and of its folder
    :param cluster: the folder by which schedulers of one client find each other; none means alone
    :param v1: whether it speaks the first version of the API, which 18.0.0 still can
    :param central: whether it serves all projects
    :param configuration: all of its options, in place of ours
    """

    def __init__(
        self,
        environment: str,
        name: str,
        client_id: str,
        account: Account,
        folder: Path,
        cluster: Path | None = None,
        v1: bool = False,
        central: bool = False,
        configuration: str | None = None,
    ) -> None:
        self.client_id = client_id
        self._version = 'v1' if v1 else 'v2'
        self.release = published.release(environment, 'freezer')
        folder = folder / name
        folder.mkdir()
        variables = programs.environment(folder)
        if environment == 'agent-18':
            text = _OLD_CONFIGURATION.format(client_id=client_id, folder=folder, v1=v1)
            variables.update(account.variables())
        else:
            text = _CONFIGURATION.format(
                client_id=client_id, folder=folder, account=account, central=central
            )
        if cluster is not None:
            text += f'\n[coordination]\nbackend_url = file://{cluster}\n'
        file = folder / 'scheduler.conf'
        file.write_text(text if configuration is None else configuration)
        programs_folder = published.environment(environment)
        # It looks for its agent there.
        variables['PATH'] = f'{programs_folder}:{variables["PATH"]}'
        self.program = programs.Program(
            name,
            [
                *(programs_folder / 'freezer-scheduler', '--config-file', file),
                *('--no-daemon', 'start'),
            ],
            folder,
            variables,
        )

    def wait_for_polls(self, count: int = 1) -> None:
        """Until it has polled so many times more."""
        before = self.polls
        self.program.wait_for(f'{count} polls', lambda: self.polls >= before + count)

    @property
    def polls(self) -> int:
        """How many polls were answered; releases up to 18.0.0 do not log it."""
        return len(re.findall(r'Fetched \d+ jobs from API', self.program.output))

    @property
    def runs(self) -> list[str]:
        """The ids of the jobs it ran, in order, each run once."""
        return re.findall(r'job (\S+) running', self.program.output)

    @property
    def errors(self) -> list[str]:
        """The lines of its log that tell of an error."""
        return [
            line
            for line in self.program.output.splitlines()
            if re.search(r' (ERROR|CRITICAL) ', line)
        ]

    def end(self) -> None:
        """End it, and tell what it did."""
        was_alive = self.program.is_alive()
        self.program.end()
        if not was_alive:
            return
        outputs = len(
            re.findall('agent output processed|action metadata uploaded', self.program.output)
        )
        report.line(
            'freezer-scheduler',
            self.release,
            f'client {self.client_id} on {self._version}: {self.polls or "?"} polls, '
            f'{len(self.runs)} runs, {outputs} results of agents, {len(self.errors)} errors',
        )
