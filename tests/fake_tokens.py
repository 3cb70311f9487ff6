# SPDX-License-Identifier: Apache-2.0
"""As much of Keystone, over HTTP, as auth_token asks."""

import http.server
import json
import threading
import time
from typing import Any, ClassVar

import fixtures

# Tokens that begin with it are good: of a member of project p1.
GOOD = 'good'


class FakeKeystone(fixtures.Fixture):
    """A server of its own; ``url`` leads to it, and ``options`` are those of a service that asks it."""

    def _setUp(self) -> None:  # noqa: N802  # name of fixtures
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02})
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.url = f'http://127.0.0.1:{server.server_port}'
        self.options = {
            'auth_type': 'password',
            'auth_url': self.url,
            'www_authenticate_uri': self.url,
            'username': 'freezer',
            'password': 'x',
            'project_name': 'service',
            'user_domain_id': 'default',
            'project_domain_id': 'default',
        }


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    # Else each answer waits for the acknowledgement of its headers.
    wbufsize = -1
    headers: Any
    _TIMES: ClassVar = {
        'issued_at': time.strftime('%Y-%m-%dT%H:%M:%S.000000Z', time.gmtime()),
        'expires_at': '2100-01-01T00:00:00.000000Z',
    }

    def log_message(self, *args: Any) -> None:
        """Nothing; the tests look at the log of the service."""

    def _answer(self, status: int, document: Any, **headers: str) -> None:
        length = int(self.headers.get('Content-Length') or 0)
        self.rfile.read(length)
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {'Content-Length': str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _token(self) -> Any:
        domain = {'id': 'default', 'name': 'Default'}
        url = f'http://{self.headers["Host"]}/v3'
        endpoints = [
            {'id': name, 'interface': name, 'region': 'one', 'region_id': 'one', 'url': url}
            for name in ('admin', 'internal', 'public')
        ]
        return {
            'token': {
                **self._TIMES,
                'methods': ['password'],
                'user': {'id': 'alice', 'name': 'Alice', 'domain': domain},
                'project': {'id': 'p1', 'name': 'p1', 'domain': domain},
                'roles': [{'id': 'r', 'name': 'member'}],
                'catalog': [{'id': 's', 'type': 'identity', 'name': 'keystone', 'endpoints': endpoints}],
                'audit_ids': ['a'],
            }
        }

    def do_GET(self) -> None:  # name of http.server
        if 'auth/tokens' in self.path:
            token = self.headers.get('X-Subject-Token', '')
            if token.startswith(GOOD):
                self._answer(200, self._token(), **{'X-Subject-Token': token})
            else:
                self._answer(404, {'error': {'code': 404, 'message': 'no such token'}})
            return
        url = f'http://{self.headers["Host"]}/v3/'
        version = {
            'id': 'v3.14',
            'status': 'stable',
            'links': [{'rel': 'self', 'href': url}],
            'media-types': [],
        }
        if self.path.startswith('/v3'):
            self._answer(200, {'version': version})
        else:
            self._answer(300, {'versions': {'values': [version]}})

    def do_POST(self) -> None:  # name of http.server
        self._answer(201, self._token(), **{'X-Subject-Token': 'of-the-service'})
