# SPDX-License-Identifier: Apache-2.0
"""Errors that become answers.

Each class is one HTTP status. The text given is shown to the caller as the description, so it names keys and rules,
never values taken from a request or from another project.
"""

# Seconds after which a caller may try again.
RETRY_AFTER = '1'


class FreezerError(Exception):
    """An error whose text may be shown to the caller."""

    code = 500
    title = 'Internal Server Error'

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the answer."""
        return {}


class BadRequest(FreezerError):
    code = 400
    title = 'Bad Request'


class Forbidden(FreezerError):
    code = 403
    title = 'Forbidden'


class NotFound(FreezerError):
    code = 404
    title = 'Not Found'


class MethodNotAllowed(FreezerError):
    code = 405
    title = 'Method Not Allowed'

    def __init__(self, allowed: list[str]) -> None:
        super().__init__('This resource answers ' + ', '.join(allowed) + '.')
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        return {'Allow': ', '.join(self.allowed)}


class NotAcceptable(FreezerError):
    code = 406
    title = 'Not Acceptable'


class Conflict(FreezerError):
    code = 409
    title = 'Conflict'


class IdTaken(Conflict):
    """A row with the id of a new one is there."""


class LengthRequired(FreezerError):
    code = 411
    title = 'Length Required'


class PreconditionFailed(FreezerError):
    code = 412
    title = 'Precondition Failed'


class TooLarge(FreezerError):
    code = 413
    title = 'Request Entity Too Large'


class OverLimit(TooLarge):
    """The project would have more than it may; 413 is what callers of other services with oslo.limit know."""

    def __init__(self, resource: str, limit: int, number: int) -> None:
        super().__init__(
            f'The project has a limit of {limit} on "{resource}"; {number} more would be over it.'
        )


class UnprocessableEntity(FreezerError):
    code = 422
    title = 'Unprocessable Entity'


class ServiceUnavailable(FreezerError):
    code = 503
    title = 'Service Unavailable'

    @property
    def headers(self) -> dict[str, str]:
        return {'Retry-After': RETRY_AFTER}
