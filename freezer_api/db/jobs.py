# SPDX-License-Identifier: Apache-2.0
"""Jobs: a definition (jobs), its entries (action_attachments) and its state (job_attachments)."""

import enum
import functools
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception
from sqlalchemy import orm

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import (
    attachments,
    clients,
    job_search,
    members,
    polls,
    quotas,
    search,
    session,
    session_runs,
    swaps,
    trusts,
)
from freezer_api.db.documents import Document, dump, load
from freezer_api.db.models import Action, ActionAttachment, Client, Job, JobAttachment
from freezer_api.domain import definitions, events, reports

# Keys of job_schedule that are state, with the columns of the same names.
_WORDS = ('event', 'status', 'result')
_NUMBERS = ('time_created', 'time_started', 'time_ended', 'current_pid')

# The current_pid of an answer that has to show one where none is known.
NO_PROCESS = -1

# What keys that a document lacks stand for.
_BLANK: Document = {'description': None, 'session_name': None, 'job_schedule': {}}

_SHOWN = (
    Job.project_id,
    Job.id,
    Job.user_id,
    Job.description,
    Job.scheduling,
    Job.session_name,
    JobAttachment.client_id,
    JobAttachment.event,
    JobAttachment.status,
    JobAttachment.result,
    JobAttachment.current_pid,
    JobAttachment.time_created,
    JobAttachment.time_started,
    JobAttachment.time_ended,
    JobAttachment.session_id,
    JobAttachment.session_tag,
)
# What no list shows: a column of a thousand rows costs PyMySQL a millisecond.
_BESIDES = (
    JobAttachment.central_client_id,
    JobAttachment.version,
    JobAttachment.former,
    JobAttachment.status_before,
    JobAttachment.trust,
)

# Of jobs of a central client, and to services of all: what there is of a trust.
_TRUST = sa.case(
    (sa.bindparam('is_service', type_=sa.Boolean) == sa.true(), JobAttachment.trust),
    (JobAttachment.central_client_id.is_not(None), JobAttachment.trust),
)

# Made once: for SQLAlchemy it is more work to make a statement than to send it.
_SELECT = sa.select(
    *_SHOWN, Client.is_central.label('own_is_central'), _TRUST.label('shown_trust')
).select_from(
    job_search.JOIN.outerjoin(
        Client,
        sa.and_(
            Client.project_id == sa.bindparam('caller_project_id'),
            Client.id == JobAttachment.client_id,
        ),
    )
)
_SELECT_ONE = _SELECT.add_columns(*_BESIDES).where(
    Job.project_id == sa.bindparam('project_id'), Job.id == sa.bindparam('job_id')
)
_SELECT_ONE_OF_USER = _SELECT_ONE.where(Job.user_id == sa.bindparam('user_id'))

# Of any length; with the first entry alone, as each entry of a job is a row.
_LONG = (Job.description, Job.scheduling, Job.session_name, JobAttachment.former)


def _select_with_entries() -> Any:
    own, central = orm.aliased(Client), orm.aliased(Client)
    able = [
        sa.func.coalesce(getattr(own, name), getattr(central, name)).label(name)
        for name in ('is_central', *clients.CAPABILITIES)
    ]
    entry = ActionAttachment
    is_first = sa.func.coalesce(entry.priority, 0) == 0
    long = [sa.case((is_first, column)).label(column.key) for column in _LONG]
    short = [column for column in (*_SHOWN, *_BESIDES) if column not in set(_LONG)]
    source = (
        job_search.JOIN.outerjoin(
            own, sa.and_(own.project_id == Job.project_id, own.id == JobAttachment.client_id)
        )
        .outerjoin(central, central.central_id == JobAttachment.client_id)
        .outerjoin(entry, sa.and_(entry.project_id == Job.project_id, entry.job_id == Job.id))
        .outerjoin(Action, attachments.FOLLOWED)
    )
    return (
        sa.select(*short, *long, *able, *attachments.SHOWN)
        .select_from(source)
        .where(Job.project_id == sa.bindparam('project_id'), Job.id == sa.bindparam('job_id'))
        .order_by(entry.priority)
    )


