# SPDX-License-Identifier: Apache-2.0
"""What it costs to know who calls: without a cache of tokens, with one in each process, and with memcached.

    python benchmarks/tokens.py [--requests 1000] [--tokens 25] [--processes 4] [--url mysql+pymysql://root@127.0.0.1:3306/]

Keystone is a real one from PyPI, with the catalogue of a cloud of some size. The processes of the service are
applications in this one, each with connections and a cache of its own; every token comes to each of them.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import ROOT, Request, build, database, send, server, started
from keystoneauth1 import session

from freezer_api import conf as freezer_conf
from freezer_api.api import app

sys.path.insert(0, str(ROOT))
from tests.integration import keystone

SERVICES = 20
ROUNDS = 5

_CONFIGURATION = """\
[database]
connection = {connection}
[keystone_authtoken]
auth_type = password
auth_url = {url}
www_authenticate_uri = {url}
username = {username}
password = {password}
project_name = {project_name}
user_domain_name = Default
project_domain_name = Default
{cache}
"""


class Counted:
    """Counts what is sent to Keystone."""

    def __init__(self) -> None:
        self.number = 0
        send_request = session.Session.request

        def request(*args: Any, **kwargs: Any) -> Any:
            self.number += 1
            return send_request(*args, **kwargs)

        session.Session.request = request


def _pairs(number: int, applications: list[Any], tokens: list[str]) -> Iterator[tuple[Any, str]]:
    """An application and a token for each request; every token meets every application in turn."""
    for index in range(number):
        turn, place = divmod(index, len(tokens))
        yield applications[turn % len(applications)], tokens[place]


def _measure(
    request: Request, applications: list[Any], tokens: list[str], number: int, counted: Counted
) -> tuple[float, float, int]:
    """CPU and wall milliseconds of a request, and requests to Keystone."""
    before = counted.number
    cpu, wall = time.process_time(), time.perf_counter()
    for application, token in _pairs(number, applications, tokens):
        send(application, request, HTTP_X_AUTH_TOKEN=token)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu * 1000 / number, wall * 1000 / number, counted.number - before


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description='Costs of tokens.')
    parser.add_argument('--requests', type=int, default=1000, help='of each kind')
    parser.add_argument('--tokens', type=int, default=25, help='that they are sent with, in turn')
    parser.add_argument('--processes', type=int, default=4, help='that they come to, in turn')
    parser.add_argument('--url', help='a MariaDB server to use; a database is made and dropped there')
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        started('memcached', 'MEMCACHED_SERVER') as memcached,
        server(options.url) as of,
        database(of) as url,
    ):
        identity = keystone.start(Path(folder))
        try:
            _report(identity, Path(folder), url, memcached, options)
        finally:
            identity.program.end()
    return 0


def _report(
    identity: keystone.Keystone,
    folder: Path,
    url: str,
    memcached: str,
    options: argparse.Namespace,
) -> None:
    for number in range(SERVICES):
        identity.add_service(f'type-{number}', f'service-{number}', f'http://192.0.2.{number}/v1')
    project = identity.new_project()
    member = identity.new_account(project, 'member')
    service = identity.new_account(identity.new_project(), 'service')
    tokens = [member.token() for _ in range(options.tokens)]
    first = member.token()
    request = Request('poll', 'jobs', project[0])
    counted = Counted()

    kinds = {
        'no tokens (noauth)': None,
        'no cache': 'token_cache_time = -1',
        'in the process': '',
        'memcached': f'memcached_servers = {memcached}',
        'memcached, MAC': f'memcached_servers = {memcached}\n'
        'memcache_security_strategy = MAC\nmemcache_secret_key = secret',
        'memcached, ENCRYPT': f'memcached_servers = {memcached}\n'
        'memcache_security_strategy = ENCRYPT\nmemcache_secret_key = secret',
    }
    print(f'{"":20} {"mixed":>25} | {"seen before, best":>25}')
    columns = f'{"CPU ms":>8} {"wall ms":>8} {"asked":>7}'
    print(f'{"cache":20} {columns} | {columns}')
    for name, cache in kinds.items():
        applications = []
        for _ in range(options.processes):
            if cache is None:
                applications.append(build(url))
                continue
            path = folder / 'freezer-api.conf'
            connection = url.replace('$', '$$')
            path.write_text(
                _CONFIGURATION.format(
                    connection=connection,
                    url=identity.url,
                    username=service.username,
                    password=service.password,
                    project_name=service.project_name,
                    cache=cache,
                )
            )
            applications.append(app.build(freezer_conf.new([], [str(path)])))
        for application in applications:
            # Its own login, and connections.
            send(application, request, HTTP_X_AUTH_TOKEN=first)
        # Keystone takes its time; all of these are alike.
        number = min(options.requests, 50) if name == 'no cache' else options.requests
        mixed = _measure(request, applications, tokens, number, counted)
        rounds = [
            _measure(request, applications, tokens, number // ROUNDS, counted)
            for _ in range(ROUNDS)
        ]
        figures = []
        for (cpu, wall, asked), size in ((mixed, number), (min(rounds), number // ROUNDS)):
            figures.append(f'{cpu:8.2f} {wall:8.2f} {asked * 1000 / size:7.0f}')
        print(f'{name:20} {" | ".join(figures)}', flush=True)
        for application in applications:
            application.database.dispose()


if __name__ == '__main__':
    sys.exit(main())
