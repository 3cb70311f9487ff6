# SPDX-License-Identifier: Apache-2.0
"""Middleware of our own: identity, and JSON for errors of the others."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions
from oslo_context import context as oslo_context
from oslo_log import log as logging

from freezer_api import exceptions
from freezer_api.addresses import is_loopback
from freezer_api.api import hooks
from freezer_api.api.request import Services
from freezer_api.context import RequestContext
from freezer_api.db.session import Database
from freezer_api.discretion import outline

LOG = logging.getLogger(__name__)

WSGI = Callable[..., Iterable[bytes]]

_REQUEST_ID = re.compile(r'[A-Za-z0-9_.:-]{1,128}')

# Ids of Keystone, or none.
_ID = re.compile(r'[!-~]{0,64}')

_ANONYMOUS = {
    'HTTP_X_USER_ID': 'demo',
    'HTTP_X_PROJECT_ID': 'demo',
    'HTTP_X_ROLES': 'admin,member,reader',
}

_NOBODY = oslo_context.RequestContext(overwrite=False)
# It makes up one.
_NOBODY.request_id = ''


class ContextMiddleware:
    """Make the context of the request from the identity headers, which auth_token or NoAuth vouch for."""

    def __init__(self, application: WSGI, database: Database, services: Services) -> None:
        self._application = application
        self._database = database
        self._services = services

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        context = RequestContext.from_environ(environ)
        context.database = self._database
        context.schedules = self._services.schedules
        context.quotas = self._services.quotas
        environ['freezer.context'] = context
        environ['freezer.services'] = self._services
        return self._application(environ, start_response)


class KeystoneErrors:
    """Tell callers that Keystone is silent, where auth_token lets the error through.

    keystonemiddleware 13 knows a refused connection for what it is, and not one that times out or breaks.
    """

    def __init__(self, application: WSGI) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            return self._application(environ, start_response)
        except keystone_exceptions.ConnectionError as error:
            LOG.warning('Keystone did not answer about a token: %s', type(error).__name__)
            silent = exceptions.ServiceUnavailable('Keystone does not answer; try again.')
            refusal: Iterable[bytes] = hooks.answer(silent, environ)(environ, start_response)
            return refusal


class NoAuth:
    """Believe the identity headers, and fill in those that are missing. Answers callers on this host alone."""

    def __init__(self, application: WSGI) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            _check_caller(environ)
        except exceptions.FreezerError as error:
            refusal: Iterable[bytes] = hooks.answer(error, environ)(environ, start_response)
            return refusal
        for name, value in _ANONYMOUS.items():
            if not environ.get(name):
                environ[name] = value
        return self._application(environ, start_response)


def _check_caller(environ: dict[str, Any]) -> None:
    # Behind a proxy the address is the proxy's, or what a header claims.
    forwarded = environ.get('HTTP_FORWARDED') or environ.get('HTTP_X_FORWARDED_FOR')
    if forwarded or not is_loopback(environ.get('REMOTE_ADDR', '')):
        raise exceptions.Forbidden(
            'auth_strategy is noauth, which serves callers on this host alone, and none through a proxy.'
        )
    for name in ('HTTP_X_USER_ID', 'HTTP_X_PROJECT_ID'):
        if not _ID.fullmatch(environ.get(name, '')):
            raise exceptions.BadRequest(
                'X-User-Id and X-Project-Id must be ASCII without blanks, of at most 64 characters.'
            )


def _json_headers(body: bytes) -> list[tuple[str, str]]:
    return [('Content-Type', 'application/json'), ('Content-Length', str(len(body)))]


class GivenRequestId:
    """Let a request keep the id that its caller gave it, in place of the one that oslo.middleware made.

    Callers find their requests in our log by it. What could not stand in a log as one word is not taken.
    """

    def __init__(self, application: WSGI) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        given = environ.get('HTTP_X_OPENSTACK_REQUEST_ID', '')
        if not _REQUEST_ID.fullmatch(given):
            _name_in_log(environ)
            return self._application(environ, start_response)
        request_id = given if given.startswith('req-') else f'req-{given}'
        environ['openstack.request_id'] = request_id
        _name_in_log(environ)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            headers = [*headers, ('x-openstack-request-id', request_id)]
            return start_response(status, headers, exc_info)

        return self._application(environ, start)


def _name_in_log(environ: dict[str, Any]) -> None:
    """Let lines of the log name this request, and no caller until there is one.

    They would name the one that this thread served before.
    """
    oslo_context.RequestContext(request_id=environ.get('openstack.request_id'))


def name_nobody_in_log() -> None:
    """Let lines of the log name neither request nor caller, before there is a request."""
    _NOBODY.update_store()


class ReadableBodies:
    """Refuse a body in chunks that the server does not hand on; it would be taken for none.

    uwsgi is such a server. Those that take the chunks apart set ``wsgi.input_terminated``. Where a proxy has done so
    there is a length, as from nginx by the protocol of uwsgi.
    """

    def __init__(self, application: WSGI) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        known = environ.get('wsgi.input_terminated') or environ.get('CONTENT_LENGTH', '') not in ('', '0')
        if known or not environ.get('HTTP_TRANSFER_ENCODING'):
            return self._application(environ, start_response)
        LOG.warning('A body in chunks was refused, which this WSGI server does not hand on')
        error = exceptions.LengthRequired(
            'The server does not take bodies in chunks; send the body with its length.'
        )
        refusal: Iterable[bytes] = hooks.answer(error, environ)(environ, start_response)
        return refusal


class JSONErrors:
    """Give every error of the middleware below our kind of body, and one to what they do not catch."""

    def __init__(self, application: WSGI) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        replacement: list[bytes] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            code = int(status[:3])
            if code < 400 or hooks.ANSWERED in environ:
                return start_response(status, headers, exc_info)
            body = hooks.error_body(code, *hooks.describe(code))
            replacement.append(body if environ['REQUEST_METHOD'] != 'HEAD' else b'')
            kept = [
                (name, value)
                for name, value in headers
                if name.lower() not in ('content-type', 'content-length')
            ]
            if code == 503 and not any(name.lower() == 'retry-after' for name, _ in headers):
                kept.append(('Retry-After', exceptions.RETRY_AFTER))
            return start_response(status, kept + _json_headers(body), exc_info)

        try:
            answer = self._application(environ, start)
        except Exception as error:
            LOG.error('Unexpected error\n%s', outline(error))
            failure = hooks.answer(hooks.failure(), environ)
            answer = failure(environ, start_response)
        if not replacement:
            return answer
        close = getattr(answer, 'close', None)
        if close is not None:
            close()
        return replacement
