# SPDX-License-Identifier: Apache-2.0
"""Runs of sessions: jobs start and end their parts, and a run is over when all have ended."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import session, session_rows, swaps
from freezer_api.db.documents import Document
from freezer_api.db.models import Job, JobAttachment, Session
from freezer_api.domain import runs

# Parts as :func:`runs.tally` tells them apart.
_RUNS = sa.and_(
    JobAttachment.session_status == runs.RUNNING, JobAttachment.run_tag.is_not(None)
)
_ENDED = sa.and_(
    JobAttachment.session_status == runs.COMPLETED, JobAttachment.run_tag == Session.session_tag
)
_FAILED = sa.and_(
    _ENDED, sa.func.coalesce(JobAttachment.session_result, '') != runs.SUCCESS
)

_RUN = (
    Session.project_id,
    Session.id,
    Session.status,
    Session.result,
    Session.session_tag,
    Session.hold_off,
    Session.time_start,
    Session.time_end,
    Session.version,
)


def _by_session(statement: Any) -> Any:
    """The statement, told by which index it finds the parts of a session."""
    for dialect in ('mysql', 'mariadb'):
        statement = statement.with_hint(
            JobAttachment, 'FORCE INDEX (ix_job_attachments_session)', dialect
        )
    return statement


# Sessions with the numbers of their parts, which may be thousands; of completed ones nothing depends on them.
_TALLIED = _by_session(
    sa.select(
        *_RUN,
        sa.func.count(JobAttachment.job_id).label('parts'),
        *(
            sa.func.count(sa.case((clause, 1))).label(name)
            for name, clause in (('running', _RUNS), ('ended', _ENDED), ('failed', _FAILED))
        ),
    )
    .outerjoin(
        JobAttachment,
        sa.and_(
            Session.status != runs.COMPLETED,
            JobAttachment.project_id == Session.project_id,
            JobAttachment.session_id == Session.id,
        ),
    )
    .group_by(*_RUN)
)


def _any(clause: Any) -> Any:
    """1 if a part of the session is like that; in a WHERE, MariaDB would read the parts of all sessions for it."""
    found: Any = sa.select(sa.literal_column('1')).where(
        JobAttachment.project_id == Session.project_id,
        JobAttachment.session_id == Session.id,
        clause,
    )
    return sa.func.coalesce(
        _by_session(found).limit(1).correlate(Session).scalar_subquery(), sa.literal_column('0')
    )


# Sessions that run, or seem to, and what tells it. The rest of the parts matters only while jobs may join.
_AGE = sa.bindparam('now', type_=sa.BigInteger) - Session.time_start
_IS_CLOSED = sa.and_(
    Session.time_start >= 0,
    # PostgreSQL refuses what is beyond 64 bits, and may begin with either condition.
    sa.case((Session.time_start >= 0, _AGE), else_=0) > Session.hold_off,
)
_RUNNING = sa.select(
    *_RUN,
    _any(_RUNS).label('running'),
    *(
        sa.case((_IS_CLOSED, sa.literal_column('0')), else_=_any(clause)).label(name)
        for name, clause in (
            ('absent', sa.case((sa.or_(_RUNS, _ENDED), 0), else_=1) == 1),
            ('ended', _ENDED),
        )
    ),
).where(Session.project_id == sa.bindparam('project_id'), Session.status == runs.RUNNING)
for _dialect in ('mysql', 'mariadb'):
    _RUNNING = _RUNNING.with_hint(Session, 'FORCE INDEX (ix_sessions_status)', _dialect)

# Sessions completed by one transaction for being overdue.
_BATCH = 100


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
    reported = {
        'session_status': runs.COMPLETED,
        'session_result': request.result,
        'session_time_ended': now,
        # It ends the run that it joined: this one, or an earlier one, also when the agent reports an end once more.
        'run_tag': sa.func.coalesce(JobAttachment.run_tag, row.session_tag),
    }
    _report(context, row, request.job_id, reported)
    settle(context, [row.id])


def to_part(row: Any, change: Mapping[str, Any] = MappingProxyType({})) -> runs.Part:
    """The part of a job by its row.

    :param change: columns that are going to be others
    """
    status, result, run_tag = (
        change.get(name, getattr(row, name))
        for name in ('session_status', 'session_result', 'run_tag')
    )
    return runs.Part(status or '', result or '', run_tag)


def conclusion(status: str, run: runs.Run, tally: runs.Tally) -> Document:
    """What changes in a session with its parts: nothing while its run goes on, or is over already."""
    if status == runs.COMPLETED:
        return {}
    now = session.seconds()
    result = runs.conclude(run, tally, now)
    if result is None:
        return {}
    return {'status': runs.COMPLETED, 'result': result, 'time_end': now}


def is_overdue(row: Any, parts: Iterable[Any]) -> bool:
    """Whether a run is over that nobody has looked at since jobs may no longer join it.

    :param parts: rows of the jobs of the session
    """
    if row.status != runs.RUNNING:
        return False
    tally = runs.tally(row.session_tag, map(to_part, parts))
    return bool(conclusion(row.status, _run(row), tally))


@session.reader
def find_overdue(context: RequestContext) -> list[str]:
    """The sessions of the scope whose runs are overdue, all of them."""
    scope = context.scope
    now = session.seconds()
    statement = _RUNNING
    if scope.user_id is not None:
        statement = statement.where(Session.user_id == scope.user_id)
    values = {'project_id': scope.project_id, 'now': now}
    return [
        row.id
        for row in context.connection.execute(statement, values)
        if runs.conclude(_run(row), runs.Tally(row.running, row.absent, row.ended, 0), now)
    ]


def end_overdue(context: RequestContext, session_ids: Sequence[str]) -> None:
    """Complete sessions whose runs are overdue; they ended when no job could join them any more.

    There may be many after a migration, so each transaction takes some.
    """
    for start in range(0, len(session_ids), _BATCH):
        _end_overdue(context, session_ids[start : start + _BATCH])


@session.retry
@session.writer
def _end_overdue(context: RequestContext, session_ids: Sequence[str]) -> None:
    settle(context, session_ids, overdue=True)


def settle(
    context: RequestContext, session_ids: Collection[str], overdue: bool = False
) -> None:
    """Look again whether runs are over, after parts have changed, or jobs have left.

    It raises the versions of all these sessions, so that of two who do this at once one sees what the other did.

    :param overdue: time alone has passed: only sessions that complete change
    """
    if not session_ids:
        return
    statement = _TALLIED.where(
        Session.project_id == context.scope.project_id, Session.id.in_(session_ids)
    )
    found = {row.id: row for row in context.connection.execute(statement)}
    changes = {session_id: _conclusion(row) for session_id, row in found.items()}
    if overdue:
        changes = {session_id: change for session_id, change in changes.items() if change}
        for session_id, change in changes.items():
            row = found[session_id]
            change['time_end'] = min(row.time_start + row.hold_off, change['time_end'])
    swaps.many(context, Session, found, changes)


def _conclusion(row: Any) -> Document:
    """What changes in a session by its row with numbers of parts."""
    absent = row.parts - row.running - row.ended
    tally = runs.Tally(row.running, absent, row.ended, row.failed)
    return conclusion(row.status, _run(row), tally)
