# SPDX-License-Identifier: Apache-2.0
"""Sessions: groups of jobs that run together.

A session's view of a job lies in the job's attachment, one row each. Whoever changes a part also raises the version of
the session by compare-and-swap, so of two jobs that end at once the second one sees what the first one wrote.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import (
    members,
    quotas,
    search,
    session,
    session_rows,
    session_runs,
    swaps,
)
from freezer_api.db.documents import Document, dump, load, without
from freezer_api.db.models import Session
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
    key=(Session.project_id, Session.id),
    order=(Session.created_at, Session.id),
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
    other=search.in_documents(Session.document, Session.scheduling),
    containers=('schedule',),
)

_INDEX_V1 = _INDEX.without('project_id')

# What the end of a run changes, and its words.
_OUTCOME = frozenset({'status', 'result', 'time_end'})
_OUTCOMES = (runs.RUNNING, runs.COMPLETED, runs.SUCCESS, runs.FAIL)

_SERVED = {
    'session_id': 'PRIMARY',
    'user_id': 'ix_sessions_list_user',
    'status': 'ix_sessions_status',
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


def to_values(document: Document) -> Document:
    """The columns that a document fills, apart from its key, owner, creation and version."""
    columns = _to_columns(document)
    schedule, extras = document.get('schedule') or {}, without(document, _OWN)
    columns['search_text'] = search.text_of(columns['description'], schedule, extras)
    return columns


def _to_columns(document: Document) -> Document:
    """The same without the text for search, which takes longest to make."""
    extras = without(document, _OWN)
    schedule = document.get('schedule') or {}
    hold_off = document.get('hold_off')
    return {
        'description': document.get('description'),
        'scheduling': dump(schedule),
        'session_tag': document.get('session_tag') or 0,
        'hold_off': HOLD_OFF if hold_off is None else hold_off,
        'status': document.get('status') or 'active',
        'result': document.get('result'),
        **{name: _or_never(document.get(name)) for name in _TIMES},
        'document': dump(extras),
    }


def _or_never(value: int | None) -> int:
    return -1 if value is None else value


def _page(index: search.Index, wanted: search.Search, is_v1: bool) -> Any:
    listing = search.owned(Session, 'ix_sessions_list', _SERVED, is_v1)
    return search.rows(Session, session_rows.SHOWN, search.keys(index, [listing], wanted))


def find(context: RequestContext, wanted: search.Search, page: search.Page) -> list[Document]:
    """One page of sessions, oldest first."""
    if _asks_for_outcome(wanted):
        # As they are going to be shown.
        session_runs.end_overdue(context, session_runs.find_overdue(context))
    documents, overdue = find_stored(context, wanted, page)
    if overdue:
        session_runs.end_overdue(context, overdue)
        documents, _ = find_stored(context, wanted, page)
    return documents


def _asks_for_outcome(wanted: search.Search) -> bool:
    """Whether what is found depends on what the end of a run changes."""
    return any(
        '.'.join(_INDEX.path(condition)) in _OUTCOME for condition in wanted.conditions
    ) or any(text.lower() in word for text in wanted.texts for word in _OUTCOMES)


@session.reader
def find_stored(
    context: RequestContext, wanted: search.Search, page: search.Page
) -> tuple[list[Document], list[str]]:
    """One page as it is stored, and which of its sessions have an overdue run."""
    scope = context.scope
    index = _INDEX_V1 if scope.is_v1 else _INDEX
    statement, values = search.statement(index, _page, wanted, page, scope.is_v1)
    values |= {'project_id': scope.project_id, 'user_id': scope.user_id}
    rows = list(context.connection.execute(statement, values))
    parts = session_rows.parts(context, scope.project_id, [row.id for row in rows])
    documents = [
        _to_document(row, filter(context.scope.sees, parts.get(row.id, []))) for row in rows
    ]
    overdue = [row.id for row in rows if session_runs.is_overdue(row, parts.get(row.id, []))]
    return documents, overdue


def get(context: RequestContext, session_id: str) -> tuple[Document, int]:
    """A session and its version.

    :raises NotFound: no such session
    """
    document, version, overdue = _get(context, session_id)
    if overdue:
        session_runs.end_overdue(context, [session_id])
        document, version, _ = _get(context, session_id)
    return document, version


@session.reader
def _get(context: RequestContext, session_id: str) -> tuple[Document, int, bool]:
    row = session_rows.select(context, session_id)
    parts = session_rows.parts_of(context, row)
    document = _to_document(row, filter(context.scope.sees, parts))
    return document, row.version, session_runs.is_overdue(row, parts)


@quotas.limited('sessions')
@session.retry
@session.writer
def create(context: RequestContext, session_id: str, document: Document) -> None:
    """Store a session without jobs."""
    _insert(context, session_id, {**document, 'status': 'active'})


def _insert(context: RequestContext, session_id: str, document: Document) -> None:
    context.schedules.check(f'session {session_id}', document.get('schedule') or {}, {})
    quotas.claim(context, 'sessions')
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
                **to_values(document),
            )
        )
    except db_exception.DBDuplicateEntry:
        raise exceptions.IdTaken('The project has a session with this id.') from None


@session.retry
@session.writer
def update(
    context: RequestContext,
    session_id: str,
    change: Callable[[Document], Document],
    expected: session.Versions | None,
    named: Collection[str] | None,
) -> int:
    """Change a session, and the schedule of its jobs with its own; return its version.

    :param change: makes the new document of the stored one; may run more than once
    :param named: jobs that ``change`` puts into ``jobs``; None if it does not look at ``jobs``, which is left out then
    :raises NotFound: no such session
    :raises BadRequest: ``jobs`` names a job that the project does not have
    :raises PreconditionFailed: its version is none of those expected
    """
    row = session_rows.select(context, session_id, lock=True)
    session.check_version(expected, row.version)
    found = {} if named is None else members.select(context, session_id, named)
    parts = [member for member in found.values() if member.session_id == session_id]
    stored = _to_document(row, filter(context.scope.sees, parts))
    if named is None:
        del stored['jobs']
    return _write(context, row, found, change(stored))


def _write(
    context: RequestContext, row: Any, found: dict[str, Any], document: Document
) -> int:
    """Store a document in place of the row's; the jobs stay if it has none.

    :param found: from :func:`members.select`, if the document has jobs
    """
    values = _to_columns(document)
    before, after = load(row.scheduling), document['schedule']
    context.schedules.check(f'session {row.id}', after, before)
    # A job with a greater tag than its session's could never start again.
    lowered = values['session_tag'] < row.session_tag
    if 'jobs' not in document and (lowered or before != after):
        found = members.select(context, row.id)
    jobs = members.Members(context, row.id, found)
    if 'jobs' in document:
        _take_jobs(jobs, document)
    if lowered:
        jobs.set_tag(values['session_tag'])
    jobs.reschedule(before, after)
    version: int = row.version
    if not jobs.changed and _to_columns(_to_document(row, [])) == values:
        return version
    values = to_values(document)
    if row.id in jobs.left and values['status'] == runs.RUNNING:
        run = runs.Run(values['session_tag'], values['time_start'], values['hold_off'])
        tally = runs.tally(run.tag, jobs.parts())
        values |= session_runs.conclusion(values['status'], run, tally)
    session_rows.swap(context, row, values)
    jobs.write(context)
    return version + 1


def _take_jobs(jobs: members.Members, document: Document) -> None:
    try:
        jobs.become(document['jobs'], document.get('session_tag') or 0, document['schedule'])
    except exceptions.NotFound:
        raise exceptions.BadRequest('jobs names a job that does not exist.') from None


@quotas.limited('sessions')
@session.retry
@session.writer
def replace(
    context: RequestContext, session_id: str, document: Document, expected: session.Versions | None
) -> int:
    """Store the session under the id, in place of the one that is there; return its version.

    ``jobs`` decides which jobs belong to it; without the key they stay.

    :raises BadRequest: ``jobs`` names a job that the project does not have
    :raises Conflict: v1: the session belongs to another user of the project
    :raises PreconditionFailed: its version is none of those expected
    """
    named = document.get('jobs')
    try:
        row = session_rows.select(context, session_id, lock=True)
    except exceptions.NotFound:
        session.check_version(expected, 0)
        with session.replacing(context):
            _insert(context, session_id, document)
        if named:
            jobs = members.Members(context, session_id, members.select(context, None, named))
            _take_jobs(jobs, document)
            jobs.write(context)
        return 1
    session.check_version(expected, row.version)
    found = {} if named is None else members.select(context, session_id, named)
    return _write(context, row, found, document)


@session.retry
@session.writer
def delete(context: RequestContext, session_id: str, expected: session.Versions | None) -> bool:
    """Delete a session; its jobs stay, without one. Tell whether it was there.

    :raises PreconditionFailed: its version is none of those expected
    """
    try:
        row = session_rows.select(context, session_id, lock=True)
    except exceptions.NotFound:
        return False
    session.check_version(expected, row.version)
    members.dissolve(context, row)
    try:
        swaps.delete(context, Session, row)
    except db_exception.DBReferenceError:
        # A job was attached meanwhile.
        raise session.lost_race() from None
    return True
