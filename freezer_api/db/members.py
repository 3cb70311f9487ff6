# SPDX-License-Identifier: Apache-2.0
"""Jobs as members of sessions: who is in, and the schedule that they take over."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import search, session, session_rows, session_runs
from freezer_api.db.documents import Document, dump, load, without
from freezer_api.db.models import Job, JobAttachment

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


def store_part(context: RequestContext, row: Any, job_id: str, part: Document) -> None:
    """Take the part of a job of the session as a caller wrote it."""
    result = context.connection.execute(
        sa.update(JobAttachment)
        .where(
            JobAttachment.project_id == row.project_id,
            JobAttachment.job_id == job_id,
            JobAttachment.session_id == row.id,
        )
        .values(**from_part(part), version=JobAttachment.version + 1)
    )
    session.swapped(result)


def let_in(
    context: RequestContext, row: Any, job_id: str, part: Document, tag: int, schedule: Document
) -> None:
    """Attach a job that a caller wrote among the session's, with the part as it was written.

    :param tag: of the session, as it is going to be
    :param schedule: of the session, as it is going to be
    :raises BadRequest: no such job
    """
    try:
        job = _move(context, row, job_id, tag, **from_part(part))
    except exceptions.NotFound:
        raise exceptions.BadRequest('jobs names a job that does not exist.') from None
    _take_over(context, row, job, schedule)


def from_part(part: Document) -> Document:
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


def pass_on_schedule(
    context: RequestContext, row: Any, stored: Document, schedule: Document
) -> None:
    """Change in the jobs' schedules what has changed in the session's."""
    old, new = _definition(stored), _definition(schedule)
    removed = old.keys() - new.keys()
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    if not removed and not changed:
        return
    touch_jobs(context, row)
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


def touch_jobs(context: RequestContext, row: Any, **values: Any) -> None:
    """Raise the version of a session's jobs, so that nobody else writes them meanwhile."""
    context.connection.execute(
        sa.update(JobAttachment)
        .where(JobAttachment.project_id == row.project_id, JobAttachment.session_id == row.id)
        .values(**values, version=JobAttachment.version + 1)
    )


def clear(context: RequestContext, project_id: str, members: Any, **values: Any) -> int:
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
def attach(context: RequestContext, session_id: str, job_id: str) -> None:
    """Put a job into a session, out of the one that it is in; it takes over the session's schedule.

    :raises NotFound: no such session, or job
    """
    row = session_rows.select(context, session_id, lock=True)
    session_rows.swap(context, row, {})
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
        row = session_rows.select(context, session_id, lock=True)
    except exceptions.NotFound:
        raise exceptions.BadRequest('session_id names no session.') from None
    session_rows.swap(context, row, {})
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
        session_runs.settle(context, job.session_id)
    return job


@session.retry
@session.writer
def detach(context: RequestContext, session_id: str, job_id: str) -> None:
    """Take a job out of a session and ask its agent to stop it; nothing happens if it is not in this session.

    :raises NotFound: no such session, or job
    """
    # Session before job, as all the others do: fewer deadlocks.
    session_rows.select(context, session_id, lock=True)
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
    clear(
        context,
        context.scope.project_id,
        sa.and_(JobAttachment.job_id == job_id, JobAttachment.session_id == session_id),
        session_tag=0,
        event='stop',
    )
    session_runs.settle(context, session_id)


def leave(context: RequestContext, job_id: str) -> None:
    """Take a job out of its session, within the transaction of the job."""
    statement = sa.select(JobAttachment.session_id).where(
        JobAttachment.project_id == context.scope.project_id, JobAttachment.job_id == job_id
    )
    session_id = context.connection.execute(statement).scalar()
    if session_id is not None:
        clear(context, context.scope.project_id, JobAttachment.job_id == job_id, session_tag=0)
        session_runs.settle(context, session_id)
