# SPDX-License-Identifier: Apache-2.0
"""As much of Keystone's API as the service uses, over HTTP, with a will of the test's own.

A token tells all about its owner: ``user:project:role,role``, with ``:trust`` behind it if it is by a trust. Behind a
``#`` there may be anything.
"""

import contextlib
import datetime
import http.server
import json
import threading
import uuid
from typing import Any, ClassVar
from urllib import parse

ROLES = {'admin', 'manager', 'member', 'reader', 'service'}
_EXPIRY = '2999-01-01T00:00:00.000000Z'


class FakeKeystone:
    """A server on a loopback port.

    :ivar service: the token of the service's own account
    :ivar accounts: names of other users that may log in, to their tokens
    :ivar next_id: of the next trust, if the test names it
    :ivar trusts: by id, as Keystone shows them
    :ivar refused: methods of the trust API to the status that they answer with
    :ivar strange: methods of the trust API to a status and a document that Keystone would not answer with
    :ivar expiry: of new trusts
    :ivar requests: to the trust API: method and token
    :ivar users: by id, with the default project or none, and the projects in which they have roles
    :ivar projects: ids of those that there are
    :ivar asked: for users: methods and paths
    :ivar users_status: what such requests are answered, if not 200
    """

    def __init__(self) -> None:
        self.service = 'freezer:services:service'
        self.accounts: dict[str, str] = {}
        self.next_id = ''
        self.trusts: dict[str, dict[str, Any]] = {}
        self.refused: dict[str, int] = {}
        self.strange: dict[str, tuple[int, Any]] = {}
        self.expiry: str | None = None
        self.requests: list[tuple[str, str]] = []
        self.users: dict[str, tuple[str | None, list[str]]] = {}
        self.projects: set[str] = set()
        self.asked: list[str] = []
        self.users_status = 200
        # Clear: requests to the trust API wait.
        self.awake = threading.Event()
        self.awake.set()
        handler = type('Handler', (_Handler,), {'keystone': self})
        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self._server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self._server.server_port}/v3'
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={'poll_interval': 0.01}
        )
        self._thread.start()

    def stop(self) -> None:
        self.awake.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _token(text: str, url: str) -> dict[str, Any]:
    user, project, roles, *trust = text.partition('#')[0].split(':')
    by_trust = {'id': trust[0], 'impersonation': False} if trust else None
    domain = {'id': 'default', 'name': 'Default'}
    endpoints = [{'id': 'e', 'interface': 'internal', 'region_id': 'r', 'url': url}]
    return {
        'token': {
            'methods': ['password'],
            'issued_at': datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ'),
            'expires_at': _EXPIRY,
            'audit_ids': [uuid.uuid4().hex],
            **({'OS-TRUST:trust': by_trust} if by_trust else {}),
            'user': {'id': user, 'name': user, 'domain': domain},
            'project': {'id': project, 'name': project, 'domain': domain},
            'roles': [{'id': role, 'name': role} for role in roles.split(',')],
            'catalog': [{'id': 'k', 'type': 'identity', 'name': 'k', 'endpoints': endpoints}],
        }
    }