_SELECT_WHOLE = _select_with_entries()
_SELECT_WHOLE_OF_USER = _SELECT_WHOLE.where(Job.user_id == sa.bindparam('user_id'))

_INSERT = sa.insert(Job)
_INSERT_STATE = sa.insert(JobAttachment)
_UPDATE = sa.update(Job).where(
    Job.project_id == sa.bindparam('of_project'), Job.id == sa.bindparam('of_job')
)
_DELETE = sa.delete(Job).where(
    Job.project_id == sa.bindparam('project_id'), Job.id == sa.bindparam('job_id')
)


def _to_document(row: Any, entries: list[Any]) -> Document:
    schedule: Document = load(row.scheduling)
    schedule.update({name: getattr(row, name) for name in _WORDS})
    for name in _NUMBERS:
        value = getattr(row, name)
        if value is not None:
            schedule[name] = value
    document = {
        'job_id': row.id,
        'project_id': row.project_id,
        'user_id': row.user_id,
        'client_id': row.client_id,
        'description': row.description or '',
        'job_actions': attachments.to_entries(entries),
        'job_schedule': schedule,
        'session_id': row.session_id or '',
        'session_tag': row.session_tag,
    }
    if row.session_name is not None:
        document['session_name'] = row.session_name
    return document


def _seen_by(context: RequestContext) -> Document:
    """The parameters by which a statement shows what the caller may see."""
    return {'caller_project_id': context.project_id, 'is_service': _is_service(context)}


def _is_service(context: RequestContext) -> bool:
    # Not a rule of the policy: ids of trusts stay hidden whatever an operator writes there.
    return 'service' in context.roles


def _to_answer(
    context: RequestContext, row: Any, entries: list[Any], show_pid: bool
) -> Document:
    """The document as the caller may see it."""
    document = _to_document(row, entries)
    if row.shown_trust and not context.scope.is_v1:
        # Services act by all trusts, the owner of a central client by those of its jobs.
        acts_by_it = _is_service(context) or bool(row.own_is_central)
        document['user_credentials'] = trusts.shown(row.shown_trust, acts_by_it)
    schedule = document['job_schedule']
    if not show_pid and row.own_is_central is None:
        schedule.pop('current_pid', None)
    if row.event == 'abort' and 'current_pid' not in schedule:
        # The scheduler reads it of a job to abort.
        schedule['current_pid'] = NO_PROCESS
    return document


def to_values(document: Document) -> tuple[Document, Document]:
    """The columns of jobs and of job_attachments that a document fills."""
    schedule = document.get('job_schedule') or {}
    scheduling = {
        key: value for key, value in schedule.items() if key not in (*_WORDS, *_NUMBERS)
    }
    # No description is shown as an empty text, which comes back from callers.
    description = document.get('description') or None
    job = {
        'description': description,
        'scheduling': dump(scheduling),
        'session_name': document.get('session_name'),
        'search_text': members.text_of_job(
            description, document.get('session_name'), scheduling
        ),
    }
    state: Document = {name: schedule.get(name) or '' for name in _WORDS}
    state['completed'] = state['status'] == 'completed'
    state.update({name: schedule.get(name) for name in _NUMBERS})
    return job, state


def _page(index: search.Index, wanted: search.Search, by_user: bool, all_projects: bool) -> Any:
    return _of_page(job_search.keys(index, wanted, by_user, all_projects))


def _select(context: RequestContext, job_id: str) -> Any:
    scope = context.scope
    statement = _SELECT_ONE if scope.user_id is None else _SELECT_ONE_OF_USER
    values = {'project_id': scope.project_id, 'job_id': job_id, 'user_id': scope.user_id}
    values |= _seen_by(context)
    row = context.connection.execute(statement, values).first()
    if row is None:
        raise exceptions.NotFound('There is no such job.')
    return row


def _select_whole(context: RequestContext, job_id: str) -> tuple[Any, list[Any]]:
    """A job with what its client can do, and its entries."""
    scope = context.scope
    statement = _SELECT_WHOLE if scope.user_id is None else _SELECT_WHOLE_OF_USER
    values = {'project_id': scope.project_id, 'job_id': job_id, 'user_id': scope.user_id}
    rows = context.connection.execute(statement, values).all()
    if not rows:
        raise exceptions.NotFound('There is no such job.')
    return rows[0], [row for row in rows if row.action_id is not None]


