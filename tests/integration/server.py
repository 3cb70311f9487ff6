# SPDX-License-Identifier: Apache-2.0
"""The service as its command runs it, and the published client library that talks to it."""

import atexit
import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests import base, databases
from tests.integration import published

# Of the library's user, and the client that it is taken for.
PROJECT = 'demo'
OWN = f'{PROJECT}_host-1'

_DRIVER = Path(__file__).with_name('freezerclient_driver.py')
# Seconds that a server has to start.
_PATIENCE = 60


@functools.cache
def start(database_name: str) -> str:
    """Serve one of the test databases until this process ends; return the endpoint."""
    folder = Path(tempfile.mkdtemp(prefix='freezer_server_'))
    connection = databases.get(database_name).url.replace('$', '$$')
    config_file = folder / 'freezer-api.conf'
    config_file.write_text(
        # The system chooses a port that is free.
        '[DEFAULT]\nauth_strategy = noauth\nbind_host = 127.0.0.1\nbind_port = 0\n'
        # Not the pipe, which nobody reads after the first line.
        f'workers = 2\nlog_file = {folder}/service.log\n[database]\nconnection = {connection}\n'
    )
    command = [sys.executable, '-m', 'freezer_api.cmd.api', '--config-file', str(config_file)]
    log = folder / 'log'
    with log.open('w') as stderr:
        process = subprocess.Popen(
            command,
            cwd=published.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    @atexit.register
    def end() -> None:
        process.terminate()
        try:
            process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)

    assert process.stdout is not None
    timer = threading.Timer(_PATIENCE, process.kill)
    timer.start()
    line = process.stdout.readline()
    timer.cancel()
    found = re.search(r'http://127\.0\.0\.1:[1-9][0-9]*', line)
    if found is None:
        raise AssertionError(f'freezer-api did not start: {line}{log.read_text()}')
    return found.group()


class ClientError(Exception):
    """The exception of the library.

    :ivar status_code: of the answer
    """

    def __init__(self, message: str, status_code: int | None) -> None:
        super().__init__(message)
        self.status_code = status_code


class Library:
    """The library's client object, in a process of the library's own interpreter.

    :param endpoint: as a user would configure it
    :param client_id: what the library takes for its own client
    """

    def __init__(self, endpoint: str, client_id: str) -> None:
        self._process = subprocess.Popen(
            [published.environment('freezerclient') / 'python', _DRIVER, endpoint, PROJECT, client_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # It ends with its input.
        atexit.register(self._process.communicate)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call ``manager.method`` of the client object.

        :raises ClientError: the library raised its exception
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, args, kwargs]) + '\n')
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if 'error' in answer:
            raise ClientError(answer['error'], answer['status_code'])
        return answer['result']


@functools.cache
def library(endpoint: str, client_id: str) -> Library:
    """A client object for an endpoint, whose process lasts as long as this one."""
    return Library(endpoint, client_id)


class LibraryTestCase(base.ApiTestCase):
    """A test through the library, which takes :data:`OWN` for its client."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # May take longer than a test may.
        published.environment('freezerclient')

    def setUp(self) -> None:
        super().setUp()
        self.endpoint = start(self.database_name)
        self.library = library(self.endpoint, OWN)