class _Handler(http.server.BaseHTTPRequestHandler):
    keystone: ClassVar[FakeKeystone]
    protocol_version = 'HTTP/1.1'
    # Else each answer waits for the acknowledgement of its headers.
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, status: int, document: Any = None, **headers: str) -> None:
        body = b'' if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        # Who did not want to wait has gone.
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(body)

    def _fail(self, status: int) -> None:
        """An error as Keystone tells it."""
        self._answer(status, {'error': {'code': status, 'title': 'x', 'message': 'x'}})

    def _handle(self) -> None:
        length = int(self.headers.get('Content-Length') or 0)
        body = json.loads(self.rfile.read(length) or b'{}')
        path, _, query = self.path.partition('?')
        if path.rstrip('/') == '/v3':
            link = {'rel': 'self', 'href': self.keystone.url}
            version = {'id': 'v3.14', 'status': 'stable', 'links': [link]}
            self._answer(200, {'version': version})
        elif path == '/v3/auth/tokens':
            self._tokens(body)
        elif path.startswith('/v3/OS-TRUST/trusts'):
            self._trusts(path.removeprefix('/v3/OS-TRUST/trusts').strip('/'), query, body)
        elif path.startswith(('/v3/users/', '/v3/projects/')):
            self._users(path.removeprefix('/v3/').split('/'))
        else:
            self._answer(404, {})

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815  # names of the library

    def _tokens(self, body: Any) -> None:
        if self.command == 'POST':
            name = body['auth']['identity']['password']['user']['name']
            own = self.keystone.accounts.get(name, self.keystone.service)
            document = _token(own, self.keystone.url)
            self._answer(201, document, X_Subject_Token=own)
            return
        subject = self.headers['X-Subject-Token']
        if subject.count(':') in (2, 3):
            document = _token(subject, self.keystone.url)
            self._answer(200, document, X_Subject_Token=subject)
        else:
            self._answer(404, {})

    def _users(self, segments: list[str]) -> None:
        keystone = self.keystone
        keystone.asked.append(f'{self.command} {"/".join(segments)}')
        if keystone.users_status != 200:
            self._answer(keystone.users_status, {})
            return
        match segments:
            case ['users', user_id] if user_id in keystone.users:
                user = {'id': user_id, 'name': user_id, 'domain_id': 'default'}
                project_id = keystone.users[user_id][0]
                if project_id is not None:
                    user['default_project_id'] = project_id
                self._answer(200, {'user': user})
            case ['users', user_id, 'projects'] if user_id in keystone.users:
                found = [{'id': project_id} for project_id in keystone.users[user_id][1]]
                self._answer(200, {'projects': found})
            case ['projects', project_id] if project_id in keystone.projects:
                self._answer(200, {'project': {'id': project_id}})
            case _:
                self._answer(404, {})

    def _trusts(self, trust_id: str, query: str, body: Any) -> None:
        keystone = self.keystone
        token = self.headers['X-Auth-Token']
        keystone.requests.append((self.command, token))
        if not keystone.awake.wait(30):
            return
        user, project, roles, *_ = token.partition('#')[0].split(':')
        if self.command in keystone.strange:
            self._answer(*keystone.strange[self.command])
        elif self.command in keystone.refused:
            self._fail(keystone.refused[self.command])
        elif self.command == 'POST':
            trust = body['trust']
            wanted = {role['name'] for role in trust['roles']}
            if not wanted <= ROLES:
                self._fail(404)
            elif (
                not wanted <= set(roles.split(','))
                or (trust['project_id'], trust['trustor_user_id']) != (project, user)
                or trust['impersonation']
                or trust['allow_redelegation']
            ):
                self._fail(403)
            else:
                trust_id = keystone.next_id or uuid.uuid4().hex
                made = {**trust, 'id': trust_id, 'expires_at': keystone.expiry}
                keystone.trusts[made['id']] = made
                self._answer(201, {'trust': made})
        elif self.command == 'GET' and trust_id:
            trust = keystone.trusts.get(trust_id)
            if trust is None:
                self._fail(404)
            else:
                self._answer(200, {'trust': trust})
        elif self.command == 'GET':
            trustee = dict(parse.parse_qsl(query))['trustee_user_id']
            found = [
                trust
                for trust in list(keystone.trusts.values())
                if trust['trustee_user_id'] == trustee
            ]
            self._answer(200, {'trusts': found})
        elif trust_id not in keystone.trusts:
            self._fail(404)
        elif user != keystone.trusts[trust_id]['trustor_user_id'] and 'admin' not in roles:
            self._fail(403)
        else:
            del keystone.trusts[trust_id]
            self._answer(204)
