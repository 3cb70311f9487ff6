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

_PASSWORD = 'pw-7d1e5c20b94f'
_REGION = 'RegionOne'

# Seconds; long enough to use a token once before its end.
HASTE = 4

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
        return keystone_session.Session(auth=self._plugin(self.url), timeout=30)

    def token(self, url: str = '', **scope: Any) -> str:
        """A new token.

        :param url: of Keystone, if it is not the usual one
        :param scope: of the token, as keystoneauth names it; none means the project
        """
        plugin = self._plugin(url or self.url, **scope)
        return str(keystone_session.Session(auth=plugin, timeout=30).get_token())

    def _plugin(self, url: str, **scope: Any) -> v3.Password:
        project = {'project_name': self.project_name, 'project_domain_name': 'Default'}
        return v3.Password(
            auth_url=url,
            username=self.username,
            password=self.password,
            user_domain_name='Default',
            **(scope or project),
        )

    def credential(self, **options: Any) -> dict[str, Any]:
        """A new application credential.

        :param options: as Keystone knows them
        """
        wanted = {'name': uuid.uuid4().hex, **options}
        answer = self.session.post(
            f'{self.url}/users/{self.user_id}/application_credentials',
            json={'application_credential': wanted},
            authenticated=True,
        )
        made: dict[str, Any] = answer.json()['application_credential']
        return made

    def token_by(self, credential: dict[str, Any]) -> str:
        """A new token by an application credential."""
        plugin = v3.ApplicationCredential(
            auth_url=self.url,
            application_credential_id=credential['id'],
            application_credential_secret=credential['secret'],
        )
        return str(keystone_session.Session(auth=plugin, timeout=30).get_token())


class Keystone:
    """A running Keystone, and what its administrator does.

    :ivar url: of version 3
    """

    program: programs.Program

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f'http://127.0.0.1:{port}/v3'
        self._folder = folder
        self._port = port
        # Made by bootstrap.
        self.admin = Account(self.url, 'admin', '', 'admin', '')

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of Keystone's own programs."""
        configuration = str(self._folder / 'keystone.conf')
        return programs.environment(self._folder, OS_KEYSTONE_CONFIG_FILES=configuration)

    def serve(self, listener: socket.socket | None = None) -> None:
        """Answer, also after the program was ended.

        :param listener: of the port, if it is held already
        """
        listener = listener or socket.create_server(('127.0.0.1', self._port))
        with listener:
            self.program = self._server('keystone', listener, self.variables)
        # Connections wait in the queue of the socket until the server accepts them.
        self.program.wait_for('its first token', self._answers)

    def _server(
        self, name: str, listener: socket.socket, variables: dict[str, str]
    ) -> programs.Program:
        settings = self._folder / f'{name}.gunicorn.conf.py'
        settings.write_text(_SERVER.format(number=listener.fileno()))
        return programs.Program(
            name,
            [published.environment('keystone') / 'gunicorn'],
            self._folder,
            {**variables, 'GUNICORN_CMD_ARGS': f'--config {settings}'},
            pass_fds=[listener.fileno()],
        )

    def _answers(self) -> bool:
        """Whether the administrator gets a token."""
        self.admin.session.invalidate()
        with contextlib.suppress(exceptions.ConnectFailure):
            return bool(self.admin.session.get_token())
        return False

    @functools.cached_property
    def hasty(self) -> str:
        """The URL of another server of the same Keystone, whose tokens live for :data:`HASTE` seconds."""
        with socket.create_server(('127.0.0.1', 0)) as listener:
            url = f'http://127.0.0.1:{listener.getsockname()[1]}/v3'
            variables = {**self.variables, 'OS_TOKEN__EXPIRATION': str(HASTE)}
            self._server('keystone-hasty', listener, variables)
        return url

    def _call(self, method: str, path: str, document: Any = None, **headers: str) -> Any:
        answer = self.admin.session.request(
            f'{self.url}/{path}', method, json=document, headers=headers, authenticated=True
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

    def set_default_project(self, account: Account, project: tuple[str, str]) -> None:
        """Name the project that a user works in if asked for none."""
        user = {'default_project_id': project[0]}
        self._call('PATCH', f'users/{account.user_id}', {'user': user})

    def grant_on_system(self, account: Account, role: str) -> None:
        """Give a user a role on the whole deployment."""
        self._call('PUT', f'system/users/{account.user_id}/roles/{self._roles[role]}')

    def grant_on_domain(self, account: Account, role: str) -> None:
        """Give a user a role on the domain of all users and projects."""
        self._call('PUT', f'domains/default/users/{account.user_id}/roles/{self._roles[role]}')

    def withdraw(self, account: Account, role: str) -> None:
        """Take back a role in the project."""
        path = f'projects/{account.project_id}/users/{account.user_id}/roles/{self._roles[role]}'
        self._call('DELETE', path)

    def revoke(self, token: str) -> None:
        """End a token before its time."""
        self._call('DELETE', 'auth/tokens', **{'X-Subject-Token': token})

    def disable_user(self, account: Account) -> None:
        """Let nobody be this user any more."""
        self._call('PATCH', f'users/{account.user_id}', {'user': {'enabled': False}})

    def disable_project(self, project_id: str) -> None:
        """Let nobody act in this project any more."""
        self._call('PATCH', f'projects/{project_id}', {'project': {'enabled': False}})

    def delete_trust(self, trust_id: str) -> None:
        """Delete a trust, as an administrator."""
        self._call('DELETE', f'OS-TRUST/trusts/{trust_id}')

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
    configuration = folder / 'keystone.conf'
    configuration.write_text(_CONFIGURATION.format(folder=folder))
    # Bound here, because Keystone's own catalogue must name the port before the server starts.
    listener = socket.create_server(('127.0.0.1', 0))
    keystone = Keystone(folder, listener.getsockname()[1])
    manage: list[str | Path] = [
        published.environment('keystone') / 'keystone-manage',
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
            *('--bootstrap-public-url', keystone.url),
            *('--bootstrap-internal-url', keystone.url),
            *('--bootstrap-region-id', _REGION),
        ],
    ):
        programs.run([*manage, *command], folder, keystone.variables)
    keystone.serve(listener)
    return keystone
