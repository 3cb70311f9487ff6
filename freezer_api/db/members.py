# SPDX-License-Identifier: Apache-2.0
"""Jobs as members of sessions: who is in, and the schedule that they take over."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import search, session, session_rows, session_runs, swaps
from freezer_api.db.documents import Document, dump, load, without
from freezer_api.db.models import Job, JobAttachment
from freezer_api.domain import reports, runs, schedules

# Of a job in no session.
OUTSIDE: Document = {
    'session_id': None,
    'session_tag': 0,
    'attached_at': None,
    'run_tag': None,
    'session_client_id': None,
    'session_status': None,
    'session_result': None,
    'session_time_started': None,
    'session_time_ended': None,
}

_SAME = sa.and_(Job.project_id == JobAttachment.project_id, Job.id == JobAttachment.job_id)

# A job with all that changes with its session.
_SELECT = sa.select(
    JobAttachment.project_id,
    JobAttachment.job_id,
    *(getattr(JobAttachment, name) for name in OUTSIDE),
    JobAttachment.client_id,
    JobAttachment.status,
    JobAttachment.result,
    JobAttachment.time_started,
    JobAttachment.time_ended,
    JobAttachment.version,
    JobAttachment.former,
    Job.description,
    Job.session_name,
    Job.scheduling,
    Job.user_id,
).join(Job, _SAME)


class Members:
    """Jobs of a session and jobs to join it, and what is to become of them.

    :meth:`write` takes one statement for their state and one for their schedules, of a hundred jobs each.

    :param session_id: the session; None if jobs leave theirs and join none
    :param found: rows from :func:`select`
    """

    def __init__(
        self, context: RequestContext, session_id: str | None, found: Mapping[str, Any]
    ) -> None:
        self._sees = context.scope.sees
        self._session_id = session_id
        self._rows = found
        self._changes: dict[str, Document] = {}
        self._schedules: dict[str, Document] = {}

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._changes)

    @property
    def left(self) -> set[str]:
        """The sessions that a job goes out of."""
        return {
            self._rows[job_id].session_id
            for job_id, change in self._changes.items()
            if 'session_id' in change
        } - {None}

    def parts(self) -> list[runs.Part]:
        """The parts of all that will be in the session, as they will be."""
        return [
            session_runs.to_part(row, self._changes.get(job_id, {}))
            for job_id, row in self._rows.items()
            if self._is_in(job_id)
        ]

    def become(self, parts: Document, tag: int, schedule: Document) -> None:
        """Let the session have these jobs and no others, with their parts as a caller wrote them.

        :param parts: by job id
        :param tag: of the session, as it is going to be
        :param schedule: of the session, as it is going to be
        :raises NotFound: a job is not among the rows
        """
        for job_id, part in parts.items():
            row = self._rows.get(job_id)
            view = from_part(part)
            if row is None or row.session_id != self._session_id or not self._sees(row):
                self.join(job_id, tag, schedule, **view)
            elif view != {name: _or_none(getattr(row, name)) for name in view}:
                self._changes[job_id] = view
        for job_id, row in self._rows.items():
            if row.session_id == self._session_id and job_id not in parts and self._sees(row):
                self.leave(job_id)

    def join(self, job_id: str, tag: int, schedule: Document, **part: Any) -> None:
        """Let a job come in; it takes over the schedule.

        :param part: the session's view of the job, where it is not the job's state
        :raises NotFound: the job is not among the rows
        """
        row = self._rows.get(job_id)
        if row is None or not self._sees(row):
            raise exceptions.NotFound('There is no such job.')
        # One after the other, which is their order in the session.
        now = session.microseconds() + len(self._changes)
        self._changes[job_id] = {**_joining(self._session_id, tag, row._mapping, now), **part}
        self._schedules[job_id] = {**load(row.scheduling), **schedules.definition(schedule)}

    def leave(self, job_id: str, **values: Any) -> None:
        """Let a job go out.

        :param values: columns of the job to change besides
        """
        self._changes[job_id] = {**OUTSIDE, **values}

    def set_tag(self, tag: int) -> None:
        """Give all that are in the session its tag."""
        for job_id in filter(self._is_in, self._rows):
            self._changes.setdefault(job_id, {})['session_tag'] = tag

    def reschedule(self, before: Document, after: Document) -> None:
        """Change in the jobs' schedules what changes in the session's."""
        old, new = schedules.definition(before), schedules.definition(after)
        if old == new:
            return
        removed = old.keys() - new.keys()
        changed = {key: value for key, value in new.items() if old.get(key) != value}
        for job_id in filter(self._is_in, self._rows):
            if job_id in self._schedules:
                # It joins, and what it never had of the session is its own.
                continue
            schedule = load(self._rows[job_id].scheduling)
            self._schedules[job_id] = {**without(schedule, removed), **changed}
            # The version of a job is that of its schedule too.
            self._changes.setdefault(job_id, {})

    def write(self, context: RequestContext) -> None:
        """Store all this, and look again whether the runs of other sessions that jobs came from are over.

        :raises BadRequest: no agent could run the schedule that a job would get
        :raises RetryRequest: somebody else changed a job meanwhile
        """
        self._check_schedules(context)
        swaps.many(context, JobAttachment, self._rows, self._changes)
        self._write_schedules(context)
        session_runs.settle(context, self.left - {self._session_id})

    def _is_in(self, job_id: str) -> bool:
        stored = self._rows[job_id].session_id
        return bool(self._changes.get(job_id, {}).get('session_id', stored) == self._session_id)

    def _check_schedules(self, context: RequestContext) -> None:
        """Make sure that agents can run the schedules, and remember those that they replace."""
        for job_id, schedule in self._schedules.items():
            row = self._rows[job_id]
            before = load(row.scheduling)
            context.schedules.check(f'job {job_id}', schedule, before, passed_on=True)
            former = former_of(row)
            replaced = reports.remember(
                former, {'job_schedule': before}, {'job_schedule': schedule}
            )
            if replaced != former:
                self._changes.setdefault(job_id, {})['former'] = dump(replaced)

    def _write_schedules(self, context: RequestContext) -> None:
        changes: dict[str, Document] = {}
        for job_id, schedule in self._schedules.items():
            row = self._rows[job_id]
            text = dump(schedule)
            if text != row.scheduling:
                found = text_of_job(row.description, row.session_name, schedule)
                changes[job_id] = {'scheduling': text, 'search_text': found}
        for batch in swaps.batches(changes):
            values = {
                name: swaps.by_id(Job.id, {job_id: batch[job_id][name] for job_id in batch})
                for name in ('scheduling', 'search_text')
            }
            context.connection.execute(
                sa.update(Job)
                .where(Job.project_id == context.scope.project_id, Job.id.in_(batch))
                .values(**values)
            )


def select(
    context: RequestContext, session_id: str | None, named: Collection[str] = ()
) -> dict[str, Any]:
    """The rows of a session's jobs, in the order in which they were attached, and of others that are named, by job id.

    Nothing is locked at first: who changes them compares their versions. Whoever lost that race once locks them, for
    among thousands there is always one whose agent reports meanwhile.

    :param session_id: None for those named alone
    """
    scope = context.scope
    arms: list[Any] = []
    if session_id is not None:
        arms.append(JobAttachment.session_id == session_id)
    if named:
        theirs: Any = JobAttachment.job_id.in_(named)
        if scope.user_id is not None:
            theirs = sa.and_(theirs, Job.user_id == scope.user_id)
        arms.append(theirs)
    if context.tries > 1:
        for arm in arms:
            context.connection.execute(
                sa.select(JobAttachment.job_id)
                .join(Job, _SAME)
                .where(JobAttachment.project_id == scope.project_id, arm)
                .order_by(JobAttachment.job_id)
                .with_for_update(of=JobAttachment)
            )
    # Joined by OR, they would make MariaDB look at all jobs of the project.
    statement = sa.union_all(
        *(_SELECT.where(JobAttachment.project_id == scope.project_id, arm) for arm in arms)
    )
    found = sorted(
        context.connection.execute(statement), key=lambda row: (row.attached_at or 0, row.job_id)
    )
    return {row.job_id: row for row in found}


def _joining(session_id: str | None, tag: int, job: Mapping[str, Any], now: int) -> Document:
    """The columns of a job that comes into a session, whose view of it is the job's state."""
    return {
        'session_id': session_id,
        'session_tag': tag,
        'attached_at': now,
        'run_tag': None,
        'session_client_id': job['client_id'],
        'session_status': job['status'] or None,
        'session_result': job['result'] or None,
        'session_time_started': job['time_started'],
        'session_time_ended': job['time_ended'],
    }


