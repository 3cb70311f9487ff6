# SPDX-License-Identifier: Apache-2.0
"""Sessions: groups of jobs that run together.

A session's view of a job lies in the job's attachment, one row each. Whoever changes a part also raises the version of
the session by compare-and-swap, so of two jobs that end at once the second one sees what the first one wrote.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import search, session
from freezer_api.db.documents import Document, dump, load, without
from freezer_api.db.models import Job, JobAttachment, Session
from freezer_api.domain import runs

HOLD_OFF = 30

_TIMES = ('time_start', 'time_end', 'time_started', 'time_ended')
_OWN = (
    'session_id',
    'project_id',
    'user_id',
    'description',
    'session_tag',
    'hold_off',
    'status',
    'result',
    *_TIMES,
    'schedule',
    'jobs',
    'version',
    '_version',
)

_INDEX = search.Index(
    key=(Session.project_id, Session.id),  # type: ignore[arg-type]
    order=(Session.created_at, Session.id),  # type: ignore[arg-type]
    columns={
        'session_id': Session.id,
        'project_id': Session.project_id,
        'user_id': Session.user_id,
        'description': Session.description,
        'session_tag': Session.session_tag,
        'hold_off': Session.hold_off,
        'status': Session.status,
        'result': Session.result,
        **{name: getattr(Session, name) for name in _TIMES},
    },
    exact=('session_id',),
    texts=(Session.id, Session.status, Session.result, Session.search_text),
    other=search.in_documents(Session.document, Session.scheduling),  # type: ignore[arg-type]
    containers=('schedule',),
)

_SERVED = {
    'session_id': 'PRIMARY',
    'user_id': 'ix_sessions_list_user',
    'status': 'ix_sessions_status',
}

_SHOWN = [
    column
    for column in Session.__table__.c
    if column.name not in ('search_text', 'policy', 'created_at', 'updated_at')
]

_PART = (
    JobAttachment.project_id,
    JobAttachment.job_id,
    JobAttachment.session_id,
    JobAttachment.attached_at,
    JobAttachment.run_tag,
    JobAttachment.session_client_id,
    JobAttachment.session_status,
    JobAttachment.session_result,
    JobAttachment.session_time_started,
    JobAttachment.session_time_ended,
)

# Made once: for SQLAlchemy it is more work to make a statement than to send it.
_SELECT_ONE = sa.select(*_SHOWN).where(
    Session.project_id == sa.bindparam('project_id'), Session.id == sa.bindparam('session_id')
)
_SELECT_PARTS = sa.select(*_PART).where(
    JobAttachment.project_id == sa.bindparam('project_id'),
    JobAttachment.session_id.in_(sa.bindparam('session_ids', expanding=True)),
)

_DETACHED: Document = {
    'session_id': None,
    'attached_at': None,
    'run_tag': None,
    'session_client_id': None,
    'session_status': None,
    'session_result': None,
    'session_time_started': None,
    'session_time_ended': None,
}


def _to_document(row: Any, parts: Iterable[Any]) -> Document:
    return {
        **load(row.document),
        'session_id': row.id,
        'project_id': row.project_id,
        'user_id': row.user_id,
        'description': row.description,
        'session_tag': row.session_tag,
        'hold_off': row.hold_off,
        'status': row.status,
        'result': row.result,
        **{name: getattr(row, name) for name in _TIMES},
        'schedule': load(row.scheduling),
        'jobs': {part.job_id: _to_part(part) for part in parts},
    }


def _to_part(row: Any) -> Document:
    return {
        'client_id': row.session_client_id or '',
        'status': row.session_status or '',
        'result': row.session_result or '',
        'time_started': '' if row.session_time_started is None else row.session_time_started,
        'time_ended': '' if row.session_time_ended is None else row.session_time_ended,
    }


def _to_values(document: Document) -> Document:
    extras = without(document, _OWN)
    schedule = document.get('schedule') or {}
    description = document.get('description')
    hold_off = document.get('hold_off')
    return {
        'description': description,
        'scheduling': dump(schedule),
        'session_tag': document.get('session_tag') or 0,
        'hold_off': HOLD_OFF if hold_off is None else hold_off,
        'status': document.get('status') or 'active',
        'result': document.get('result'),
        **{name: _or_never(document.get(name)) for name in _TIMES},
        'document': dump(extras),
        'search_text': search.text_of(description, schedule, extras),
    }


def _or_never(value: int | None) -> int:
    return -1 if value is None else value


def _owned(context: RequestContext) -> list[Any]:
    scope = context.scope
    clauses: list[Any] = [Session.project_id == scope.project_id]
    if scope.user_id is not None:
        clauses.append(Session.user_id == scope.user_id)
    return clauses


def _select(context: RequestContext, session_id: str, lock: bool = False) -> Any:
    """The row of a session.

    :param lock: queue up behind other writers of it; spares most repetitions, guarantees nothing on a cluster
    """
    scope = context.scope
    statement = _SELECT_ONE
    if scope.user_id is not None:
        statement = statement.where(Session.user_id == scope.user_id)
    if lock:
        statement = statement.with_for_update()
    values = {'project_id': scope.project_id, 'session_id': session_id}
    row = context.connection.execute(statement, values).first()
    if row is None:
        raise exceptions.NotFound('There is no such session.')
    return row


def _parts(context: RequestContext, keys: list[tuple[str, str]]) -> dict[str, list[Any]]:
    """The parts of sessions by session id, in the order in which the jobs were attached."""
    if not keys:
        return {}
    values = {'project_id': keys[0][0], 'session_ids': [session_id for _, session_id in keys]}
    found: dict[str, list[Any]] = defaultdict(list)
    # Sorted here: the index has them in the order of lists, for searches.
    for part in sorted(
        context.connection.execute(_SELECT_PARTS, values),
        key=lambda row: (row.attached_at or 0, row.job_id),
    ):
        found[part.session_id].append(part)
    return found


def _parts_of(context: RequestContext, row: Any) -> list[Any]:
    return _parts(context, [(row.project_id, row.id)]).get(row.id, [])


def _swap(context: RequestContext, row: Any, values: Document) -> None:
    """Update a session whose version is still the row's."""
    result = context.connection.execute(
        sa.update(Session)
        .where(
            Session.project_id == row.project_id,
            Session.id == row.id,
            Session.version == row.version,
        )
        .values(**values, updated_at=session.microseconds(), version=row.version + 1)
    )
    session.swapped(result)


