# SPDX-License-Identifier: Apache-2.0
"""A real Keystone from PyPI, with SQLite and Fernet tokens, on a loopback port."""

import contextlib
import dataclasses
import functools
import os
import socket
import uuid
from pathlib import Path
from typing import Any

from keystoneauth1 import exceptions
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3

from tests.integration import programs, published

_PASSWORD = 'secret'
_REGION = 'RegionOne'

_CONFIGURATION = """\
[DEFAULT]
# It warns of the length of passwords at each login.
default_log_levels = keystone.common.password_hashing=ERROR
[database]
connection = sqlite:///{folder}/keystone.sqlite
[fernet_tokens]
key_repository = {folder}/fernet
[fernet_receipts]
key_repository = {folder}/fernet
[identity]
# The lowest there is: passwords of tests need no protection.
password_hash_rounds = 4
"""

# A file, because Keystone reads the command line of the server as its own.
_SERVER = """\
bind = 'fd://{number}'
wsgi_app = 'keystone.wsgi.api:application'
# One request after the other: SQLite refuses the second of two writers that began by reading.
worker_class = 'gthread'
threads = 1
"""


@dataclasses.dataclass(frozen=True)
class Account:
    """A user with roles in one project.

    :ivar url: of Keystone
    """

    url: str
    username: str
    user_id: str
    project_name: str
    project_id: str
    password: str = _PASSWORD

    def variables(self) -> dict[str, str]:
        """The environment variables by which command line clients know an account."""
        return {
            'OS_AUTH_URL': self.url,
            'OS_USERNAME': self.username,
            'OS_PASSWORD': self.password,
            'OS_PROJECT_NAME': self.project_name,
            'OS_USER_DOMAIN_NAME': 'Default',
            'OS_PROJECT_DOMAIN_NAME': 'Default',
            'OS_REGION_NAME': _REGION,
        }

    @functools.cached_property
    def session(self) -> Any:
        """Sends requests with a token of this account."""
        plugin = v3.Password(
            auth_url=self.url,
            username=self.username,
            password=self.password,
            project_name=self.project_name,
            user_domain_name='Default',
            project_domain_name='Default',
        )
        return keystone_session.Session(auth=plugin, timeout=30)