def from_part(part: Document) -> Document:
    """The columns that a session's view of a job fills."""
    return {
        'session_client_id': part.get('client_id') or None,
        'session_status': part.get('status') or None,
        'session_result': part.get('result') or None,
        'session_time_started': _or_none(part.get('time_started')),
        'session_time_ended': _or_none(part.get('time_ended')),
    }


def _or_none(value: Any) -> Any:
    return None if value == '' else value


def former_of(row: Any) -> tuple[str, ...]:
    """The digests of the parts of a job that were replaced."""
    return tuple(load(row.former)) if row.former else ()


def text_of_job(description: str | None, session_name: str | None, schedule: Document) -> str:
    """What ``_all`` looks through in a job, apart from its entries."""
    return search.text_of(description, session_name, schedule)


@session.retry
@session.writer
def attach(context: RequestContext, session_id: str, job_id: str) -> None:
    """Put a job into a session, out of the one that it is in; it takes over the session's schedule.

    Nothing happens if it takes part in the session's present run: its result would be lost.

    :raises NotFound: no such session, or job
    """
    row = session_rows.select(context, session_id, lock=True)
    found = select(context, None, [job_id])
    job = found.get(job_id)
    if (
        job is not None
        and (job.session_id, job.run_tag) == (session_id, row.session_tag)
        and row.status == runs.RUNNING
    ):
        return
    members = Members(context, session_id, found)
    members.join(job_id, row.session_tag, load(row.scheduling))
    session_rows.swap(context, row, {})
    members.write(context)


