# SPDX-License-Identifier: Apache-2.0
"""A proxy before a search server that notes what passes and makes faults."""

import dataclasses
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import urllib3

from tests.integration import search_server
from tests.listener import Listener, Request

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


class Proxy(Listener):
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
        own = None
        if tls:
            own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            own.load_cert_chain(search_server.certificate(), search_server.key())
        super().__init__(own)

    def close(self) -> None:
        super().close()
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

    def handle(self, request: Request) -> None:
        fault = self.note(request.line)
        if self.authorization not in (None, request.headers.get('Authorization')):
            request.answer(401, {}, b'{}')
            return
        if fault is not None and fault.call is not None:
            fault.call()
        time.sleep(fault.delay if fault is not None else 0)
        if fault is not None and fault.cut == 'before':
            request.cut()
            return
        if fault is not None and fault.status is not None:
            request.answer(fault.status, fault.headers, fault.body)
            return
        status, headers, answer = self.forward(
            request.command, request.path, request.body, request.headers
        )
        if fault is not None and fault.cut == 'after':
            request.cut()
            return
        kept = {'Content-Type': headers.get('Content-Type', 'application/json')}
        end = len(answer) // 2 if fault is not None and fault.cut == 'within' else None
        request.answer(status, kept, answer, end)
