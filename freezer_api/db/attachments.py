# SPDX-License-Identifier: Apache-2.0
"""The entries of ``job_actions``: rows that follow an action or hold a definition of their own.

Everything here runs within the transaction of a job.
"""

import dataclasses
import functools
import operator
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import actions, search, session
from freezer_api.db.documents import Document, dump, load, without
from freezer_api.db.models import Action, ActionAttachment
from freezer_api.domain import definitions
from freezer_api.domain.definitions import Definition
from freezer_api.domain.merge import same as same_json

_OWN = (
    'action_id',
    'project_id',
    'user_id',
    'max_retries',
    'max_retries_interval',
    'mandatory',
    'freezer_action',
)

# What makes an entry, of an attachment joined with the action that it follows.
_ENTRY = (
    ActionAttachment.action_id,
    ActionAttachment.document,
    sa.func.coalesce(ActionAttachment.retries, Action.max_retries).label('max_retries'),
    sa.func.coalesce(ActionAttachment.retry_interval, Action.max_retries_interval).label(
        'max_retries_interval'
    ),
    sa.func.coalesce(ActionAttachment.mandatory, Action.mandatory).label('mandatory'),
    sa.func.coalesce(ActionAttachment.freezer_action, Action.freezer_action).label(
        'freezer_action'
    ),
)
# And what tells which parts of it are the attachment's own.
SHOWN = (
    *_ENTRY,
    ActionAttachment.follows,
    ActionAttachment.retries,
    ActionAttachment.retry_interval,
    ActionAttachment.mandatory.label('own_mandatory'),
    ActionAttachment.digest,
)
FOLLOWED = sa.and_(
    Action.project_id == ActionAttachment.project_id, Action.id == ActionAttachment.follows
)

_BY_PRIORITY = operator.attrgetter('priority')


@dataclasses.dataclass(frozen=True, slots=True)
class Resolved:
    """The entries of a job, ready to be stored.

    :ivar rows: of the attachments, without the job's id
    :ivar new_actions: rows of actions to create
    :ivar definitions: what each entry will run
    """

    rows: list[Document]
    new_actions: list[Document]
    definitions: list[Definition]


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    actions: dict[str, Any]
    entries: dict[str, list[Any]]
    digests: frozenset[tuple[str, str]]


def select(context: RequestContext, jobs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[Any]]:
    """The attachments of some jobs, with what makes the entries, in order.

    :param jobs: pairs of project id and job id
    """
    by_project: dict[str, list[str]] = defaultdict(list)
    for project_id, job_id in jobs:
        by_project[project_id].append(job_id)
    if not by_project:
        return {}
    values: Document = {}
    for number, (project_id, ids) in enumerate(by_project.items()):
        values |= {f'project_{number}': project_id, f'jobs_{number}': ids}
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in context.connection.execute(_of_projects(len(by_project)), values):
        found[row.project_id, row.job_id].append(row)
    # Sorted here: MariaDB would sort all of them together.
    for rows in found.values():
        rows.sort(key=_BY_PRIORITY)
    return found


@functools.lru_cache(maxsize=16)
def _of_projects(count: int) -> Any:
    """Select the attachments of jobs in so many projects; kept, as it takes longer to make than to send."""
    own = ActionAttachment
    wanted = (
        sa.and_(
            own.project_id == sa.bindparam(f'project_{number}'),
            own.job_id.in_(sa.bindparam(f'jobs_{number}', expanding=True)),
        )
        for number in range(count)
    )
    return (
        sa.select(own.project_id, own.job_id, own.priority, *_ENTRY)
        .outerjoin(Action, FOLLOWED)
        .where(sa.or_(*wanted))
    )


def to_entry(row: Any) -> Document:
    """An entry of ``job_actions``."""
    return {
        **load(row.document),
        'action_id': row.action_id,
        'project_id': row.project_id,
        'max_retries': _or(row.max_retries, actions.MAX_RETRIES),
        'max_retries_interval': _or(row.max_retries_interval, actions.MAX_RETRIES_INTERVAL),
        'mandatory': bool(row.mandatory),
        'freezer_action': load(row.freezer_action),
    }


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def resolve(
    context: RequestContext,
    entries: list[Document],
    defaults: Definition,
    held: list[Any],
) -> Resolved:
    """Find or make the action of every entry.

    :param defaults: ``action_defaults``
    :param held: the attachments that the job has now
    :raises UnprocessableEntity: an entry refers to an action that does not exist, or gives it another definition
    """
    known = _look_up(context, entries, held)
    resolved = Resolved([], [], [])
    for entry in entries:
        if entry.get('action_id'):
            before = _next(known.entries[entry['action_id']])
            _refer(context, entry, defaults, known, before, resolved)
        else:
            _make(context, entry, defaults, resolved)
    return resolved


def _next(rows: list[Any]) -> Any:
    """The attachments of one action in turn; the last one stands for all further entries."""
    return rows.pop(0) if len(rows) > 1 else next(iter(rows), None)


def _look_up(context: RequestContext, entries: list[Document], held: list[Any]) -> _Known:
    held_by_id: dict[str, list[Any]] = defaultdict(list)
    for row in held:
        held_by_id[row.action_id].append(row)
    found = actions.select_many(context, {e['action_id'] for e in entries if e.get('action_id')})
    digests = {(row.action_id, row.digest) for row in held}
    strangers: dict[tuple[str, str], None] = {}
    for entry in entries:
        action_id, definition = entry.get('action_id'), entry.get('freezer_action')
        if not action_id or definition is None:
            continue
        action, digest = found.get(action_id), definitions.digest(definition)
        if action is not None and (
            definitions.equal(definition, load(action.freezer_action))
            or digest in load(action.former)
        ):
            continue
        if (action_id, digest) not in digests:
            strangers[action_id, digest] = None
    digests |= _held_digests(context, list(strangers))
    return _Known(found, held_by_id, frozenset(digests))