@session.retry
@session.writer
def detach(context: RequestContext, session_id: str, job_id: str) -> None:
    """Take a job out of a session and ask its agent to stop it; nothing happens if it is not in this session.

    :raises NotFound: no such session, or job
    """
    # Session before job, as all the others do: fewer deadlocks.
    session_rows.select(context, session_id, lock=True)
    found = select(context, None, [job_id])
    if job_id not in found:
        raise exceptions.NotFound('There is no such job.')
    if found[job_id].session_id != session_id:
        return
    members = Members(context, None, found)
    members.leave(job_id, event='stop')
    members.write(context)


def admit(context: RequestContext, session_id: str, job: Mapping[str, Any]) -> Document:
    """The columns of a new job whose document names the session, within the transaction of the job.

    :param job: its other columns
    :raises BadRequest: no such session
    """
    row = _enter(context, session_id)
    return _joining(session_id, row.session_tag, job, session.microseconds())


def join(context: RequestContext, session_id: str, job_id: str) -> None:
    """Put a stored job whose document names the session into it, within the transaction of the job.

    :raises BadRequest: no such session
    """
    row = _enter(context, session_id)
    members = Members(context, session_id, select(context, None, [job_id]))
    members.join(job_id, row.session_tag, {})
    members.write(context)


def _enter(context: RequestContext, session_id: str) -> Any:
    try:
        row = session_rows.select(context, session_id, lock=True)
    except exceptions.NotFound:
        raise exceptions.BadRequest('session_id names no session.') from None
    session_rows.swap(context, row, {})
    return row


def leave(context: RequestContext, job_id: str) -> None:
    """Take a job out of the session that it is in, within the transaction of the job."""
    found = select(context, None, [job_id])
    members = Members(context, None, found)
    members.leave(job_id)
    members.write(context)


def dissolve(context: RequestContext, row: Any) -> None:
    """Take all jobs out of a session, which is going to be deleted."""
    context.connection.execute(
        sa.update(JobAttachment)
        .where(JobAttachment.project_id == row.project_id, JobAttachment.session_id == row.id)
        .values(
            **OUTSIDE, updated_at=session.microseconds(), version=JobAttachment.version + 1
        )
    )
