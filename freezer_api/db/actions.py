# SPDX-License-Identifier: Apache-2.0
"""Actions: the catalogue of what jobs do."""

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception
from sqlalchemy import orm

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import quotas, search, session, swaps
from freezer_api.db.documents import MAX_SIZE, Document, dump, load, without
from freezer_api.db.models import Action, ActionAttachment, JobAttachment
from freezer_api.domain import definitions, entries

MAX_RETRIES = 5
MAX_RETRIES_INTERVAL = 6

# Keys of the document that the service owns or that have a place of their own.
_OWN = (
    'action_id',
    'project_id',
    'user_id',
    'max_retries',
    'max_retries_interval',
    'mandatory',
    'freezer_action',
    'version',
    '_version',
)

_INDEX = search.Index(
    key=(Action.project_id, Action.id),
    order=(Action.created_at, Action.id),
    columns={
        'action_id': Action.id,
        'user_id': Action.user_id,
        'project_id': Action.project_id,
        'max_retries': Action.max_retries,
        'max_retries_interval': Action.max_retries_interval,
        'mandatory': Action.mandatory,
        'action': Action.action,
        'mode': Action.mode,
        'path_to_backup': Action.src_file,
        'backup_name': Action.backup_name,
        'container': Action.container,
        'restore_abs_path': Action.restore_abs_path,
    },
    exact=('action_id',),
    texts=(Action.id, Action.search_text),
    other=search.in_documents(Action.document, Action.freezer_action),
    containers=('freezer_action',),
)

_INDEX_V1 = _INDEX.without('project_id')

_SERVED = {
    'action_id': 'PRIMARY',
    'user_id': 'ix_actions_list_user',
    'backup_name': 'ix_actions_backup_name',
    'container': 'ix_actions_container',
}


def to_values(document: Document) -> Document:
    """The columns that a document fills, apart from its key, owner, times and version."""
    search_text = search.text_of(document['freezer_action'], without(document, _OWN))
    return {**_to_columns(document), 'search_text': search_text}


def _to_columns(document: Document) -> Document:
    """The same without the text for search, which takes longest to make."""
    definition = document['freezer_action']
    extras = without(document, _OWN)
    return {
        'action': search.key(definition.get('action')),
        'mode': search.key(definition.get('mode')),
        'src_file': search.key(definition.get('path_to_backup') or definition.get('src_file')),
        'backup_name': search.key(definition.get('backup_name')),
        'container': search.key(definition.get('container')),
        'restore_abs_path': search.key(definition.get('restore_abs_path')),
        'max_retries': _or(document.get('max_retries'), MAX_RETRIES),
        'max_retries_interval': _or(document.get('max_retries_interval'), MAX_RETRIES_INTERVAL),
        'mandatory': bool(document.get('mandatory')),
        'freezer_action': dump(definition),
        'document': dump(extras),
    }


def new_row(project_id: str, user_id: str, action_id: str, document: Document) -> Document:
    """A complete new row."""
    now = session.microseconds()
    return {
        'project_id': project_id,
        'id': action_id,
        'user_id': user_id,
        'former': '[]',
        'created_at': now,
        'updated_at': now,
        'version': 1,
        **to_values(document),
    }


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _to_document(row: Any) -> Document:
    return {
        'action_id': row.id,
        'project_id': row.project_id,
        'user_id': row.user_id,
        'max_retries': row.max_retries,
        'max_retries_interval': row.max_retries_interval,
        'mandatory': row.mandatory,
        'freezer_action': load(row.freezer_action),
        **load(row.document),
    }


_SHOWN = (
    Action.project_id,
    Action.id,
    Action.user_id,
    Action.max_retries,
    Action.max_retries_interval,
    Action.mandatory,
    Action.freezer_action,
    Action.document,
    Action.version,
)


# Made once: for SQLAlchemy it is more work to make a statement than to send it.
_SELECT_ONE = sa.select(*_SHOWN, Action.former).where(
    Action.project_id == sa.bindparam('project_id'), Action.id == sa.bindparam('action_id')
)
_SELECT_MANY = (
    sa.select(*_SHOWN, Action.former)
    .where(
        Action.project_id == sa.bindparam('project_id'),
        Action.id.in_(sa.bindparam('ids', expanding=True)),
    )
    .with_for_update(read=True)
)
_INSERT = sa.insert(Action)