@session.reader
def find(context: RequestContext, wanted: search.Search, page: search.Page) -> list[Document]:
    """One page of sessions, oldest first."""
    listing = search.Listing(sa.and_(*_owned(context)), 'ix_sessions_list', _SERVED)
    keys = search.keys(_INDEX, [listing], wanted, page)
    statement = (
        sa.select(*_SHOWN)
        .join(keys, sa.and_(keys.c.project_id == Session.project_id, keys.c.id == Session.id))
        .order_by(*search.in_order(keys))
    )
    rows = list(context.connection.execute(statement))
    parts = _parts(context, [(row.project_id, row.id) for row in rows])
    return [_to_document(row, parts.get(row.id, [])) for row in rows]


@session.reader
def get(context: RequestContext, session_id: str) -> tuple[Document, int]:
    """A session and its version.

    :raises NotFound: no such session
    """
    row = _select(context, session_id)
    return _to_document(row, _parts_of(context, row)), row.version


@session.retry
@session.writer
def create(context: RequestContext, session_id: str, document: Document) -> None:
    """Store a session without jobs."""
    _insert(context, session_id, {**document, 'status': 'active'})


def _insert(context: RequestContext, session_id: str, document: Document) -> None:
    now = session.microseconds()
    try:
        context.connection.execute(
            sa.insert(Session).values(
                project_id=context.scope.project_id,
                id=session_id,
                user_id=context.owner_id,
                created_at=now,
                updated_at=now,
                version=1,
                **_to_values(document),
            )
        )
    except db_exception.DBDuplicateEntry:
        raise exceptions.Conflict('The project has a session with this id.') from None


@session.retry
@session.writer
def update(
    context: RequestContext,
    session_id: str,
    change: Callable[[Document], Document],
    expected: int | None,
) -> int:
    """Change a session, and the schedule of its jobs with its own; return its version.

    :param change: makes the new document of the stored one; may run more than once
    :raises NotFound: no such session
    :raises BadRequest: ``jobs`` names a job that the project does not have
    :raises PreconditionFailed: its version is not the expected one
    """
    row = _select(context, session_id, lock=True)
    session.check_version(expected, row.version)
    parts = _parts_of(context, row)
    stored = _to_document(row, parts)
    return _write(context, row, stored, change(stored))


