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

LOG = logging.getLogger(__name__)


def error_body(code: int, title: str, description: str) -> bytes:
    """The body of every error."""
    return orjson.dumps({'title': title, 'description': description, 'code': code})


def describe(code: int) -> tuple[str, str]:
    """Title and description of an answer that was made by somebody else."""
    try:
        status = http.HTTPStatus(code)
    except ValueError:
        return 'Error', 'The request failed.'
    return status.phrase, (status.description or status.phrase).rstrip('.') + '.'


class ErrorHook(hooks.PecanHook):  # type: ignore[misc]  # Pecan is untyped
    """Turn an exception into an answer."""

    def on_error(self, state: Any, error: Exception) -> webob.Response:
        if isinstance(error, webob_exc.HTTPException):
            title, description = describe(error.code)
            return _response(error.code, title, description, {})
        if isinstance(error, db_exception.DBDeadlock | db_exception.DBConnectionError):
            LOG.warning('The database could not serve the request: %s', type(error).__name__)
            error = exceptions.ServiceUnavailable('The database is busy or away; try again.')
        if not isinstance(error, exceptions.FreezerError):
            LOG.error('Unexpected error', exc_info=error)
            error = exceptions.FreezerError('The server failed; its log has the details.')
        return answer(error)


def answer(error: exceptions.FreezerError) -> webob.Response:
    """The answer that an error becomes."""
    return _response(error.code, error.title, error.description, error.headers)


def _response(
    code: int, title: str, description: str, headers: dict[str, str]
) -> webob.Response:
    response = webob.Response(
        body=error_body(code, title, description),
        status=code,
        content_type='application/json',
        charset=None,
    )
    response.headers.update(headers)
    return response