# Characters of definitions of which a job may have as many as it may have entries by default.
_SHORT = 50_000


def _select_too_long() -> Any:
    """Some job that follows an action, if all entries of the job together are longer than ``size``."""
    entry, follower = ActionAttachment, orm.aliased(ActionAttachment)
    followers = (
        sa.select(follower.project_id, follower.job_id)
        .where(
            follower.project_id == sa.bindparam('project_id'),
            follower.follows == sa.bindparam('action_id'),
        )
        .distinct()
        .subquery()
    )
    definition = sa.func.coalesce(entry.freezer_action, Action.freezer_action)
    return (
        sa.select(entry.job_id)
        .select_from(followers)
        .join(
            entry,
            sa.and_(
                entry.project_id == followers.c.project_id, entry.job_id == followers.c.job_id
            ),
        )
        .outerjoin(
            Action, sa.and_(Action.project_id == entry.project_id, Action.id == entry.follows)
        )
        .group_by(entry.job_id)
        .having(
            sa.func.sum(sa.func.length(definition) + sa.func.length(entry.document))
            > sa.bindparam('size')
        )
        .limit(1)
    )


_SELECT_TOO_LONG = _select_too_long()


def _select(context: RequestContext, action_id: str) -> Any:
    scope = context.scope
    statement = _SELECT_ONE
    if scope.user_id is not None:
        statement = statement.where(Action.user_id == scope.user_id)
    values = {'project_id': scope.project_id, 'action_id': action_id}
    row = context.connection.execute(statement, values).first()
    if row is None:
        raise exceptions.NotFound('There is no such action.')
    return row


def _page(index: search.Index, wanted: search.Search, is_v1: bool) -> Any:
    listing = search.owned(Action, 'ix_actions_list', _SERVED, is_v1)
    return search.rows(Action, _SHOWN, search.keys(index, [listing], wanted))


@session.reader
def find(context: RequestContext, wanted: search.Search, page: search.Page) -> list[Document]:
    """One page of actions, oldest first."""
    scope = context.scope
    index = _INDEX_V1 if scope.is_v1 else _INDEX
    statement, values = search.statement(index, _page, wanted, page, scope.is_v1)
    values |= {'project_id': scope.project_id, 'user_id': scope.user_id}
    return [_to_document(row) for row in context.connection.execute(statement, values)]


@session.reader
def get(context: RequestContext, action_id: str) -> tuple[Document, int]:
    """An action and its version.

    :raises NotFound: no such action
    """
    row = _select(context, action_id)
    return _to_document(row), row.version


@quotas.limited('actions')
@session.retry
@session.writer
def create(context: RequestContext, action_id: str, document: Document) -> None:
    """Store an action.

    :raises Conflict: the project has an action with that id
    """
    _insert(context, action_id, document)


def _insert(context: RequestContext, action_id: str, document: Document) -> None:
    quotas.claim(context, 'actions')
    row = new_row(context.scope.project_id, context.owner_id, action_id, document)
    try:
        context.connection.execute(_INSERT, row)
    except db_exception.DBDuplicateEntry:
        raise exceptions.IdTaken('The project has an action with this id.') from None


@session.retry
@session.writer
def update(
    context: RequestContext,
    action_id: str,
    change: Callable[[Document], Document],
    expected: session.Versions | None,
) -> int:
    """Change an action, and with it every job that follows it; return its version.

    :param change: makes the new document of the stored one; may run more than once
    :raises NotFound: no such action
    :raises PreconditionFailed: its version is none of those expected
    """
    row = _select(context, action_id)
    session.check_version(expected, row.version)
    return _write(context, row, change(_to_document(row)))


