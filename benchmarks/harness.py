# SPDX-License-Identifier: Apache-2.0
"""A throw-away MariaDB, the service on it, and requests to the service without a server between."""

import contextlib
import dataclasses
import io
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib import parse as urlparse

import orjson
import sqlalchemy as sa

from freezer_api import conf as freezer_conf
from freezer_api.api import app
from freezer_api.db import migration

ROOT = Path(__file__).resolve().parent.parent

_START = """
set -euo pipefail
. tools/environment.sh
. tools/servers.sh
export MARIADB_BUFFER=1G
"start_$2" "$1"
echo "${!3}"
read -r _ || true
stop_servers
"""


@contextlib.contextmanager
def server(url: str | None) -> Iterator[sa.URL]:
    """The server at the URL, or one that ends with the block."""
    if url is not None:
        yield sa.make_url(url)
        return
    with started('mariadb', 'MARIADB_URL') as found:
        yield sa.make_url(found)


@contextlib.contextmanager
def started(name: str, variable: str) -> Iterator[str]:
    """A server of tools/servers.sh, which ends with the block.

    :param variable: that its address is in
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with subprocess.Popen(
            ['bash', '-c', _START, 'bash', folder, name, variable],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                found = process.stdout.readline().strip()
                if not found:
                    raise SystemExit(f'{name} could not be started.')
                yield found
            finally:
                process.stdin.close()


@contextlib.contextmanager
def database(of: sa.URL) -> Iterator[str]:
    """The URL of a new database with our tables, dropped at the end."""
    name = f'freezer_bench_{uuid.uuid4().hex[:8]}'
    engine = sa.create_engine(of, isolation_level='AUTOCOMMIT')
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE {name} CHARACTER SET utf8mb4')
    url = of.set(database=name).render_as_string(hide_password=False)
    try:
        migration.upgrade(url)
        yield url
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE {name}')
        engine.dispose()


def build(url: str) -> Any:
    """The WSGI application, which takes the caller from the headers."""
    conf = freezer_conf.new(args=[], default_config_files=[])
    conf.set_override('auth_strategy', 'noauth')
    conf.set_override('connection', url, group='database')
    return app.build(conf)


@dataclasses.dataclass(frozen=True)
class Request:
    """A request of the list that is measured.

    :ivar search: the body
    :ivar text: no index has what it looks for, so it may have to walk through all jobs of a project, or of all projects
    :ivar few: what it sorts are the rows that an index of another table finds, no more than match
    """

    name: str
    collection: str
    project: str
    search: dict[str, Any] | None = None
    query: dict[str, Any] = dataclasses.field(default_factory=dict)
    row: str | None = None
    roles: str = 'member,reader'
    text: bool = False
    few: bool = False
    method: str = 'GET'

    def environ(self) -> dict[str, Any]:
        """What a server would pass to the application."""
        path = f'/v2/{self.project}/{self.collection}/'
        if self.row is not None:
            path += self.row
        body = orjson.dumps(self.search) if self.search else b''
        environ = {
            'REQUEST_METHOD': self.method,
            'SCRIPT_NAME': '',
            'PATH_INFO': path,
            'QUERY_STRING': urlparse.urlencode(self.query),
            'SERVER_NAME': '127.0.0.1',
            'SERVER_PORT': '9090',
            'SERVER_PROTOCOL': 'HTTP/1.1',
            'REMOTE_ADDR': '127.0.0.1',
            'HTTP_HOST': '127.0.0.1:9090',
            'HTTP_ACCEPT': 'application/json',
            'HTTP_X_USER_ID': 'alice',
            'HTTP_X_PROJECT_ID': self.project,
            'HTTP_X_ROLES': self.roles,
            'wsgi.version': (1, 0),
            'wsgi.url_scheme': 'http',
            'wsgi.input': io.BytesIO(body),
            'wsgi.errors': io.StringIO(),
            'wsgi.multithread': True,
            'wsgi.multiprocess': True,
            'wsgi.run_once': False,
        }
        if body:
            environ['CONTENT_LENGTH'] = str(len(body))
            environ['CONTENT_TYPE'] = 'application/json'
        return environ


def send(application: Any, request: Request, **headers: str) -> bytes:
    """Send a request; return the body of the answer.

    :param headers: more of them, as WSGI names them
    """
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        statuses.append(status)

    answer = application({**request.environ(), **headers}, start_response)
    try:
        body = b''.join(answer)
    finally:
        close = getattr(answer, 'close', None)
        if close is not None:
            close()
    if not statuses[0].startswith('20'):
        raise SystemExit(f'{request.name}: {statuses[0]} {body.decode()}')
    return body
