# SPDX-License-Identifier: Apache-2.0
"""What floods of requests leave behind in the memory of a process.

    python benchmarks/floods.py [--requests 20000] [--only TEXT]

Each flood has a process of its own, with the application on SQLite. The first quarter of the requests fills what is
kept on purpose; the figure is what the other three quarters add. More than 2 MiB is an exit code of 1.
"""

import argparse
import gc
import io
import multiprocessing
import sys
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any
from urllib import parse as urlparse

from harness import build

from freezer_api.db import migration

MOST = 2 * 1024 * 1024

_MEMBER = {'HTTP_X_USER_ID': 'alice', 'HTTP_X_PROJECT_ID': 'p1', 'HTTP_X_ROLES': 'member'}


def _environ(path: str, query: str = '', **headers: str) -> dict[str, Any]:
    return {
        'REQUEST_METHOD': 'GET',
        'SCRIPT_NAME': '',
        'PATH_INFO': path,
        'QUERY_STRING': query,
        'SERVER_NAME': '127.0.0.1',
        'SERVER_PORT': '9090',
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'REMOTE_ADDR': '127.0.0.1',
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': 'http',
        'wsgi.input': io.BytesIO(b''),
        'wsgi.errors': io.StringIO(),
        'wsgi.multithread': True,
        'wsgi.multiprocess': True,
        'wsgi.run_once': False,
        **headers,
    }


def _names() -> Iterator[str]:
    while True:
        yield uuid.uuid4().hex * 20


def _unknown_paths() -> Iterator[dict[str, Any]]:
    for name in _names():
        yield _environ(f'/v2/{name}/{name}', **_MEMBER)


def _absent_ids() -> Iterator[dict[str, Any]]:
    for name in _names():
        yield _environ(f'/v2/p1/jobs/{name[:64]}', **_MEMBER)


def _callers() -> Iterator[dict[str, Any]]:
    for name in _names():
        headers = {'HTTP_X_USER_ID': name[:64], 'HTTP_X_PROJECT_ID': name[:64]}
        yield _environ('/v2/p1/jobs', **headers, HTTP_X_ROLES=name)


def _searches() -> Iterator[dict[str, Any]]:
    for name in _names():
        search = urlparse.quote(f'[{{"{name}": "{name}"}}]')
        yield _environ('/v2/p1/backups', f'match={search}', **_MEMBER)


def _texts() -> Iterator[dict[str, Any]]:
    for name in _names():
        search = urlparse.quote(f'[{{"_all": "{name}"}}]')
        yield _environ('/v2/p1/backups', f'match={search}', **_MEMBER)


# The status that each request has to be answered with.
FLOODS = {
    'unknown paths': (_unknown_paths, 404),
    'ids of nothing': (_absent_ids, 404),
    'callers of all sorts': (_callers, 403),
    'searches for keys of all sorts': (_searches, 200),
    'searches for texts of all sorts': (_texts, 200),
}


def _send(application: Any, environ: dict[str, Any]) -> int:
    statuses: list[int] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        statuses.append(int(status[:3]))

    for _ in application(environ, start_response):
        pass
    return statuses[0]


def _resident() -> int:
    """Bytes of memory that this process has."""
    gc.collect()
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096


def _measure(name: str, number: int, result: Any) -> None:
    flood, status = FLOODS[name]
    with tempfile.TemporaryDirectory() as folder:
        url = f'sqlite:///{folder}/freezer.sqlite'
        migration.upgrade(url)
        application = build(url)
        requests = flood()
        sizes = []
        for count in (number // 4, number - number // 4):
            for _ in range(count):
                answered = _send(application, next(requests))
                if answered != status:
                    raise SystemExit(f'{name}: {answered}')
            sizes.append(_resident())
        application.database.dispose()
    result.put((sizes[0], sizes[1] - sizes[0]))


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description='Memory after floods of requests.')
    parser.add_argument('--requests', type=int, default=20_000, help='of each flood')
    parser.add_argument('--only', default='', help='only floods whose name contains this')
    options = parser.parse_args()
    over = False
    print(f'{"flood":34} {"MiB":>7} {"more":>7}')
    for name in FLOODS:
        if options.only not in name:
            continue
        result: Any = multiprocessing.Queue()
        process = multiprocessing.Process(target=_measure, args=(name, options.requests, result))
        process.start()
        process.join()
        if process.exitcode:
            return 1
        size, more = result.get()
        over |= more > MOST
        figures = f'{size / 2**20:7.1f} {more / 2**20:7.2f}'
        print(f'{name:34} {figures}' + (' over' if more > MOST else ''), flush=True)
    return int(over)


if __name__ == '__main__':
    sys.exit(main())
