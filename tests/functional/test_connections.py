# SPDX-License-Identifier: Apache-2.0
"""What comes over a connection to freezer-api and is no request, or only the beginning of one."""

import json
import socket
from typing import Any

from gunicorn.http import errors

from freezer_api.cmd import worker
from freezer_api.db import migration
from tests import base
from tests.functional import test_manage

# Seconds that anything may take.
_PATIENCE = 60

# Malformed in the size, at the end, and in the extension of a chunk.
_BODIES = (b'ZZ\r\n{}\r\n0\r\n\r\n', b'2\r\n{}XX0\r\n\r\n', b'2;\rx\r\n{}\r\n0\r\n\r\n')


class ServerTest(test_manage.CommandTestCase):
    """One thread, so that each request follows the one before in it."""

    module = 'freezer_api.cmd.api'

    def setUp(self) -> None:
        super().setUp()
        url = f'sqlite:///{self.folder}/freezer.sqlite'
        migration.upgrade(url)
        self.log = self.folder / 'log'
        self.configure(
            url,
            auth_strategy='noauth',
            bind_host='127.0.0.1',
            bind_port=0,
            workers=1,
            threads=1,
            log_file=self.log,
            default_log_levels='freezer_api=INFO',
        )
        _, self.place = self.start_server(_PATIENCE)

    def send(self, content: bytes) -> bytes:
        """What is answered until the server closes the connection."""
        answer = b''
        with socket.create_connection(self.place, timeout=_PATIENCE) as connection:
            connection.sendall(content)
            while part := connection.recv(65536):
                answer += part
        return answer

    def chunked(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and body of the only answer to a request whose body is in chunks."""
        head = f'POST {path} HTTP/1.1\r\nHost: x\r\nX-Project-Id: demo\r\nTransfer-Encoding: chunked\r\n\r\n'
        answer = self.send(head.encode() + body)
        self.assertEqual(1, answer.count(b'HTTP/1.1 '), answer)
        head_of_answer, _, document = answer.partition(b'\r\n\r\n')
        return int(head_of_answer.split()[1]), json.loads(document)

    def test_malformed_chunks_are_an_error_of_the_caller(self) -> None:
        for body in _BODIES:
            status, document = self.chunked('/v2/demo/actions', body)
            self.assertEqual((400, 400), (status, document['code']), body)

    def test_the_rest_of_a_body_has_no_answer_of_its_own(self) -> None:
        for body in _BODIES:
            self.assertEqual(404, self.chunked('/nope', body)[0], body)

    def test_lines_about_what_is_no_request_name_no_caller(self) -> None:
        self.send(
            b'GET /v2/p1/jobs HTTP/1.1\r\nHost: x\r\nX-User-Id: alice\r\nX-Project-Id: p1\r\n'
            b'Connection: close\r\n\r\n'
        )
        self.send(b'GET / HTTP/1.1\r\nHost x\r\n\r\n')
        lines = self.log.read_text().splitlines()
        told = [line for line in lines if 'could not be read' in line]
        self.assertEqual(1, len(told), lines)
        self.assertNotIn('alice', told[0])
        self.assertNotIn('req-', told[0])


class FaultTest(base.TestCase):
    def test_headers_of_our_own_are_our_fault(self) -> None:
        for error in (
            errors.InvalidResponseHeader('hunter2'),
            errors.InvalidResponseHeaderName('hunter2'),
            errors.ConfigurationProblem('hunter2'),
        ):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                fresh = worker.Worker.__new__(worker.Worker)
                with self.assertLogs('freezer_api.cmd.worker', 'ERROR') as heard:
                    fresh.handle_error(object(), ours, ('192.0.2.1', 1), error)
                answer = theirs.recv(65536)
            self.assertTrue(answer.startswith(b'HTTP/1.1 500 '), answer)
            self.assertIn(type(error).__name__, heard.output[0])
            self.assertNotIn('hunter2', heard.output[0])
