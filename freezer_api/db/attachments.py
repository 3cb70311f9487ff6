# SPDX-License-Identifier: Apache-2.0
"""The entries of ``job_actions``: rows that follow an action or hold a definition of their own.

Everything here runs within the transaction of a job.
"""

import dataclasses
import operator
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import actions, search, session
from freezer_api.db.documents import MAX_SIZE, Document, dump, load, without
from freezer_api.db.models import Action, ActionAttachment
from freezer_api.domain import definitions
from freezer_api.domain.definitions import Definition
from freezer_api.domain.entries import OPTIONS, next_of, parts, remember
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
    ActionAttachment.former.label('entry_former'),
    Action.former.label('action_former'),
)
FOLLOWED = sa.and_(
    Action.project_id == ActionAttachment.project_id, Action.id == ActionAttachment.follows
)

_BY_PRIORITY = operator.attrgetter('priority')


class _Parsed(dict[str, Any]):
    """Values of JSON texts, each parsed once, as many entries may follow one action; shared, so not to be changed."""

    def __missing__(self, text: str) -> Any:
        value = self[text] = load(text)
        return value


@dataclasses.dataclass(slots=True)
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
class _Action:
    """An action that entries name, stored or to be made.

    :ivar former: marks of what was replaced in it
    :ivar length: of the text of the definition
    """

    id: str
    user_id: str
    options: Document
    definition: Definition
    former: frozenset[str]
    length: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> '_Action':
        """The action of a row."""
        text = row['freezer_action']
        options = {name: row[name] for name in OPTIONS}
        former = frozenset(load(row['former']))
        return cls(row['id'], row['user_id'], options, load(text), former, len(text))


@dataclasses.dataclass(slots=True)
class _Known:
    """What entries can refer to; grows by the actions that they bring.

    :ivar entries: the attachments of the job that are not accounted for, by action id
    :ivar digests: of definitions that jobs hold, with their action ids
    """

    actions: dict[str, _Action]
    entries: dict[str, list[Any]]
    digests: frozenset[tuple[str, str]]
    parsed: _Parsed


# Made once: for SQLAlchemy it is more work to make a statement than to send it.
_SELECT = sa.select(
    ActionAttachment.project_id, ActionAttachment.job_id, ActionAttachment.priority, *_ENTRY
).outerjoin(Action, FOLLOWED)
_OF_ONE_PROJECT = _SELECT.where(
    ActionAttachment.project_id == sa.bindparam('project_id'),
    ActionAttachment.job_id.in_(sa.bindparam('jobs', expanding=True)),
)
_OF_ANY_PROJECT = _SELECT.where(
    sa.tuple_(ActionAttachment.project_id, ActionAttachment.job_id).in_(
        sa.bindparam('jobs', expanding=True)
    )
)

_SELECT_DIGESTS = (
    sa.select(ActionAttachment.action_id, ActionAttachment.digest)
    .where(
        ActionAttachment.project_id == sa.bindparam('project_id'),
        ActionAttachment.action_id.in_(sa.bindparam('actions', expanding=True)),
        ActionAttachment.digest.in_(sa.bindparam('digests', expanding=True)),
    )
    .distinct()
)
_INSERT = sa.insert(ActionAttachment)
_DELETE = sa.delete(ActionAttachment).where(
    ActionAttachment.project_id == sa.bindparam('project_id'),
    ActionAttachment.job_id == sa.bindparam('job_id'),
)

# Jobs of one statement: SQLite takes 32,766 parameters.
_AT_ONCE = 5000


def select(
    context: RequestContext, jobs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[Any]]:
    """The attachments of some jobs, with what makes the entries, in order.

    :param jobs: pairs of project id and job id
    """
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for start in range(0, len(jobs), _AT_ONCE):
        some = jobs[start : start + _AT_ONCE]
        projects = {project_id for project_id, _ in some}
        if len(projects) == 1:
            ids = [job_id for _, job_id in some]
            rows = context.connection.execute(
                _OF_ONE_PROJECT, {'project_id': projects.pop(), 'jobs': ids}
            )
        else:
            rows = context.connection.execute(_OF_ANY_PROJECT, {'jobs': some})
        for row in rows:
            found[row.project_id, row.job_id].append(row)
    # Sorted here: MariaDB would sort all of them together.
    for entries in found.values():
        entries.sort(key=_BY_PRIORITY)
    return found


