# SPDX-License-Identifier: Apache-2.0
"""Published releases of freezer-api on MariaDB, each as its own command serves it.

Their pipeline is the published one without the filter that asks Keystone: requests carry the headers that it would set.
"""

import atexit
import dataclasses
import json
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests import databases
from tests.integration import programs, published

_CONFIGURATION = """\
[DEFAULT]
bind_host = 127.0.0.1
# The system chooses a port that is free.
bind_port = 0
{version}
[storage]
backend = sqlalchemy
driver = sqlalchemy
[database]
connection = {url}
[paste_deploy]
config_file = {folder}/paste.ini
[centralized_scheduler]
# There is no Keystone to make trusts.
enabled = false
"""

_PIPELINE = """\
[app:appv1]
paste.app_factory = freezer_api.service:freezer_appv1_factory
[app:appv2]
paste.app_factory = freezer_api.service:freezer_appv2_factory
[app:api_versions]
paste.app_factory = freezer_api.api.versions:api_versions
[filter:context]
paste.filter_factory = freezer_api.api.common.middleware:ContextMiddleware.factory
[pipeline:main]
pipeline = context backupapp
[composite:backupapp]
paste.composite_factory = freezer_api.service:root_app_factory
/: api_versions
/v1: appv1
/v2: appv2
"""

# As "freezer-manage db sync" does it, but for the number of the revision.
_MIGRATE = """\
import sys, sqlalchemy
from oslo_db.sqlalchemy import migration
url, repository, revision = sys.argv[1:]
migration.db_sync(sqlalchemy.create_engine(url), repository, version=int(revision), init_version=0)
"""

Document = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class User:
    """Who sends a request."""

    user_id: str
    project_id: str
    roles: str = 'member,reader'


class Refused(AssertionError):
    """An answer that is no success.

    :ivar status: of it
    """

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f'{what}: {status} {text}')
        self.status = status


class LegacyService:
    """One release, running until this process ends.

    :ivar release: of freezer-api
    :ivar version: of its API
    :ivar url: of its database
    """

    def __init__(self, environment: str, version: str = 'v2') -> None:
        self.version = version
        self._programs = published.environment(environment)
        self.release = published.release(environment, 'freezer-api')
        self._folder = Path(tempfile.mkdtemp(prefix='freezer_legacy_'))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self.url, drop = databases.create('mariadb')
        atexit.register(drop)
        self._variables = programs.environment(self._folder)
        self.configuration = self._folder / 'freezer-api.conf'
        self.configuration.write_text(
            _CONFIGURATION.format(
                url=self.url.replace('$', '$$'),
                folder=self._folder,
                # Releases that have v1 serve either.
                version='enable_v1_api = true' if version == 'v1' else '',
            )
        )
        (self._folder / 'paste.ini').write_text(_PIPELINE)
        self._program: programs.Program | None = None
        self._address = ''

    def sync(self) -> None:
        """Make the tables, as the release does."""
        self._run(
            self._programs / 'freezer-manage', '--config-file', self.configuration, 'db', 'sync'
        )

    def _run(self, *words: str | Path) -> None:
        programs.run(words, self._folder, self._variables)

    def migrate(self, revision: str) -> None:
        """Bring the tables to one revision by the tool that the release uses; sqlalchemy-migrate has numbers."""
        package = next(self._programs.parent.glob('lib/python*/site-packages/freezer_api'))
        if revision.isdigit():
            repository = package / 'db' / 'sqlalchemy' / 'migrate_repo'
            # Not its command, which needs a Python before 3.11.
            words = (_MIGRATE, self.url, str(repository), revision)
            self._run(self._programs / 'python', '-c', *words)
            return
        alembic = self._folder / 'alembic.ini'
        alembic.write_text(
            f'[alembic]\nscript_location = {package}/db/sqlalchemy/migrations\nsqlalchemy.url = {self.url}\n'
            # Their environment sets logging up from here.
            '[loggers]\nkeys = root\n[handlers]\nkeys =\n[formatters]\nkeys =\n[logger_root]\nhandlers =\n'
        )
        self._run(self._programs / 'alembic', '-c', alembic, 'upgrade', revision)

    def start(self) -> None:
        """Serve."""
        command = [self._programs / 'freezer-api', '--config-file', str(self.configuration)]
        self._program = programs.Program(
            f'freezer-api-{self.release}', command, self._folder, self._variables
        )
        program = self._program
        found = program.wait_for(
            'its address', lambda: re.search(r'http://127\.0\.0\.1:[1-9][0-9]*', program.output)
        )
        self._address = found.group()

    def stop(self) -> None:
        """Serve no longer."""
        if self._program is not None:
            self._program.end()

    def request(self, user: User, method: str, path: str, document: Any = None) -> Any:
        """The document of an answer.

        :param path: below the version, or the project
        :raises Refused: the status is no success
        """
        base = '/v1' if self.version == 'v1' else f'/v2/{user.project_id}'
        request = urllib.request.Request(
            f'{self._address}{base}/{path}',
            data=None if document is None else json.dumps(document).encode(),
            method=method,
            headers={
                'Accept': 'application/json',
                'Content-Type': 'application/json',
                'X-Identity-Status': 'Confirmed',
                'X-User-Id': user.user_id,
                'X-User-Name': f'{user.user_id} by name',
                'X-Project-Id': user.project_id,
                'X-Tenant-Id': user.project_id,
                'X-Roles': user.roles,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
            raise Refused(f'{method} {path}', error.code, text) from None
        return json.loads(body) if body else None

    def tail(self) -> str:
        """The end of the service's log."""
        return '' if self._program is None else self._program.tail(60)
