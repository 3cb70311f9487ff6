# SPDX-License-Identifier: Apache-2.0
"""The processes of gunicorn that answer requests."""

import http
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker
from oslo_log import log

from freezer_api.api import hooks, middleware
from freezer_api.discretion import outline

LOG = log.getLogger(__name__)

# By name: not all releases of gunicorn have all of them. Any other that is the caller's fault is 400.
_STATUSES = {
    'ExpectationFailed': http.HTTPStatus.EXPECTATION_FAILED,
    'UnsupportedTransferCoding': http.HTTPStatus.NOT_IMPLEMENTED,
}
# Of what could not be read, but what we or the configuration did wrong.
_OURS = ('ConfigurationProblem', 'InvalidResponseHeader', 'InvalidResponseHeaderName')
_LIMITS = {
    'LimitRequestHeaders': 'The request has more or longer headers than this service takes.',
    'LimitRequestLine': 'The first line of the request is longer than this service takes.',
}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Answers what is no request like all other errors.

    gunicorn's own answers are HTML, and they and its log quote the header that is wrong, which may be a token.
    """

    def handle(self, conn: Any) -> Any:
        # Else what is logged of a request that cannot be read names the caller that this thread served before.
        middleware.name_nobody_in_log()
        return super().handle(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        kind = type(exc).__name__
        if isinstance(exc, errors.ParseException) and kind not in _OURS:
            status = _STATUSES.get(kind, http.HTTPStatus.BAD_REQUEST)
            LOG.info('A request from %s could not be read: %s', addr and addr[0], kind)
            if req is not None:
                # The rest of its body, which gunicorn reads when it is answered. The connection is closed.
                return
            title, description = hooks.describe(status)
            body = hooks.error_body(status, title, _LIMITS.get(kind, description))
        else:
            status = http.HTTPStatus.INTERNAL_SERVER_ERROR
            LOG.error('Unexpected error\n%s', outline(exc))
            failure = hooks.failure()
            body = hooks.error_body(status, failure.title, failure.description)
        head = (
            f'HTTP/1.1 {status} {status.phrase}\r\nConnection: close\r\n'
            f'Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n'
        )
        try:
            util.write_nonblock(client, head.encode() + body)
        except OSError:
            LOG.debug('The answer to what is no request could not be sent')