def to_entries(rows: Iterable[Any]) -> list[Document]:
    """The entries of ``job_actions``; those that follow one action share its definition."""
    parsed = _Parsed()
    return [_to_entry(row, parsed) for row in rows]


def definitions_of(rows: Iterable[Any]) -> list[Definition]:
    """What the entries run, without repetition."""
    return [load(text) for text in {row.freezer_action for row in rows}]


def _to_entry(row: Any, parsed: _Parsed) -> Document:
    return {
        **load(row.document),
        'action_id': row.action_id,
        'project_id': row.project_id,
        'max_retries': _or(row.max_retries, actions.MAX_RETRIES),
        'max_retries_interval': _or(row.max_retries_interval, actions.MAX_RETRIES_INTERVAL),
        'mandatory': bool(row.mandatory),
        'freezer_action': parsed[row.freezer_action],
    }


def replaced(row: Any) -> list[str]:
    """Marks of all that was replaced in an entry, by itself or by the action that it follows, oldest first."""
    return [*_own_marks(row), *load(row.action_former or '[]')]


def _own_marks(row: Any) -> list[str]:
    return row.entry_former.split('\n') if row.entry_former else []


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def resolve(
    context: RequestContext,
    entries: list[Document],
    defaults: Definition,
    held: list[Any],
) -> Resolved:
    """Find or make the action of every entry.

    Clients of v1 know no refusal of an entry for its action: there an unknown id becomes that of a new action, another
    definition a new action under a new id. And what is new in a job by v1 is its own copy, which follows nothing.

    :param defaults: ``action_defaults``
    :param held: the attachments that the job has now
    :raises UnprocessableEntity: v2: an entry refers to an action that does not exist, or gives it another definition
    :raises BadRequest: they would be too long together; v1: an entry has neither an action nor a definition
    :raises Conflict: v1: an entry names an action of another user
    """
    known = _look_up(context, entries, held)
    resolved = Resolved([], [], [])
    for entry in entries:
        action_id = entry.get('action_id')
        before = next_of(known.entries[action_id]) if action_id else None
        new_id = _new_id(context, entry, known, before)
        if new_id is None:
            _refer(context, entry, defaults, known, before, resolved)
        else:
            known.actions[new_id] = _make(context, entry, new_id, defaults, known, resolved)
    _check_size(resolved.rows, known, held)
    return resolved


def _check_size(rows: list[Document], known: _Known, held: list[Any]) -> None:
    """Make sure that the job can be served, which has each definition once more for each entry that follows it.

    :raises BadRequest: it would be longer than any other document may be, and longer than it was
    """
    size = sum(
        len(row['document'])
        + (
            known.actions[row['follows']].length
            if row['freezer_action'] is None
            else len(row['freezer_action'])
        )
        for row in rows
    )
    if size > MAX_SIZE and size > sum(len(row.document) + len(row.freezer_action) for row in held):
        raise exceptions.BadRequest(f'The job would be longer than {MAX_SIZE} bytes.')


def _new_id(context: RequestContext, entry: Document, known: _Known, before: Any) -> str | None:
    """The id of the action to make of an entry; None if it refers to one.

    :raises BadRequest: v1: there is neither an action nor a definition
    """
    action_id, given = entry.get('action_id'), entry.get('freezer_action')
    if not action_id:
        return session.new_id()
    if not context.scope.is_v1:
        return None
    action = known.actions.get(action_id)
    if before is None and (action is None or action.user_id != context.owner_id):
        if given is None:
            raise exceptions.BadRequest('An action_id of job_actions names no action.')
        # An id that another user's action has is taken, which is nothing for this one to know.
        return str(action_id) if action is None else session.new_id()
    if action is None or given is None or definitions.equal(given, action.definition):
        return None
    if before is not None and _was_held(action, given, known):
        return None
    return session.new_id()


