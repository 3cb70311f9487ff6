# SPDX-License-Identifier: Apache-2.0
"""Runs of sessions: jobs start and end their parts, and a run is over when all have ended."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import session, session_rows, swaps
from freezer_api.db.documents import Document
from freezer_api.db.models import Job, JobAttachment, Session
from freezer_api.domain import runs


@session.retry
@session.writer
def act(context: RequestContext, session_id: str, request: runs.Request) -> Document:
    """Start or end the part of a job; return the answer.

    :raises NotFound: no such session
    :raises BadRequest: the job is not in the session, or the tag is newer than the session's
    """
    row = session_rows.select(context, session_id, lock=True)
    now = session.seconds()
    if request.action == 'end':
        _end(context, row, request, now)
        return {'result': runs.SUCCESS, 'session_tag': row.session_tag}
    return _start(context, row, request, now)


def _run(row: Any) -> runs.Run:
    return runs.Run(row.session_tag, row.time_start, row.hold_off)


def _start(context: RequestContext, row: Any, request: runs.Request, now: int) -> Document:
    decision = runs.decide_start(_run(row), request.tag, now)
    if decision in (runs.Decision.HOLD_OFF, runs.Decision.OUT_OF_SYNC):
        return {'result': decision.value, 'session_tag': row.session_tag}
    tag: int = row.session_tag
    values: Document = {}
    if decision is runs.Decision.FIRST:
        tag += 1
        values = {
            'session_tag': tag,
            'time_start': now,
            'status': runs.RUNNING,
            'result': '',
        }
    elif row.status == runs.COMPLETED:
        # It was over for those who had joined; now there is one more.
        values = {'status': runs.RUNNING, 'result': ''}
    session_rows.swap(context, row, values)
    # The agent takes the job's tag from each poll, so it is stored there too.
    part = {
        'session_status': runs.RUNNING,
        'session_result': '',
        'session_time_started': now,
        'session_tag': tag,
        'run_tag': tag,
    }
    _report(context, row, request.job_id, part)
    return {'result': runs.SUCCESS, 'session_tag': tag}


def _report(context: RequestContext, row: Any, job_id: str, values: Document) -> None:
    statement = sa.update(JobAttachment).where(
        JobAttachment.project_id == row.project_id,
        JobAttachment.job_id == job_id,
        JobAttachment.session_id == row.id,
    )
    if context.scope.is_v1:
        own = sa.select(Job.id).where(
            Job.project_id == row.project_id,
            Job.id == job_id,
            Job.user_id == context.scope.user_id,
        )
        statement = statement.where(JobAttachment.job_id.in_(own))
    result = context.connection.execute(
        statement.values(
            **values, updated_at=session.microseconds(), version=JobAttachment.version + 1
        )
    )
    if result.rowcount != 1:
        raise exceptions.BadRequest('The job is not in this session.')


def _end(context: RequestContext, row: Any, request: runs.Request, now: int) -> None:
    parts = {part.job_id: to_part(part) for part in session_rows.parts_of(context, row)}
    part = parts.get(request.job_id)
    # What began with an earlier run is no result of this one.
    began = part is not None and part.status == runs.RUNNING and part.run_tag is not None
    tag = part.run_tag if part is not None and began else row.session_tag
    parts[request.job_id] = runs.Part(runs.COMPLETED, request.result, tag)
    reported = {
        'session_status': runs.COMPLETED,
        'session_result': request.result,
        'session_time_ended': now,
        'run_tag': tag,
    }
    _report(context, row, request.job_id, reported)
    conclude(context, row, parts.values())


def to_part(row: Any, change: Mapping[str, Any] = MappingProxyType({})) -> runs.Part:
    """The part of a job by its row.

    :param change: columns that are going to be others
    """
    status, result, run_tag = (
        change.get(name, getattr(row, name))
        for name in ('session_status', 'session_result', 'run_tag')
    )
    return runs.Part(status or '', result or '', run_tag)


def conclude(context: RequestContext, row: Any, parts: Iterable[runs.Part]) -> None:
    """Complete a session if its run is over; raise its version in any case."""
    session_rows.swap(context, row, conclusion(row.status, _run(row), parts))


def conclusion(status: str, run: runs.Run, parts: Iterable[runs.Part]) -> Document:
    """What changes in a session with its parts: nothing while its run goes on, or is over already."""
    if status == runs.COMPLETED:
        return {}
    now = session.seconds()
    result = runs.conclude(run, parts, now)
    if result is None:
        return {}
    return {'status': runs.COMPLETED, 'result': result, 'time_end': now}


def is_overdue(row: Any, parts: Iterable[Any]) -> bool:
    """Whether a run is over that nobody has looked at since jobs may no longer join it.

    :param parts: rows of the jobs of the session
    """
    return row.status == runs.RUNNING and bool(
        conclusion(row.status, _run(row), map(to_part, parts))
    )


@session.retry
@session.writer
def end_overdue(context: RequestContext, session_ids: Collection[str]) -> None:
    """Complete sessions whose runs are overdue; they ended when no job could join them any more."""
    settle(context, session_ids, overdue=True)


def settle(
    context: RequestContext, session_ids: Collection[str], overdue: bool = False
) -> None:
    """Look again whether runs are over, after jobs have left the sessions, or time has passed."""
    if not session_ids:
        return
    statement = sa.select(*session_rows.SHOWN).where(
        Session.project_id == context.scope.project_id, Session.id.in_(session_ids)
    )
    found = {row.id: row for row in context.connection.execute(statement)}
    running = [row.id for row in found.values() if row.status == runs.RUNNING]
    parts = session_rows.parts(context, context.scope.project_id, running)
    changes = {
        session_id: conclusion(row.status, _run(row), map(to_part, parts.get(session_id, [])))
        for session_id, row in found.items()
    }
    if overdue:
        for session_id, change in changes.items():
            if change:
                row = found[session_id]
                change['time_end'] = min(row.time_start + row.hold_off, change['time_end'])
    swaps.many(context, Session, found, changes)