def _write(context: RequestContext, row: Any, stored: Document, document: Document) -> int:
    values = _to_values(document)
    joined = {
        job_id: part
        for job_id, part in document['jobs'].items()
        if job_id not in stored['jobs'] or _from_part(part) != _from_part(stored['jobs'][job_id])
    }
    left = stored['jobs'].keys() - document['jobs'].keys()
    if _to_values(stored) == values and not joined and not left:
        version: int = row.version
        return version
    _swap(context, row, values)
    for job_id, part in joined.items():
        if job_id in stored['jobs']:
            _store_part(context, row, job_id, part)
        else:
            _let_in(context, row, job_id, part, values['session_tag'], document['schedule'])
    if left:
        _clear(context, row.project_id, JobAttachment.job_id.in_(left), session_tag=0)
        settle(context, row.id)
    if values['session_tag'] < row.session_tag:
        # A job with a greater tag than its session's could never start again.
        _touch_jobs(context, row, session_tag=values['session_tag'])
    _pass_on_schedule(context, row, stored['schedule'], document['schedule'])
    return int(row.version) + (2 if left else 1)


def _store_part(context: RequestContext, row: Any, job_id: str, part: Document) -> None:
    """Take the part of a job of the session as a caller wrote it."""
    result = context.connection.execute(
        sa.update(JobAttachment)
        .where(
            JobAttachment.project_id == row.project_id,
            JobAttachment.job_id == job_id,
            JobAttachment.session_id == row.id,
        )
        .values(**_from_part(part), version=JobAttachment.version + 1)
    )
    session.swapped(result)


def _let_in(
    context: RequestContext, row: Any, job_id: str, part: Document, tag: int, schedule: Document
) -> None:
    """Attach a job that a caller wrote among the session's, with the part as it was written.

    :param tag: of the session, as it is going to be
    :param schedule: of the session, as it is going to be
    :raises BadRequest: no such job
    """
    try:
        job = _move(context, row, job_id, tag, **_from_part(part))
    except exceptions.NotFound:
        raise exceptions.BadRequest('jobs names a job that does not exist.') from None
    _take_over(context, row, job, schedule)


def _from_part(part: Document) -> Document:
    return {
        'session_client_id': part.get('client_id') or None,
        'session_status': part.get('status') or None,
        'session_result': part.get('result') or None,
        'session_time_started': _number(part.get('time_started')),
        'session_time_ended': _number(part.get('time_ended')),
    }


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _definition(schedule: Document) -> Document:
    """The part of a session's schedule that its jobs take over."""
    return {key: value for key, value in schedule.items() if key.startswith('schedule_')}


def text_of_job(description: str | None, session_name: str | None, schedule: Document) -> str:
    """What ``_all`` looks through in a job, apart from its entries."""
    return search.text_of(description, session_name, schedule)


def _reschedule(
    context: RequestContext,
    project_id: str,
    jobs: Sequence[Any],
    change: Callable[[Document], Document],
) -> None:
    """Change the schedules of jobs, given as their locked rows."""
    schedules = {job.id: change(load(job.scheduling)) for job in jobs}
    texts = {
        job.id: text_of_job(job.description, job.session_name, schedules[job.id]) for job in jobs
    }
    if any(dump(schedules[job.id]) != job.scheduling for job in jobs):
        dumped = {job_id: dump(schedule) for job_id, schedule in schedules.items()}
        context.connection.execute(
            sa.update(Job)
            .where(Job.project_id == project_id, Job.id.in_(schedules))
            .values(
                scheduling=sa.case(dumped, value=Job.id),
                search_text=sa.case(texts, value=Job.id),
            )
        )


def _pass_on_schedule(
    context: RequestContext, row: Any, stored: Document, schedule: Document
) -> None:
    """Change in the jobs' schedules what has changed in the session's."""
    old, new = _definition(stored), _definition(schedule)
    removed = old.keys() - new.keys()
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    if not removed and not changed:
        return
    _touch_jobs(context, row)
    jobs = sa.select(JobAttachment.job_id).where(
        JobAttachment.project_id == row.project_id, JobAttachment.session_id == row.id
    )
    # Locked, and not from the snapshot: a job may have changed since the transaction began.
    statement = (
        sa.select(Job.id, Job.description, Job.session_name, Job.scheduling)
        .where(Job.project_id == row.project_id, Job.id.in_(jobs))
        .with_for_update()
    )
    _reschedule(
        context,
        row.project_id,
        context.connection.execute(statement).all(),
        lambda text: {**without(text, removed), **changed},
    )