def _look_up(context: RequestContext, entries: list[Document], held: list[Any]) -> _Known:
    held_by_id: dict[str, list[Any]] = defaultdict(list)
    for row in held:
        held_by_id[row.action_id].append(row)
    ids = {entry['action_id'] for entry in entries if entry.get('action_id')}
    rows = actions.select_many(context, ids)
    found = {action_id: _Action.of(row._mapping) for action_id, row in rows.items()}
    digests = {(row.action_id, row.digest) for row in held}
    strangers: dict[tuple[str, str], None] = {}
    for entry in entries:
        action_id, definition = entry.get('action_id'), entry.get('freezer_action')
        if not action_id or definition is None:
            continue
        action, digest = found.get(action_id), definitions.digest(definition)
        if action is not None and (
            definitions.equal(definition, action.definition) or digest in action.former
        ):
            continue
        if (action_id, digest) not in digests:
            strangers[action_id, digest] = None
    if not context.scope.is_v1:
        digests |= _held_digests(context, list(strangers))
    return _Known(found, held_by_id, frozenset(digests), _Parsed())


def _held_digests(
    context: RequestContext, wanted: list[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Which of the definitions any job of the project holds under that action id."""
    if not wanted:
        return frozenset()
    values = {
        'project_id': context.scope.project_id,
        'actions': list({action_id for action_id, _ in wanted}),
        'digests': list({digest for _, digest in wanted}),
    }
    rows = context.connection.execute(_SELECT_DIGESTS, values)
    held = {(row.action_id, row.digest) for row in rows}
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
    if _is_echo(given, before, known.parsed):
        own = definition = known.parsed[before.freezer_action]
    elif action is not None:
        definition = action.definition
        if given is not None and not definitions.equal(given, definition):
            own = _older_copy(action, given, before, known)
    elif before is not None:
        # The action was deleted and left its definition with this job, whose own it is now.
        own = known.parsed[before.freezer_action] if given is None else given
        definition = own
    elif given is not None and (action_id, definitions.digest(given)) in known.digests:
        own = definition = given
    else:
        raise exceptions.UnprocessableEntity('An action_id of job_actions names no action.')
    filled = definitions.fill(definition if own is None else own, defaults)
    may_follow = not context.scope.is_v1 or (before is not None and before.follows)
    if own is not None or not may_follow or not same_json(filled, definition):
        own = filled
    if own is not None and before is None and action is not None:
        missing = {name for name in OPTIONS if entry.get(name) is None}
        entry = entry | {name: action.options[name] for name in missing}
    if before is not None:
        owner = load(before.document)['user_id']
    elif action is not None:
        owner = action.user_id
    else:
        owner = context.owner_id
    _add(resolved, context, entry, action_id, owner, filled, own, known.parsed, before)


def _is_echo(given: Definition | None, before: Any, parsed: _Parsed) -> bool:
    """Whether a job's own copy comes back as it was served; then it stays a copy, whatever the action is by now."""
    if given is None or before is None or before.follows:
        return False
    return definitions.equal(given, parsed[before.freezer_action])


def _older_copy(
    action: _Action, given: Definition, before: Any, known: _Known
) -> Definition | None:
    """Decide on a definition that is not the action's: None if the entry goes on following it.

    :raises UnprocessableEntity: the project never had this definition under this id
    """
    digest = definitions.digest(given)
    was_former = digest in action.former
    if was_former and before is not None and before.follows:
        # An agent sends back what it was given before the action changed.
        return None
    if _was_held(action, given, known):
        return given
    raise exceptions.UnprocessableEntity(
        'An entry of job_actions differs from the action it names; change the action, or leave action_id out.'
    )


def _was_held(action: _Action, given: Definition, known: _Known) -> bool:
    """Whether a definition was the action's, or is that of a job under its id."""
    digest = definitions.digest(given)
    return digest in action.former or (action.id, digest) in known.digests


def _make(
    context: RequestContext,
    entry: Document,
    action_id: str,
    defaults: Definition,
    known: _Known,
    resolved: Resolved,
) -> _Action:
    """An entry that brings an action of its own; return the action."""
    definition = definitions.fill(entry['freezer_action'], defaults)
    document: Document = {name: entry[name] for name in OPTIONS if name in entry}
    document['freezer_action'] = definition
    user_id = context.owner_id
    row = actions.new_row(context.scope.project_id, user_id, action_id, document)
    resolved.new_actions.append(row)
    own = definition if context.scope.is_v1 else None
    _add(resolved, context, entry, action_id, user_id, definition, own, known.parsed)
    return _Action.of(row)


def _add(
    resolved: Resolved,
    context: RequestContext,
    entry: Document,
    action_id: str,
    owner: str,
    definition: Definition,
    own: Definition | None,
    parsed: _Parsed,
    before: Any = None,
) -> None:
    extras = without(entry, _OWN)
    options = {name: entry.get(name) for name in OPTIONS}
    if before is not None:
        # What comes back as it was served does not become the job's own.
        served = _to_entry(before, parsed)
        stored = (before.retries, before.retry_interval, before.own_mandatory)
        for name, value in zip(options, stored, strict=True):
            if options[name] == served[name]:
                options[name] = value
    former: list[str] = []
    if before is not None:
        after = {**extras, **options, 'freezer_action': definition}
        former = _former(before, own, after, parsed)
    resolved.definitions.append(definition)
    resolved.rows.append(
        {
            'project_id': context.scope.project_id,
            'action_id': action_id,
            'follows': action_id if own is None else None,
            'priority': len(resolved.rows),
            'former': '\n'.join(former) or None,
            **to_values({**extras, **options}, owner, own),
        }
    )


def _former(
    before: Any, own: Definition | None, entry: Document, parsed: _Parsed
) -> list[str]:
    """The marks to keep with an entry that is going to replace another one.

    :param own: its own definition; None if it follows its action
    :param entry: with those options that are its own
    """
    served, after = parts(_to_entry(before, parsed)), parts(entry)
    stored = (before.retries, before.retry_interval, before.own_mandatory)
    for name, value in zip(OPTIONS, stored, strict=True):
        if value is None and after.get(name) is None:
            served.pop(name)
        else:
            after.setdefault(name, None)
    # The action remembers its own for all that go on following it.
    former = _own_marks(before) if own is None else replaced(before)
    return remember(former, served, after)


def to_values(entry: Document, owner: str, own: Definition | None) -> Document:
    """The columns that an entry fills, apart from its key, place and action.

    :param own: its own definition; None if it follows its action
    """
    extras = without(entry, _OWN)
    return {
        'retries': entry.get('max_retries'),
        'retry_interval': entry.get('max_retries_interval'),
        'mandatory': entry.get('mandatory'),
        'freezer_action': None if own is None else dump(own),
        'digest': None if own is None else definitions.digest(own),
        'document': dump({**extras, 'user_id': owner}),
        'search_text': search.text_of(own, extras),
    }


def insert(context: RequestContext, job_id: str, resolved: Resolved) -> None:
    """Store new actions and the entries of a job that has none yet."""
    actions.insert_many(context, resolved.new_actions)
    if resolved.rows:
        rows = [{**row, 'id': session.new_id(), 'job_id': job_id} for row in resolved.rows]
        context.connection.execute(_INSERT, rows)


def replace(context: RequestContext, job_id: str, resolved: Resolved) -> None:
    """Store new actions and the entries of a job in place of those that it has."""
    values = {'project_id': context.scope.project_id, 'job_id': job_id}
    context.connection.execute(_DELETE, values)
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