def _entries(context: RequestContext, row: Any) -> list[Any]:
    key = (row.project_id, row.id)
    return attachments.select(context, [key]).get(key, [])


def find(
    context: RequestContext, wanted: search.Search, page: search.Page, show_pid: bool
) -> list[Document]:
    """One page of jobs, oldest first.

    :param show_pid: show ``current_pid`` also of jobs on clients that are not the caller's
    """
    client_id = polls.client_id(wanted)
    rows, entries = _select_page(context, wanted, page, client_id)
    if client_id is not None:
        # Before the answer: an agent that gets an error in place of the page skips its poll.
        polls.turn(context, client_id, page, rows)
    return [
        _to_answer(context, row, entries.get((row.project_id, row.id), []), show_pid)
        for row in rows
    ]


@session.reader
def _select_page(
    context: RequestContext, wanted: search.Search, page: search.Page, polling: str | None
) -> tuple[list[Any], dict[tuple[str, str], list[Any]]]:
    """The rows of a page, and its entries by job."""
    scope = context.scope
    if polling is not None:
        statement = _poll(scope.all_projects, scope.is_v1, page.offset == 0)
        values = polls.values(context, polling, page)
    else:
        index = job_search.INDEX_V1 if scope.is_v1 else job_search.INDEX
        shape = (scope.is_v1, scope.all_projects)
        statement, values = search.statement(index, _page, wanted, page, *shape)
        values |= {'project_id': scope.project_id, 'user_id': scope.user_id}
    values |= _seen_by(context)
    rows = list(context.connection.execute(statement, values))
    return rows, attachments.select(context, [(row.project_id, row.id) for row in rows])


@functools.cache
def _poll(all_projects: bool, by_user: bool, first: bool) -> Any:
    keys = polls.keys(all_projects, by_user, first)
    return _of_page(keys).add_columns(keys.c.created_at, keys.c.continued)


def _of_page(keys: Any) -> Any:
    return (
        _SELECT
        .where(keys.c.project_id == Job.project_id, keys.c.id == Job.id)
        .order_by(*search.in_order(keys))
    )


@session.reader
def get(context: RequestContext, job_id: str, show_pid: bool) -> tuple[Document, int]:
    """A job and its version.

    :raises NotFound: no such job
    """
    row = _select(context, job_id)
    return _to_answer(context, row, _entries(context, row), show_pid), row.version


@quotas.limited('jobs', 'actions')
@session.retry
@session.writer
def create(context: RequestContext, job_id: str, document: Document) -> None:
    """Store a job and the actions that it brings, all or nothing.

    :raises Conflict: the project, or the central client, has a job with that id
    :raises UnprocessableEntity: the client is unknown or lacks a capability, or an entry refers to no action
    :raises BadRequest: the session is unknown
    """
    _insert(context, job_id, document)


def _insert(context: RequestContext, job_id: str, document: Document) -> None:
    context.schedules.check(f'job {job_id}', document.get('job_schedule') or {}, {})
    quotas.claim(context, 'jobs')
    project_id = context.scope.project_id
    defaults = document.get('action_defaults') or {}
    resolved = attachments.resolve(context, document['job_actions'], defaults, [])
    client = clients.capable(context, document['client_id'])
    definitions.check_capabilities(client.capabilities, resolved.definitions)
    job, state = to_values(document)
    now = session.microseconds()
    state['session_tag'] = document.get('session_tag') or 0
    session_id = document.get('session_id')
    if session_id:
        state |= members.admit(context, session_id, {**state, 'client_id': client.client_id})
    try:
        owner = context.owner_id
        row = {'project_id': project_id, 'id': job_id, 'user_id': owner, 'created_at': now, **job}
        context.connection.execute(_INSERT, row)
    except db_exception.DBDuplicateEntry:
        raise exceptions.IdTaken('A job has this id.') from None
    try:
        context.connection.execute(
            _INSERT_STATE,
            {
                'project_id': project_id,
                'job_id': job_id,
                'client_id': client.client_id,
                'central_client_id': client.client_id if client.is_central else None,
                'created_at': now,
                'updated_at': now,
                'version': 1,
                **state,
            },
        )
    except db_exception.DBDuplicateEntry:
        raise exceptions.Conflict('A job has this id.') from None
    attachments.insert(context, job_id, resolved)
    # Last, so that all else is checked when Keystone is asked for a trust.
    trust_id = trusts.choose(context, None, client.is_central)
    trusts.exchange(context, (project_id, job_id), None, trust_id)


