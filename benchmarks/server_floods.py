# SPDX-License-Identifier: Apache-2.0
"""What floods of requests leave behind in the memory of a real server.

    python benchmarks/server_floods.py [--requests 20000] [--only TEXT]

The command freezer-api serves, with one worker on SQLite; a small Keystone in this process knows which tokens are
good. The figures are the resident MiB of the worker before each flood and after each quarter of it. The first quarter
fills what is kept on purpose; more than 8 MiB in the other three is an exit code of 1. That is more than a flood of
deep bodies adds before it comes to rest.
"""

import argparse
import http.client
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from urllib import parse

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from freezer_api.db import migration  # noqa: E402  # after the path
from tests import fake_tokens  # noqa: E402

MOST = 8 * 2**20
THREADS = 4
GOOD = f'{fake_tokens.GOOD}-token'

Connection = http.client.HTTPConnection
# Sends a request, and returns the status that it is answered with.
Send = Callable[[Connection], int]


def _answered(connection: Connection, *request: object, **headers: str) -> int:
    method, path, body = request
    connection.request(str(method), str(path), body, headers)  # type: ignore[arg-type]
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _random_tokens(connection: Connection) -> int:
    return _answered(connection, 'GET', '/v2/p1/jobs', None, **{'X-Auth-Token': uuid.uuid4().hex * 20})


def _unknown_paths(connection: Connection) -> int:
    name = uuid.uuid4().hex * 10
    return _answered(connection, 'GET', f'/v2/{name}/{name}', None, **{'X-Auth-Token': GOOD})


def _oversized(connection: Connection) -> int:
    # The server does not wait for the rest.
    connection.putrequest('POST', '/v2/p1/backups')
    connection.putheader('X-Auth-Token', GOOD)
    connection.putheader('Content-Length', str(2**31))
    connection.endheaders(b'x' * 4096)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def _oversized_chunks(connection: Connection) -> int:
    chunks = (b'x' * 65536 for _ in range(17))
    try:
        return _answered(connection, 'POST', '/v2/p1/backups', chunks, **{'X-Auth-Token': GOOD})
    finally:
        connection.close()


def _deep(connection: Connection) -> int:
    body = '[' * 5000 + ']' * 5000
    return _answered(connection, 'POST', '/v2/p1/backups', body, **{'X-Auth-Token': GOOD})


FLOODS: dict[str, tuple[Send, int]] = {
    'random tokens': (_random_tokens, 401),
    'unknown paths': (_unknown_paths, 404),
    'oversized bodies': (_oversized, 413),
    'oversized bodies in chunks': (_oversized_chunks, 413),
    'deep bodies': (_deep, 400),
}


@contextmanager
def _server(options: dict[str, str]) -> Iterator[tuple[str, int, int]]:
    """Serve; yields host, port and the id of the worker's process."""
    with tempfile.TemporaryDirectory() as folder:
        url = f'sqlite:///{folder}/freezer.sqlite'
        migration.upgrade(url)
        keystone = '\n'.join(f'{name} = {value}' for name, value in options.items())
        path = Path(folder, 'freezer-api.conf')
        path.write_text(
            '[DEFAULT]\nauth_strategy = keystone\nbind_host = 127.0.0.1\nbind_port = 0\nworkers = 1\n'
            f'log_file = {folder}/log\n[database]\nconnection = {url}\n'
            f'[keystone_authtoken]\n{keystone}\n'
        )
        command = [sys.executable, '-m', 'freezer_api.cmd.api', '--config-file', str(path)]
        with Popen(command, stdout=PIPE, cwd=ROOT, text=True) as server:
            try:
                assert server.stdout is not None
                address = parse.urlsplit(server.stdout.readline().split()[-1])
                connection = Connection(str(address.hostname), address.port or 0, timeout=60)
                _unknown_paths(connection)
                connection.close()
                children = Path(f'/proc/{server.pid}/task/{server.pid}/children').read_text()
                yield str(address.hostname), address.port or 0, int(children.split()[-1])
            finally:
                server.terminate()


def _resident(process: int) -> int:
    return int(Path(f'/proc/{process}/statm').read_text().split()[1]) * 4096


def _send(host: str, port: int, send: Send, expected: int, number: int) -> None:
    """Send so many requests by some threads at once."""
    wrong: list[object] = []

    def run() -> None:
        connection = Connection(host, port, timeout=60)
        for _ in range(number // THREADS):
            status = send(connection)
            if status != expected:
                wrong.append(status)
                break
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f'{wrong} instead of {expected}')


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description='Memory of a server after floods of requests.')
    parser.add_argument('--requests', type=int, default=20_000, help='of each flood')
    parser.add_argument('--only', default='', help='only floods whose name contains this')
    options = parser.parse_args()
    over = False
    quarter = options.requests // 4
    heads = ''.join(f'{quarter * number:>9}' for number in range(5))
    print(f'{"flood":28}{heads}')
    keystone = fake_tokens.FakeKeystone()
    keystone.setUp()
    try:
        for name, (send, expected) in FLOODS.items():
            if options.only not in name:
                continue
            with _server(keystone.options) as (host, port, process):
                sizes = [_resident(process)]
                for _ in range(4):
                    _send(host, port, send, expected, quarter)
                    sizes.append(_resident(process))
            more = sizes[-1] - sizes[1]
            over |= more > MOST
            figures = ''.join(f'{size / 2**20:9.1f}' for size in sizes)
            print(f'{name:28}{figures}' + (' over' if more > MOST else ''), flush=True)
    finally:
        keystone.cleanUp()
    return int(over)


if __name__ == '__main__':
    sys.exit(main())
