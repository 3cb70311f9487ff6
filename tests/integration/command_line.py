# SPDX-License-Identifier: Apache-2.0
"""The ``freezer`` command of python-freezerclient, of a published release."""

import json
from pathlib import Path
from typing import Any

from tests.integration import programs, published
from tests.integration.keystone import Account


class CommandLine:
    """The command as a user runs it.

    :param environment: whose ``freezer`` command to run
    :param folder: for its files
    :param version: of the API
    :param by_option: whether an option of each command names the version, not the environment
    """

    def __init__(
        self,
        environment: str,
        account: Account,
        folder: Path,
        version: str = '2',
        by_option: bool = False,
    ) -> None:
        self.account = account
        self.version = version
        self._program = published.environment(environment) / 'freezer'
        self.release = published.release(environment, 'python-freezerclient')
        self._folder = folder
        self._options = ['--os-backup-api-version', version] if by_option else []
        self._variables = programs.environment(folder, **account.variables())
        if not by_option:
            self._variables['OS_BACKUP_API_VERSION'] = version

    def run(self, *words: str) -> str:
        """What a command prints.

        :raises programs.CommandFailed: it did not succeed
        """
        return programs.run([self._program, *self._options, *words], self._folder, self._variables)

    def run_script(self, script: str) -> None:
        """Run lines of a shell, which have to name the account themselves.

        :raises programs.CommandFailed: one of them did not succeed
        """
        path = f'{self._program.parent}:{self._variables["PATH"]}'
        variables = programs.environment(self._folder, PATH=path)
        programs.run(['bash', '-euc', script], self._folder, variables)

    def show(self, *words: str) -> dict[str, Any]:
        """What a command shows of one thing."""
        shown: dict[str, Any] = json.loads(self.run(*words, '--format', 'json'))
        return shown

    def list(self, *words: str) -> list[dict[str, Any]]:
        """The rows that a command lists. An empty list is shown as one empty row."""
        rows: list[dict[str, Any]] = json.loads(self.run(*words, '--format', 'json'))
        return [row for row in rows if any(value not in ('', None, 0) for value in row.values())]

    def file(self, document: Any) -> str:
        """The path of a new file with a document."""
        path = self._folder / f'document-{len(list(self._folder.glob("document-*")))}.json'
        path.write_text(json.dumps(document))
        return str(path)
