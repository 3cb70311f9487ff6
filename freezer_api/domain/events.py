# SPDX-License-Identifier: Apache-2.0
"""Events of jobs: what a user asks an agent to do."""

from collections.abc import Mapping
from typing import Any

from freezer_api import exceptions

ACCEPTED = 'success'
_EVENTS = ('start', 'stop', 'abort')


def parse(document: Mapping[str, Any]) -> str:
    """The event of a request body, whose first key it is; its value means nothing.

    :raises BadRequest: none, or an unknown one
    """
    event = next(iter(document), None)
    if event not in _EVENTS:
        raise exceptions.BadRequest('The event must be one of ' + ', '.join(_EVENTS) + '.')
    return event


def already_requested(event: str) -> str:
    """The answer to an event that is already there."""
    return f'{event} already requested'
