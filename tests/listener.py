# SPDX-License-Identifier: Apache-2.0
"""Base class of servers that tests speak to over HTTP."""

import ssl
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Request(BaseHTTPRequestHandler):
    """A request that came, to be answered.

    :ivar line: 'METHOD /path'
    :ivar body: what it brought
    """

    listener: 'Listener'
    protocol_version = 'HTTP/1.1'
    # Headers and body in one packet, or the second waits for the first's receipt.
    wbufsize = -1

    def do_GET(self) -> None:  # as the base class wants it
        self.line = f'{self.command} {self.path}'
        self.body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self.listener.handle(self)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def answer(
        self, status: int, headers: Mapping[str, str], body: bytes, end: int | None = None
    ) -> None:
        """Send an answer.

        :param end: of the bytes that are sent, after which the connection ends
        """
        self.send_response(status)
        for name, value in {**headers, 'Content-Length': str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:end])
        self.close_connection = self.close_connection or end is not None

    def cut(self) -> None:
        """End the connection without an answer."""
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Nothing: listeners note what tests look at."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed by a test are none."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Listener:
    """Serves on a loopback port of its own until it is closed.

    :param tls: with a certificate, to speak TLS
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        handler = type('OwnRequest', (Request,), {'listener': self})
        self._server = _Server(('127.0.0.1', 0), handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f'http{"s" if tls else ""}://127.0.0.1:{self._server.server_port}'
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def handle(self, request: Request) -> None:
        """Answer a request; several come at once."""
        raise NotImplementedError

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
