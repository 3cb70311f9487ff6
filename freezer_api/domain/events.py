# SPDX-License-Identifier: Apache-2.0
"""Events of jobs: what a user asks an agent to do, and when a report of the agent answers it."""

from collections.abc import Mapping
from typing import Any

from freezer_api import exceptions

ACCEPTED = 'success'
_EVENTS = ('start', 'stop', 'abort')
# What a schedule may hold.
STORED = ('', 'stop', 'start', 'abort', 'remove')

# No status of a job: remembered after two reports of "stop" without a change in between.
_STOPPED_TWICE = 'stop, stop'

# What agents report besides the status; equal again in the answer to an event that changed nothing.
_OF_A_RUN = ('time_started', 'time_ended', 'current_pid')


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


def is_answered(
    stored: Mapping[str, Any], status_before: str, reported: Mapping[str, Any]
) -> bool:
    """Whether a report of the agent shows that it has seen the pending event, or made it pointless.

    Agents send the whole schedule that they hold, so an empty event may only mean that they have not polled since the
    event was posted. They send it when something has changed, or in answer to an event. So:

    - ``stop`` and ``abort`` are answered by a job that has stopped; while it is armed or runs they are not.
    - ``start`` is answered by a job that was not armed and now is, or by a report in which nothing has changed: what
      an agent sends that was asked to start a job which is armed or runs already, or which it cannot arm. The end of
      a run is no answer, since the run may have begun before. Nor is the first ``stop`` without a change, since agents
      answer the stop of an armed job twice, and the start may have come in between.

    :param stored: the schedule of the job, with the event
    :param status_before: from :func:`seen_status` of the last report, or the status before a ``start`` cleared it
    :param reported: the schedule from the agent
    """
    status = reported['status']
    if stored['event'] != 'start':
        return status in ('stop', 'completed', 'removed')
    if status == 'scheduled' and status_before not in ('scheduled', 'running'):
        return True
    if status == 'stop':
        return status_before == _STOPPED_TWICE
    return _is_unchanged(stored, status_before, reported)


def seen_status(stored: Mapping[str, Any], status_before: str, reported: Mapping[str, Any]) -> str:
    """The status to remember of a report that does not answer a ``start``."""
    status: str = reported['status']
    if status == 'stop' and _is_unchanged(stored, status_before, reported):
        return _STOPPED_TWICE
    return status


def _is_unchanged(
    stored: Mapping[str, Any], status_before: str, reported: Mapping[str, Any]
) -> bool:
    return bool(reported['status'] == status_before) and all(
        reported.get(key, stored.get(key)) == stored.get(key) for key in _OF_A_RUN
    )