def _held_digests(
    context: RequestContext, wanted: list[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Which of the definitions any job of the project holds under that action id."""
    if not wanted:
        return frozenset()
    own = ActionAttachment
    statement = (
        sa.select(own.action_id, own.digest)
        .where(
            own.project_id == context.scope.project_id,
            own.action_id.in_({action_id for action_id, _ in wanted}),
            own.digest.in_({digest for _, digest in wanted}),
        )
        .distinct()
    )
    held = {(row.action_id, row.digest) for row in context.connection.execute(statement)}
    return frozenset(held).intersection(wanted)


def _refer(
    context: RequestContext,
    entry: Document,
    defaults: Definition,
    known: _Known,
    before: Any,
    resolved: Resolved,
) -> None:
    """An entry that names an action.

    :param before: the attachment of that action at this place of the job
    """
    action_id = entry['action_id']
    given = entry.get('freezer_action')
    action = known.actions.get(action_id)
    own: Definition | None = None
    if action is not None:
        definition = load(action.freezer_action)
        if given is not None and not definitions.equal(given, definition):
            own = _older_copy(action, given, before, known)
    elif before is not None:
        # The action was deleted and left its definition with this job, whose own it is now.
        own = load(before.freezer_action) if given is None else given
        definition = own
    elif given is not None and (action_id, definitions.digest(given)) in known.digests:
        own = definition = given
    else:
        raise exceptions.UnprocessableEntity('An action_id of job_actions names no action.')
    filled = definitions.fill(definition if own is None else own, defaults)
    if own is not None or not same_json(filled, definition):
        own = filled
    if action is not None:
        owner = action.user_id
    elif before is not None:
        owner = load(before.document)['user_id']
    else:
        owner = context.owner_id
    _add(resolved, context, entry, action_id, owner, filled, own, before)


def _older_copy(
    action: Any, given: Definition, before: Any, known: _Known
) -> Definition | None:
    """Decide on a definition that is not the action's: None if the entry goes on following it.

    :raises UnprocessableEntity: the project never had this definition under this id
    """
    digest = definitions.digest(given)
    was_former = digest in load(action.former)
    if was_former and before is not None and before.follows:
        # An agent sends back what it was given before the action changed.
        return None
    if was_former or (action.id, digest) in known.digests:
        return given
    raise exceptions.UnprocessableEntity(
        'An entry of job_actions differs from the action it names; change the action, or leave action_id out.'
    )


def _make(
    context: RequestContext, entry: Document, defaults: Definition, resolved: Resolved
) -> None:
    """An entry that brings an action of its own."""
    definition = definitions.fill(entry['freezer_action'], defaults)
    action_id = session.new_id()
    document: Document = {
        name: entry[name]
        for name in ('max_retries', 'max_retries_interval', 'mandatory')
        if name in entry
    }
    resolved.new_actions.append(
        actions.new_row(
            context.scope.project_id,
            context.owner_id,
            action_id,
            {**document, 'freezer_action': definition},
        )
    )
    _add(resolved, context, entry, action_id, context.owner_id, definition, None)


def _add(
    resolved: Resolved,
    context: RequestContext,
    entry: Document,
    action_id: str,
    owner: str,
    definition: Definition,
    own: Definition | None,
    before: Any = None,
) -> None:
    extras = without(entry, _OWN)
    options = {name: entry.get(name) for name in ('max_retries', 'max_retries_interval', 'mandatory')}
    if before is not None:
        # What comes back as it was served does not become the job's own.
        served = to_entry(before)
        stored = (before.retries, before.retry_interval, before.own_mandatory)
        for name, value in zip(options, stored, strict=True):
            if options[name] == served[name]:
                options[name] = value
    resolved.definitions.append(definition)
    resolved.rows.append(
        {
            'project_id': context.scope.project_id,
            'action_id': action_id,
            'follows': action_id if own is None else None,
            'priority': len(resolved.rows),
            'retries': options['max_retries'],
            'retry_interval': options['max_retries_interval'],
            'mandatory': options['mandatory'],
            'freezer_action': None if own is None else dump(own),
            'digest': None if own is None else definitions.digest(own),
            'document': dump({**extras, 'user_id': owner}),
            'search_text': search.text_of(own, extras),
        }
    )


def insert(context: RequestContext, job_id: str, resolved: Resolved) -> None:
    """Store new actions and the entries of a job that has none yet."""
    actions.insert_many(context, resolved.new_actions)
    if resolved.rows:
        rows = [{**row, 'id': session.new_id(), 'job_id': job_id} for row in resolved.rows]
        context.connection.execute(sa.insert(ActionAttachment), rows)


def replace(context: RequestContext, job_id: str, resolved: Resolved) -> None:
    """Store new actions and the entries of a job in place of those that it has."""
    context.connection.execute(
        sa.delete(ActionAttachment).where(
            ActionAttachment.project_id == context.scope.project_id,
            ActionAttachment.job_id == job_id,
        )
    )
    insert(context, job_id, resolved)


def same(held: list[Any], resolved: Resolved) -> bool:
    """Whether the rows of a job would stay as they are."""
    if resolved.new_actions or len(held) != len(resolved.rows):
        return False
    return all(
        (row.action_id, row.follows, row.retries, row.retry_interval, row.own_mandatory)
        == (
            values['action_id'],
            values['follows'],
            values['retries'],
            values['retry_interval'],
            values['mandatory'],
        )
        and same_json(load(row.document), load(values['document']))
        and (
            row.follows is not None
            or same_json(load(row.freezer_action), load(values['freezer_action']))
        )
        for row, values in zip(held, resolved.rows, strict=True)
    )
