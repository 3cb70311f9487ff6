# SPDX-License-Identifier: Apache-2.0
"""Runs of a session: who may join one, and when it is over. Pure; times in seconds since the epoch."""

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from typing import Any

from freezer_api import exceptions

RUNNING = 'running'
COMPLETED = 'completed'
SUCCESS = 'success'
FAIL = 'fail'


class Decision(enum.Enum):
    """What a request to start comes to."""

    FIRST = 'first'  # begins a run
    LATE = 'late'  # joins the run that others began
    HOLD_OFF = 'hold-off'  # this run has begun with this tag just now
    OUT_OF_SYNC = 'out-of-sync'  # the run was begun too long ago


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What a session knows of its present run."""

    tag: int
    time_start: int
    hold_off: int

    @property
    def has_begun(self) -> bool:
        """Whether a job has ever started it."""
        return self.time_start >= 0

    def is_open(self, now: int) -> bool:
        """Whether others may still join; none that never began, however long it would hold off."""
        return self.has_begun and now - self.time_start <= self.hold_off


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A job's part in its session: the state that it reported, and in which run."""

    status: str
    result: str
    run_tag: int | None


def decide_start(run: Run, tag: int, now: int) -> Decision:
    """Answer an agent that wants to start with the tag it has.

    :raises BadRequest: the tag is newer than the session's
    """
    if tag > run.tag:
        raise exceptions.BadRequest('current_tag is greater than the tag of the session.')
    if tag < run.tag:
        return Decision.LATE if run.is_open(now) else Decision.OUT_OF_SYNC
    return Decision.HOLD_OFF if run.is_open(now) else Decision.FIRST


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """How many parts of a session stand how to its present run.

    :ivar running: run, and have joined it or an earlier one
    :ivar absent: have not joined it, or belong to no run
    :ivar ended: have ended it
    :ivar failed: have ended it without success
    """

    running: int
    absent: int
    ended: int
    failed: int


def tally(tag: int, parts: Iterable[Part]) -> Tally:
    """Count parts.

    :param tag: of the present run
    """
    running = absent = ended = failed = 0
    for part in parts:
        # A job that was running when it was attached belongs to no run.
        if part.status == RUNNING and part.run_tag is not None:
            running += 1
        elif part.run_tag != tag or part.status != COMPLETED:
            absent += 1
        else:
            ended += 1
            failed += part.result != SUCCESS
    return Tally(running, absent, ended, failed)


def conclude(run: Run, parts: Tally, now: int) -> str | None:
    """The result of a run; None while it goes on.

    It goes on while a job runs that has joined it or an earlier run, and while one that has not joined yet may do so.
    Jobs that never joined, or ended an earlier run, count neither way. A run whose jobs have all left has failed.
    """
    if parts.running or (parts.absent and run.is_open(now)):
        return None
    if not parts.ended:
        return FAIL if run.has_begun and not run.is_open(now) else None
    return FAIL if parts.failed else SUCCESS


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A parsed session action.

    :ivar tag: of a start; 0 of an end
    :ivar result: of an end; empty of a start
    """

    action: str
    job_id: str
    tag: int
    result: str


def parse(document: Mapping[str, Any]) -> Request:
    """Read ``{"start": {...}}`` or ``{"end": {...}}``; the first key counts.

    The tag of an end is ignored: to refuse one would leave the session running for good.

    :raises BadRequest: anything else
    """
    action = next(iter(document), None)
    if action not in ('start', 'end'):
        raise exceptions.BadRequest('The action must be start or end.')
    parameters = document[action]
    if not isinstance(parameters, dict):
        raise exceptions.BadRequest(f'{action} must be an object.')
    job_id = parameters.get('job_id')
    if not isinstance(job_id, str) or not 0 < len(job_id) <= 64:
        raise exceptions.BadRequest('job_id must name a job.')
    if action == 'start':
        return Request(action, job_id, _tag(parameters.get('current_tag')), '')
    result = parameters.get('result')
    if not isinstance(result, str) or not 0 < len(result) <= 64:
        raise exceptions.BadRequest('result must be a word.')
    return Request(action, job_id, 0, result)


def _tag(value: Any) -> int:
    # The command line client sends it as text.
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise exceptions.BadRequest('current_tag must be an integer of at least 0.')
    return value