def _write(context: RequestContext, row: Any, document: Document) -> int:
    stored = _to_document(row)
    if _to_columns(stored) == _to_columns(document):
        version: int = row.version
        return version
    values = to_values(document)
    after = {**values, 'freezer_action': document['freezer_action']}
    former = entries.remember(load(row.former), _shared(stored), _shared(after))
    swaps.one(context, Action, row, {**values, 'former': dump(former)})
    if max(_SHORT, len(row.freezer_action)) < len(values['freezer_action']):
        _check_followers(context, row)
    # Joined: of a subquery MariaDB 10.11 makes a look at, and a lock on, every job of the project.
    entry = ActionAttachment
    context.connection.execute(
        sa.update(JobAttachment)
        .where(
            JobAttachment.project_id == entry.project_id,
            JobAttachment.job_id == entry.job_id,
            entry.project_id == row.project_id,
            entry.follows == row.id,
        )
        .values({JobAttachment.version: JobAttachment.version + 1})
    )
    return int(row.version) + 1


def _check_followers(context: RequestContext, row: Any) -> None:
    """Make sure that jobs which follow an action that has grown can still be served.

    :raises BadRequest: one would be longer than a document may be
    """
    values = {'project_id': row.project_id, 'action_id': row.id, 'size': MAX_SIZE}
    if context.connection.execute(_SELECT_TOO_LONG, values).first() is not None:
        raise exceptions.BadRequest(f'A job that follows the action would be longer than {MAX_SIZE} bytes.')


def _shared(document: Document) -> Document:
    """The parts of an action that the entries which follow it have too."""
    names = (entries.DEFINITION, *entries.OPTIONS)
    return {name: document[name] for name in names}


@quotas.limited('actions')
@session.retry
@session.writer
def replace(
    context: RequestContext, action_id: str, document: Document, expected: session.Versions | None
) -> int:
    """Store the action under the id, in place of the one that is there; return its version.

    :raises Conflict: v1: the action belongs to another user of the project
    :raises PreconditionFailed: its version is none of those expected
    """
    try:
        row = _select(context, action_id)
    except exceptions.NotFound:
        session.check_version(expected, 0)
        with session.replacing(context):
            _insert(context, action_id, document)
        return 1
    session.check_version(expected, row.version)
    return _write(context, row, document)


@session.retry
@session.writer
def delete(context: RequestContext, action_id: str, expected: session.Versions | None) -> bool:
    """Delete an action; jobs that follow it keep its last definition. Tell whether it was there.

    :raises PreconditionFailed: its version is none of those expected
    """
    try:
        row = _select(context, action_id)
    except exceptions.NotFound:
        return False
    session.check_version(expected, row.version)
    own = ActionAttachment
    definition = load(row.freezer_action)
    former: Any = own.former
    if marks := load(row.former):
        former = sa.func.coalesce(own.former + '\n', '') + '\n'.join(marks)
    context.connection.execute(
        sa.update(own)
        .where(own.project_id == row.project_id, own.follows == row.id)
        .values(
            follows=None,
            freezer_action=row.freezer_action,
            digest=definitions.digest(definition),
            former=former,
            search_text=own.search_text + '\n' + search.text_of(definition),
            retries=sa.func.coalesce(own.retries, row.max_retries),
            retry_interval=sa.func.coalesce(own.retry_interval, row.max_retries_interval),
            mandatory=sa.func.coalesce(own.mandatory, row.mandatory),
        )
    )
    try:
        swaps.delete(context, Action, row)
    except db_exception.DBReferenceError:
        # A job began to follow it meanwhile.
        raise session.lost_race() from None
    return True


def select_many(context: RequestContext, ids: Collection[str]) -> dict[str, Any]:
    """Rows of the project by id, for jobs that refer to them; they stay as they are until the transaction ends."""
    if not ids:
        return {}
    values = {'project_id': context.scope.project_id, 'ids': list(ids)}
    return {row.id: row for row in context.connection.execute(_SELECT_MANY, values)}


def insert_many(context: RequestContext, rows: list[Document]) -> None:
    """Store actions that a job brings with it."""
    if not rows:
        return
    quotas.claim(context, 'actions', len(rows))
    try:
        context.connection.execute(_INSERT, rows)
    except db_exception.DBDuplicateEntry:
        # By v1, under an id that somebody else has taken meanwhile.
        raise session.lost_race() from None