def _touch_jobs(context: RequestContext, row: Any, **values: Any) -> None:
    """Raise the version of a session's jobs, so that nobody else writes them meanwhile."""
    context.connection.execute(
        sa.update(JobAttachment)
        .where(JobAttachment.project_id == row.project_id, JobAttachment.session_id == row.id)
        .values(**values, version=JobAttachment.version + 1)
    )


@session.retry
@session.writer
def replace(
    context: RequestContext, session_id: str, document: Document, expected: int | None
) -> int:
    """Store the session under the id, in place of the one that is there; return its version.

    ``jobs`` decides which jobs belong to it; without the key they stay.

    :raises BadRequest: ``jobs`` names a job that the project does not have
    :raises Conflict: v1: the session belongs to another user of the project
    :raises PreconditionFailed: its version is not the expected one
    """
    try:
        row = _select(context, session_id, lock=True)
    except exceptions.NotFound:
        session.check_version(expected, 0)
        _insert(context, session_id, document)
        row = _select(context, session_id)
        for job_id, part in (document.get('jobs') or {}).items():
            _let_in(context, row, job_id, part, row.session_tag, document['schedule'])
        return 1
    session.check_version(expected, row.version)
    stored = _to_document(row, _parts_of(context, row))
    jobs: Document = document['jobs'] if 'jobs' in document else stored['jobs']
    return _write(context, row, stored, {**document, 'jobs': jobs})


def _clear(context: RequestContext, project_id: str, members: Any, **values: Any) -> int:
    """Take jobs out of their session."""
    result = context.connection.execute(
        sa.update(JobAttachment)
        .where(JobAttachment.project_id == project_id, members)
        .values(
            **_DETACHED,
            **values,
            updated_at=session.microseconds(),
            version=JobAttachment.version + 1,
        )
    )
    return int(result.rowcount)


@session.retry
@session.writer
def delete(context: RequestContext, session_id: str, expected: int | None) -> bool:
    """Delete a session; its jobs stay, without one. Tell whether it was there.

    :raises PreconditionFailed: its version is not the expected one
    """
    try:
        row = _select(context, session_id, lock=True)
    except exceptions.NotFound:
        return False
    session.check_version(expected, row.version)
    _clear(context, row.project_id, JobAttachment.session_id == row.id, session_tag=0)
    try:
        result = context.connection.execute(
            sa.delete(Session).where(
                Session.project_id == row.project_id,
                Session.id == row.id,
                Session.version == row.version,
            )
        )
    except db_exception.DBReferenceError:
        # A job was attached meanwhile.
        raise session.lost_race() from None
    session.swapped(result)
    return True


@session.retry
@session.writer
def attach(context: RequestContext, session_id: str, job_id: str) -> None:
    """Put a job into a session, out of the one that it is in; it takes over the session's schedule.

    :raises NotFound: no such session, or job
    """
    row = _select(context, session_id, lock=True)
    _swap(context, row, {})
    job = _move(context, row, job_id, row.session_tag)
    _take_over(context, row, job, load(row.scheduling))


def _take_over(context: RequestContext, row: Any, job: Any, schedule: Document) -> None:
    """Merge the schedule of a session into that of its job."""
    _reschedule(context, row.project_id, [job], lambda own: {**own, **_definition(schedule)})


def join(context: RequestContext, session_id: str, job_id: str) -> None:
    """Put a job whose document names the session into it, within the transaction of the job.

    :raises BadRequest: no such session
    """
    try:
        row = _select(context, session_id, lock=True)
    except exceptions.NotFound:
        raise exceptions.BadRequest('session_id names no session.') from None
    _swap(context, row, {})
    _move(context, row, job_id, row.session_tag)


def _move(context: RequestContext, row: Any, job_id: str, tag: int, **part: Any) -> Any:
    """Put a job into a session whose version was raised; return the row of the job, as it was.

    :param part: the session's view of the job, where it is not the job's state
    :raises NotFound: no such job
    """
    statement = (
        sa.select(
            JobAttachment.client_id,
            JobAttachment.status,
            JobAttachment.result,
            JobAttachment.time_started,
            JobAttachment.time_ended,
            JobAttachment.session_id,
            JobAttachment.version,
            Job.id,
            Job.description,
            Job.session_name,
            Job.scheduling,
        )
        .join(
            Job, sa.and_(Job.project_id == JobAttachment.project_id, Job.id == JobAttachment.job_id)
        )
        .where(JobAttachment.project_id == row.project_id, JobAttachment.job_id == job_id)
    )
    if context.scope.user_id is not None:
        statement = statement.where(Job.user_id == context.scope.user_id)
    job = context.connection.execute(statement).first()
    if job is None:
        raise exceptions.NotFound('There is no such job.')
    part = {
        'session_client_id': job.client_id,
        'session_status': job.status or None,
        'session_result': job.result or None,
        'session_time_started': job.time_started,
        'session_time_ended': job.time_ended,
        **part,
    }
    now = session.microseconds()
    result = context.connection.execute(
        sa.update(JobAttachment)
        .where(
            JobAttachment.project_id == row.project_id,
            JobAttachment.job_id == job_id,
            JobAttachment.version == job.version,
        )
        .values(
            **part,
            session_id=row.id,
            session_tag=tag,
            attached_at=now,
            run_tag=None,
            updated_at=now,
            version=job.version + 1,
        )
    )
    session.swapped(result)
    if job.session_id is not None and job.session_id != row.id:
        settle(context, job.session_id)
    return job


