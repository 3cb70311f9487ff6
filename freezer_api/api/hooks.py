# SPDX-License-Identifier: Apache-2.0
"""Errors become answers, here and nowhere else."""

import http
from typing import Any

import orjson
import webob
from oslo_db import exception as db_exception
from oslo_log import log as logging
from pecan import hooks
from webob import exc as webob_exc

from freezer_api import exceptions
from freezer_api.db import strangers
from freezer_api.discretion import outline

LOG = logging.getLogger(__name__)

# In the environment of a request whose answer is an error of ours.
ANSWERED = 'freezer.answered'


# Of answers by auth_token; the phrases of HTTP would mislead.
_DESCRIPTIONS = {
    401: 'A token is needed that Keystone knows, that is not expired, and that is meant for this request.',
    503: 'The service, or Keystone, does not answer now; try again.',
}


def error_body(code: int, title: str, description: str) -> bytes:
    """The body of every error."""
    return orjson.dumps({'title': title, 'description': description, 'code': code})


def describe(code: int) -> tuple[str, str]:
    """Title and description of an answer that was made by somebody else."""
    if code == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        # From the size limit; the name of the status is not the same in all releases of Python.
        return exceptions.TooLarge.title, 'The body has more bytes than this service takes.'
    if code in _DESCRIPTIONS:
        return http.HTTPStatus(code).phrase, _DESCRIPTIONS[code]
    try:
        status = http.HTTPStatus(code)
    except ValueError:
        return 'Error', 'The request failed.'
    return status.phrase, (status.description or status.phrase).rstrip('.') + '.'


class ErrorHook(hooks.PecanHook):  # type: ignore[misc]  # Pecan is untyped
    """Turn an exception into an answer."""

    def on_error(self, state: Any, error: Exception) -> webob.Response:
        environ = state.request.environ
        if isinstance(error, webob_exc.HTTPException):
            return _response(environ, error.code, *describe(error.code))
        if isinstance(error, db_exception.DBDeadlock | db_exception.DBConnectionError):
            LOG.warning('The database could not serve the request: %s', type(error).__name__)
            error = exceptions.ServiceUnavailable('The database is busy or away; try again.')
        if strangers.are_missing(error):
            LOG.error('The tables are not those of this release; run freezer-manage db sync')
            error = exceptions.ServiceUnavailable('The service is temporarily unavailable.')
        if isinstance(error, db_exception.DBError):
            LOG.error('Unexpected error of the database\n%s', outline(error))
            error = failure()
        if not isinstance(error, exceptions.FreezerError):
            LOG.error('Unexpected error\n%s', outline(error))
            error = failure()
        return answer(error, environ)


def failure() -> exceptions.FreezerError:
    """What a caller may know of a bug."""
    return exceptions.FreezerError('The server failed; its log has the details.')


def answer(error: exceptions.FreezerError, environ: dict[str, Any]) -> webob.Response:
    """The answer that an error becomes."""
    response = _response(environ, error.code, error.title, error.description)
    response.headers.update(error.headers)
    return response


def _response(environ: dict[str, Any], code: int, title: str, description: str) -> webob.Response:
    environ[ANSWERED] = True
    return webob.Response(
        body=error_body(code, title, description),
        status=code,
        content_type='application/json',
        charset=None,
    )
