# SPDX-License-Identifier: Apache-2.0
"""A proxy before a search server that notes what passes and makes faults."""

import dataclasses
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

from tests.integration import search_server

NEXT_PAGE = r'POST /_search/scroll'
FIRST_PAGE = r'POST /[^/]+/_search\?'


@dataclasses.dataclass
class Fault:
    """What happens to some requests.

    :ivar pattern: a regular expression for the beginning of 'METHOD /path'
    :ivar after: of those that match, how many pass first
    :ivar times: how many it then happens to
    :ivar status: answer this; nothing reaches the server
    :ivar cut: end the connection: 'before' the server sees it, 'after' that, or 'within' the answer
    :ivar delay: seconds to wait first
    :ivar call: what to do first
    """

    pattern: str
    after: int = 0
    times: int = 1
    status: int | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b'{"error": "busy"}'
    cut: str | None = None
    delay: float = 0
    call: Callable[[], object] | None = None

    def takes(self, request: str) -> bool:
        if not re.match(self.pattern, request) or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


class Proxy:
    """Listens on a port of its own until it is closed.

    :ivar requests: methods and paths that came, in order
    :ivar faults: to be made; the first that takes a request makes it
    :ivar authorization: what the header of that name must be; others are answered 401
    """

    def __init__(self, server: search_server.SearchServer, *, tls: bool = False) -> None:
        self.authorization: str | None = None
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self._lock = threading.Lock()
        context = ssl.create_default_context(cafile=search_server.certificate())
        self._address = server.address
        self._own_headers = server.headers
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=60)
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), self._handler())
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(search_server.certificate(), search_server.key())
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f'http{"s" if tls else ""}://127.0.0.1:{self._server.server_port}'
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._pool.clear()

    def count(self, pattern: str) -> int:
        """How many requests came whose 'METHOD /path' begins with a pattern."""
        return sum(bool(re.match(pattern, request)) for request in self.requests)

    def note(self, request: str) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            return next((fault for fault in self.faults if fault.takes(request)), None)

    def forward(self, method: str, path: str, body: bytes, headers: Any) -> tuple[int, Any, bytes]:
        kept = {
            name: value
            for name, value in headers.items()
            if name.lower() in ('accept', 'authorization', 'content-type')
        }
        if self.authorization is not None:
            del kept['Authorization']
            kept |= self._own_headers
        answer = self._pool.request(method, self._address + path, body=body or None, headers=kept)
        return answer.status, answer.headers, answer.data

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            # Headers and body in one packet, or the second waits for the first's receipt.
            wbufsize = -1

            def do_GET(self) -> None:  # as the base class wants it
                body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
                fault = proxy.note(f'{self.command} {self.path}')
                if proxy.authorization not in (None, self.headers.get('Authorization')):
                    self._answer(401, {}, b'{}')
                    return
                if fault is not None and fault.call is not None:
                    fault.call()
                time.sleep(fault.delay if fault is not None else 0)
                if fault is not None and fault.cut == 'before':
                    self.close_connection = True
                    return
                if fault is not None and fault.status is not None:
                    self._answer(fault.status, fault.headers, fault.body)
                    return
                status, headers, answer = proxy.forward(self.command, self.path, body, self.headers)
                if fault is not None and fault.cut == 'after':
                    self.close_connection = True
                    return
                kept = {'Content-Type': headers.get('Content-Type', 'application/json')}
                end = len(answer) // 2 if fault is not None and fault.cut == 'within' else None
                self._answer(status, kept, answer, end)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

            def _answer(
                self, status: int, headers: Mapping[str, str], body: bytes, end: int | None = None
            ) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body[:end])
                self.close_connection = self.close_connection or end is not None

            def log_message(self, *args: Any) -> None:
                """Nothing: the requests are noted."""

        return Handler