@session.retry
@session.writer
def detach(context: RequestContext, session_id: str, job_id: str) -> None:
    """Take a job out of a session and ask its agent to stop it; nothing happens if it is not in this session.

    :raises NotFound: no such session, or job
    """
    # Session before job, as all the others do: fewer deadlocks.
    _select(context, session_id, lock=True)
    statement = sa.select(JobAttachment.session_id).where(
        JobAttachment.project_id == context.scope.project_id, JobAttachment.job_id == job_id
    )
    if context.scope.user_id is not None:
        statement = statement.join(
            Job, sa.and_(Job.project_id == JobAttachment.project_id, Job.id == JobAttachment.job_id)
        ).where(Job.user_id == context.scope.user_id)
    found = context.connection.execute(statement).first()
    if found is None:
        raise exceptions.NotFound('There is no such job.')
    if found.session_id != session_id:
        return
    _clear(
        context,
        context.scope.project_id,
        sa.and_(JobAttachment.job_id == job_id, JobAttachment.session_id == session_id),
        session_tag=0,
        event='stop',
    )
    settle(context, session_id)


def leave(context: RequestContext, job_id: str) -> None:
    """Take a job out of its session, within the transaction of the job."""
    statement = sa.select(JobAttachment.session_id).where(
        JobAttachment.project_id == context.scope.project_id, JobAttachment.job_id == job_id
    )
    session_id = context.connection.execute(statement).scalar()
    if session_id is not None:
        _clear(context, context.scope.project_id, JobAttachment.job_id == job_id, session_tag=0)
        settle(context, session_id)


@session.retry
@session.writer
def run_action(context: RequestContext, session_id: str, request: runs.Request) -> Document:
    """Start or end the part of a job; return the answer.

    :raises NotFound: no such session
    :raises BadRequest: the job is not in the session, or the tag is newer than the session's
    """
    row = _select(context, session_id, lock=True)
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
    _swap(context, row, values)
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
    result = context.connection.execute(
        sa.update(JobAttachment)
        .where(
            JobAttachment.project_id == row.project_id,
            JobAttachment.job_id == job_id,
            JobAttachment.session_id == row.id,
        )
        .values(
            **values, updated_at=session.microseconds(), version=JobAttachment.version + 1
        )
    )
    if result.rowcount != 1:
        raise exceptions.BadRequest('The job is not in this session.')


def _end(context: RequestContext, row: Any, request: runs.Request, now: int) -> None:
    parts = _run_parts(context, row)
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
    _conclude(context, row, parts, now)


def _run_parts(context: RequestContext, row: Any) -> dict[str, runs.Part]:
    """The parts of a session's jobs, by job id."""
    return {
        part.job_id: runs.Part(part.session_status or '', part.session_result or '', part.run_tag)
        for part in _parts_of(context, row)
    }


def _conclude(context: RequestContext, row: Any, parts: dict[str, runs.Part], now: int) -> None:
    """Complete the session if its run is over; raise its version in any case."""
    values: Document = {}
    if row.status != runs.COMPLETED:
        result = runs.conclude(_run(row), parts.values(), now)
        if result is not None:
            values = {'status': runs.COMPLETED, 'result': result, 'time_end': now}
    _swap(context, row, values)


def settle(context: RequestContext, session_id: str) -> None:
    """Look again whether a run is over, after a job has left the session."""
    statement = sa.select(*_SHOWN).where(
        Session.project_id == context.scope.project_id, Session.id == session_id
    )
    row = context.connection.execute(statement).first()
    if row is None:
        return
    if row.status == runs.RUNNING:
        _conclude(context, row, _run_parts(context, row), session.seconds())
    else:
        _swap(context, row, {})