class _TrustRule(enum.Enum):
    """What a write does about the trust of a job."""

    DROP = enum.auto()
    # Kept while the job stays on its client: agents, which act by it, change jobs too.
    OF_CLIENT = enum.auto()
    # That of the caller, who answers for the whole of the job.
    RENEW = enum.auto()


def _client(context: RequestContext, row: Any, client_id: str) -> clients.Capable:
    """The client that a stored job is to run on.

    :param row: from :func:`_select_whole`, if the job is on that client already
    :raises UnprocessableEntity: no such client
    """
    if client_id != row.client_id or row.is_central is None:
        return clients.capable(context, client_id)
    capabilities = {name: load(getattr(row, name)) for name in clients.CAPABILITIES}
    return clients.Capable(client_id, row.is_central, capabilities)


@quotas.limited('actions')
@session.retry
@session.writer
def update(
    context: RequestContext,
    job_id: str,
    change: Callable[[reports.Job], reports.Job],
    expected: session.Versions | None,
    with_actions: bool,
    drop_trust: bool = False,
) -> int:
    """Change a job; return its version.

    The session of a job changes by attaching and detaching alone: agents send back the session that they were given,
    which may be an older one. For the same reason the tag of a job in a session is left to the session.

    :param change: makes the new job of the stored one; may run more than once
    :param with_actions: whether ``change`` looks at ``job_actions``; they are left out otherwise
    :param drop_trust: let the job run under no trust from now on
    :raises NotFound: no such job
    :raises UnprocessableEntity: as for :func:`create`
    :raises PreconditionFailed: its version is none of those expected
    """
    if with_actions:
        row, held = _select_whole(context, job_id)
    else:
        row, held = _select(context, job_id), []
    session.check_version(expected, row.version)
    stored = _to_document(row, held)
    if not with_actions:
        del stored['job_actions']
    replaced = tuple(map(attachments.replaced, held))
    job = change(
        reports.Job(stored, members.former_of(row), row.status_before or '', replaced)
    )
    tag = _tag(row, job.document)
    trust = _TrustRule.DROP if drop_trust else _TrustRule.OF_CLIENT
    return _write(context, row, held, job.document, tag, job.status_before, trust)


def _tag(row: Any, document: Document) -> int:
    """The tag of a job after a write that leaves it in its session, if any: there the session gives it."""
    if row.session_id is not None:
        tag: int = row.session_tag
        return tag
    return document.get('session_tag') or 0