class Keystone:
    """A running Keystone, and what its administrator does.

    :ivar url: of version 3
    """

    def __init__(self, url: str, program: programs.Program) -> None:
        self.url = url
        self.program = program
        # Made by bootstrap.
        self.admin = Account(url, 'admin', '', 'admin', '')

    def answers(self) -> bool:
        """Whether the administrator gets a token."""
        with contextlib.suppress(exceptions.ConnectFailure):
            return bool(self.admin.session.get_token())
        return False

    def _call(self, method: str, path: str, document: Any = None) -> Any:
        answer = self.admin.session.request(
            f'{self.url}/{path}', method, json=document, authenticated=True
        )
        return answer.json() if answer.content else None

    @functools.cached_property
    def _roles(self) -> dict[str, str]:
        return {role['name']: role['id'] for role in self._call('GET', 'roles')['roles']}

    def new_project(self) -> tuple[str, str]:
        """Make a project; return its id and name."""
        name = f'project-{uuid.uuid4().hex[:8]}'
        project = self._call(
            'POST', 'projects', {'project': {'name': name, 'domain_id': 'default'}}
        )
        return project['project']['id'], name

    def new_account(self, project: tuple[str, str], *roles: str) -> Account:
        """Make a user and give it roles in a project.

        :param project: as :meth:`new_project` returned it
        """
        project_id, project_name = project
        name = f'{"-".join(roles)}-{uuid.uuid4().hex[:8]}'
        user = {'name': name, 'password': _PASSWORD, 'domain_id': 'default'}
        user_id = self._call('POST', 'users', {'user': user})['user']['id']
        for role in roles:
            self._call('PUT', f'projects/{project_id}/users/{user_id}/roles/{self._roles[role]}')
        return Account(self.url, name, user_id, project_name, project_id)

    def grant_on_system(self, account: Account, role: str) -> None:
        """Give a user a role on the whole deployment."""
        self._call('PUT', f'system/users/{account.user_id}/roles/{self._roles[role]}')

    def register_limit(self, service_type: str, resource: str, limit: int) -> str:
        """Limit a resource of a service for every project; return the id."""
        document = {**self._limited(service_type, resource), 'default_limit': limit}
        answer = self._call('POST', 'registered_limits', {'registered_limits': [document]})
        return str(answer['registered_limits'][0]['id'])

    def limit(self, service_type: str, resource: str, project_id: str, limit: int) -> str:
        """Limit a resource of a service for one project; return the id."""
        document = {
            **self._limited(service_type, resource),
            'project_id': project_id,
            'resource_limit': limit,
        }
        return str(self._call('POST', 'limits', {'limits': [document]})['limits'][0]['id'])

    def forget_limit(self, limit_id: str) -> None:
        """Take back a registered limit."""
        self._call('DELETE', f'registered_limits/{limit_id}')

    def forget_own_limit(self, limit_id: str) -> None:
        """Take back the limit of a project."""
        self._call('DELETE', f'limits/{limit_id}')

    def _limited(self, service_type: str, resource: str) -> dict[str, Any]:
        services = self._call('GET', f'services?type={service_type}')['services']
        return {
            'service_id': services[0]['id'],
            'region_id': _REGION,
            'resource_name': resource,
        }
    def trusts(self, trustee: Account) -> set[str]:
        """The ids of all trusts for a user."""
        found = self._call('GET', f'OS-TRUST/trusts?trustee_user_id={trustee.user_id}')
        return {trust['id'] for trust in found['trusts']}

    def add_service(self, service_type: str, name: str, url: str) -> None:
        """Put a service with a public endpoint into the catalogue."""
        service = {'name': name, 'type': service_type}
        service_id = self._call('POST', 'services', {'service': service})['service']['id']
        endpoint = {
            'service_id': service_id,
            'interface': 'public',
            'region_id': _REGION,
            'url': url,
        }
        self._call('POST', 'endpoints', {'endpoint': endpoint})


def start(folder: Path) -> Keystone:
    """Install if needed, prepare and serve Keystone until this process ends."""
    program_folder = published.environment('keystone')
    configuration = folder / 'keystone.conf'
    configuration.write_text(_CONFIGURATION.format(folder=folder))
    variables = programs.environment(folder, OS_KEYSTONE_CONFIG_FILES=str(configuration))

    # Bound here, because Keystone's own catalogue must name the port before the server starts.
    with socket.create_server(('127.0.0.1', 0)) as listener:
        url = f'http://127.0.0.1:{listener.getsockname()[1]}/v3'
        manage: list[str | Path] = [
            program_folder / 'keystone-manage',
            '--config-file',
            configuration,
        ]
        for command in (
            ['db_sync'],
            [
                'fernet_setup',
                *('--keystone-user', str(os.getuid())),
                *('--keystone-group', str(os.getgid())),
            ],
            [
                'bootstrap',
                *('--bootstrap-password', _PASSWORD),
                *('--bootstrap-public-url', url),
                *('--bootstrap-internal-url', url),
                *('--bootstrap-region-id', _REGION),
            ],
        ):
            programs.run([*manage, *command], folder, variables)
        (folder / 'gunicorn.conf.py').write_text(_SERVER.format(number=listener.fileno()))
        program = programs.Program(
            'keystone',
            [program_folder / 'gunicorn'],
            folder,
            variables,
            pass_fds=[listener.fileno()],
        )
    # Connections wait in the queue of the socket until the server accepts them.
    keystone = Keystone(url, program)
    program.wait_for('its first token', keystone.answers)
    return keystone
