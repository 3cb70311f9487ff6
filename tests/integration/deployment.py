# SPDX-License-Identifier: Apache-2.0
"""The service beside a real Keystone, as an operator would run both, on one of the test databases."""

import atexit
import dataclasses
import functools
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from freezer_api.conf import version
from tests import databases
from tests.integration import keystone, programs, published, report

_CONFIGURATION = """\
[DEFAULT]
bind_host = 127.0.0.1
# The system chooses a port that is free.
bind_port = 0
workers = 2

[database]
connection = {connection}

[keystone_authtoken]
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
username = {username}
password = {password}
project_name = {project_name}
user_domain_name = Default
project_domain_name = Default
"""


@dataclasses.dataclass(frozen=True)
class Deployment:
    """Keystone and the service, running.

    :ivar service: the first process of it
    :ivar url: of the service, without a version
    :ivar account: of the service itself, which trusts are for
    :ivar configuration: of the service
    """

    identity: keystone.Keystone
    service: programs.Program
    url: str
    account: keystone.Account
    configuration: Path

    def request(self, account: keystone.Account, method: str, path: str, **options: Any) -> Any:
        """The answer of the service, whatever its status.

        :param options: of a keystoneauth session's request
        """
        options = {'authenticated': True, **options}
        return account.session.request(f'{self.url}{path}', method, raise_exc=False, **options)

    def beside(self, name: str, options: str) -> 'Deployment':
        """Another process of the service on the same database, until it or this process is ended.

        :param options: lines of configuration, which win over those of the first; they begin in [keystone_authtoken]
        """
        folder = self.configuration.parent
        configuration = folder / f'{name}.conf'
        configuration.write_text(f'{self.configuration.read_text()}{options}\n')
        service, url = _serve(name, folder, configuration)
        return dataclasses.replace(self, service=service, url=url, configuration=configuration)

    def get(self, account: keystone.Account, *segments: str, version: str = '2') -> Any:
        """The document at a path of the account's project."""
        root = ('v2', account.project_id) if version == '2' else ('v1',)
        path = '/'.join(('', *root, *segments))
        answer = self.request(account, 'GET', path)
        if answer.status_code != 200:
            raise AssertionError(f'GET {path}: {answer.status_code} {answer.text}')
        return answer.json()


@functools.cache
def start() -> Deployment:
    """Start both when they are first asked for; they run until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix='freezer_deployment_'))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    identity = keystone.start(folder)
    report.line(
        'keystone', published.release('keystone', 'keystone'), 'serves tokens (Fernet, SQLite)'
    )

    # A central scheduler, which registers itself as a client, uses it too.
    account = identity.new_account(identity.new_project(), 'service', 'member')
    # What operators run it on, if it is there.
    names = databases.names()
    database = 'mariadb' if 'mariadb' in names else names[0]
    connection, drop = databases.create(database)
    atexit.register(drop)
    configuration = folder / 'freezer-api.conf'
    configuration.write_text(
        _CONFIGURATION.format(
            connection=connection.replace('$', '$$'),
            **dataclasses.asdict(account),
        )
    )
    options = ['--config-file', str(configuration)]
    programs.run(
        [*command('freezer-manage', 'manage'), *options, 'db', 'sync'], folder, _variables(folder)
    )
    service, url = _serve('freezer-api', folder, configuration)
    identity.add_service('backup', 'freezer', url)
    report.line('freezer-api', version(), f'serves on {database}, tokens validated by Keystone')
    return Deployment(identity, service, url, account, configuration)


def _variables(folder: Path) -> dict[str, str]:
    return {**programs.environment(folder), 'PYTHONPATH': str(published.ROOT)}


def _serve(name: str, folder: Path, configuration: Path) -> tuple[programs.Program, str]:
    """Start the service; return it with its URL."""
    words = [*command('freezer-api', 'api'), '--config-file', str(configuration)]
    service = programs.Program(name, words, folder, _variables(folder))
    found = service.wait_for(
        'its address', lambda: re.search(r'http://127\.0\.0\.1:[1-9][0-9]*', service.output)
    )
    return service, found.group()


def command(name: str, module: str) -> list[str]:
    """The words that run one of our commands.

    :param module: of it, in freezer_api.cmd
    """
    script = Path(sys.executable).with_name(name)
    # An interpreter that has our requirements, but not us, runs what the script would run.
    return [str(script)] if script.exists() else [sys.executable, '-m', f'freezer_api.cmd.{module}']