def _write(
    context: RequestContext,
    row: Any,
    held: list[Any],
    document: Document,
    session_tag: int,
    status_before: str = '',
    trust: _TrustRule = _TrustRule.RENEW,
) -> int:
    """Store a document in place of the row's; entries only if the document has them."""
    schedule = document.get('job_schedule') or {}
    context.schedules.check(f'job {row.id}', schedule, load(row.scheduling))
    resolved = None
    if 'job_actions' in document:
        defaults = document.get('action_defaults') or {}
        resolved = attachments.resolve(context, document['job_actions'], defaults, held)
        if attachments.same(held, resolved):
            resolved = None
    central_client_id = row.central_client_id
    moves = document['client_id'] != row.client_id
    if resolved is not None or moves:
        if resolved is None:
            held = held or _entries(context, row)
            wanted = attachments.definitions_of(held)
        else:
            wanted = resolved.definitions
        client = _client(context, row, document['client_id'])
        definitions.check_capabilities(client.capabilities, wanted)
        central_client_id = client.client_id if client.is_central else None
    job, state = to_values(document)
    state.update(
        client_id=document['client_id'],
        central_client_id=central_client_id,
        session_tag=session_tag,
        status_before=status_before or None,
    )
    before, former = _to_document(row, held), members.former_of(row)
    replaced = reports.remember(former, before, {**_BLANK, **document})
    if replaced != former:
        state['former'] = dump(replaced)
    changed_job = any(
        job[name] != getattr(row, name) for name in ('description', 'scheduling', 'session_name')
    )
    changed_state = any(
        state[name] != getattr(row, name) for name in state if name != 'completed'
    )
    held_trust = trust_id = trusts.held(row.trust)
    is_central = central_client_id is not None
    drops = trust is _TrustRule.DROP and is_central and not trusts.is_dropped(row.trust)
    if trust is _TrustRule.DROP:
        trust_id = None
    elif moves or trust is _TrustRule.RENEW:
        trust_id = trusts.choose(context, held_trust, is_central)
    elif trusts.is_lacking(context, row.trust, is_central):
        trust_id = trusts.choose(context, held_trust, is_central, is_optional=True)
    changed_trust = drops or trust_id != held_trust
    if not (changed_job or changed_state or changed_trust or resolved is not None):
        version: int = row.version
        return version
    _swap(context, row, state)
    if changed_job:
        values = {'of_project': row.project_id, 'of_job': row.id, **job}
        context.connection.execute(_UPDATE, values)
    if resolved is not None:
        attachments.replace(context, row.id, resolved)
    if changed_trust:
        trusts.exchange(context, (row.project_id, row.id), held_trust, trust_id, drops)
    return int(row.version) + 1


def _swap(context: RequestContext, row: Any, values: Document) -> None:
    """Update the state of a job whose version is still the row's.

    :raises Conflict: the central client has a job with this id
    """
    try:
        swaps.one(context, JobAttachment, row, values)
    except db_exception.DBDuplicateEntry:
        raise exceptions.Conflict('A job has this id.') from None


@quotas.limited('jobs', 'actions')
@session.retry
@session.writer
def replace(
    context: RequestContext, job_id: str, document: Document, expected: session.Versions | None
) -> int:
    """Store the job under the id, in place of the one that is there; return its version.

    :raises Conflict, UnprocessableEntity, BadRequest: as for :func:`create`
    :raises PreconditionFailed: its version is none of those expected
    """
    try:
        row, held = _select_whole(context, job_id)
    except exceptions.NotFound:
        session.check_version(expected, 0)
        with session.replacing(context):
            _insert(context, job_id, document)
        return 1
    session.check_version(expected, row.version)
    wanted = document.get('session_id') or None
    tag = document.get('session_tag') or 0
    if wanted == row.session_id:
        tag = _tag(row, document)
    version = _write(context, row, held, document, tag)
    if wanted == row.session_id:
        return version
    if wanted is None:
        members.leave(context, job_id)
    else:
        members.join(context, wanted, job_id)
    return version + 1


@session.retry
@session.writer
def post_event(context: RequestContext, job_id: str, event: str) -> str:
    """Ask the agent of a job to start, stop or abort it; return the text of the answer.

    :raises NotFound: no such job
    """
    row = _select(context, job_id)
    if row.event == event and not (event == 'start' and row.status == 'completed'):
        return events.already_requested(event)
    values: Document = {'event': event}
    if event == 'start':
        # The agent asks for jobs that are not completed. Where an earlier start has emptied the status already, and no
        # report came since, what the agent reported last is where that start has left it.
        before = row.status or row.status_before
        values.update(status='', result='', completed=False, status_before=before)
    _swap(context, row, values)
    return events.ACCEPTED


@session.retry
@session.writer
def delete(context: RequestContext, job_id: str, expected: session.Versions | None) -> bool:
    """Delete a job; it leaves its session. Tell whether it was there.

    :raises PreconditionFailed: its version is none of those expected
    """
    try:
        row = _select(context, job_id)
    except exceptions.NotFound:
        return False
    session.check_version(expected, row.version)
    swaps.delete(context, JobAttachment, row)
    held_trust = trusts.held(row.trust)
    if held_trust is not None:
        trusts.leave(context, (row.project_id, row.id), held_trust)
    # The entries and the link to the trust go with the job, by their foreign keys.
    context.connection.execute(_DELETE, {'project_id': row.project_id, 'job_id': row.id})
    if row.session_id is not None:
        session_runs.settle(context, [row.session_id])
    return True
