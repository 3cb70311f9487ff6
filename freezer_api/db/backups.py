# SPDX-License-Identifier: Apache-2.0
"""Backups: what agents report of the data that they have stored."""

import dataclasses
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import functions, quotas, search, session, swaps
from freezer_api.db.documents import Document, dump, load, without
from freezer_api.db.models import Backup
from freezer_api.domain.merge import same


def _spelled(name: str, column: Any) -> Callable[[search.Condition], Any]:
    """Search a key of the first documents by its name there, and in later ones by the column of its new name."""

    def clause(condition: search.Condition) -> Any:
        given = functions.json_text(Backup.backup_metadata, (name,))
        value = sa.func.coalesce(given, sa.cast(column, sa.Text))
        return search.equals(value, search.as_text(condition.value), condition.negated)

    return clause


_KEYS = search.Index(
    key=(Backup.project_id, Backup.id),
    order=(Backup.created_at, Backup.id),
    columns={
        'backup_id': Backup.id,
        'project_id': Backup.project_id,
        'user_id': Backup.user_id,
        'user_name': Backup.user_name,
        'status': Backup.status,
        'job_id': Backup.job_id,
        'client_id': Backup.client_id,
        'container': Backup.container,
        'hostname': Backup.hostname,
        'backup_name': Backup.backup_name,
        'time_stamp': Backup.time_stamp,
        'level': Backup.level,
        'curr_backup_level': Backup.curr_backup_level,
    },
    exact=('backup_id', 'hostname', 'client_id'),
    texts=(Backup.id, Backup.status, Backup.search_text),
    other=search.in_documents(Backup.backup_metadata),
    containers=('backup_metadata',),
    special={
        'host_name': _spelled('host_name', Backup.hostname),
        'timestamp': _spelled('timestamp', Backup.time_stamp),
    },
    time=Backup.time_stamp,
)
# What a version does not show may still be a key of the metadata.
_INDEX = _KEYS.without('user_name')
_INDEX_V1 = dataclasses.replace(
    _KEYS.without('project_id', 'status'),
    texts=(Backup.id, Backup.user_name, Backup.search_text),
)

_SERVED = {
    'backup_id': 'PRIMARY',
    'user_id': 'ix_backups_list_user',
    'status': 'ix_backups_status',
    'job_id': 'ix_backups_job_id',
    'client_id': 'ix_backups_client_id',
    'container': 'ix_backups_container',
    'hostname': 'ix_backups_hostname',
    'backup_name': 'ix_backups_backup_name',
    'time_stamp': 'ix_backups_time_stamp',
}
_SERVED_V1 = without(_SERVED, ['status'])

_SHOWN = (
    Backup.project_id,
    Backup.id,
    Backup.user_id,
    Backup.user_name,
    Backup.status,
    Backup.backup_metadata,
    Backup.version,
)


def to_values(metadata: Document) -> Document:
    """The columns that the metadata fills."""
    # The first documents spell these two differently; agents write "" for what they do not know.
    hostname = metadata.get('hostname')
    if hostname in (None, '') and 'host_name' in metadata:
        hostname = metadata['host_name']
    time_stamp = search.as_integer(metadata.get('time_stamp'))
    if time_stamp is None:
        time_stamp = search.as_integer(metadata.get('timestamp'))
    return {
        'job_id': search.key(metadata.get('job_id')),
        'client_id': search.key(metadata.get('client_id')),
        'container': search.key(metadata.get('container')),
        'hostname': search.key(hostname),
        'backup_name': search.key(metadata.get('backup_name')),
        'time_stamp': time_stamp,
        'level': search.key(metadata.get('level')),
        'curr_backup_level': search.key(metadata.get('curr_backup_level')),
        'backup_metadata': dump(metadata),
        'search_text': search.text_of(metadata),
    }


def _to_document(row: Any) -> Document:
    return {
        'backup_id': row.id,
        'project_id': row.project_id,
        'user_id': row.user_id,
        'user_name': row.user_name,
        'status': row.status,
        'backup_metadata': load(row.backup_metadata),
    }


# Made once: for SQLAlchemy it is more work to make a statement than to send it.
_SELECT_ONE = sa.select(*_SHOWN).where(
    Backup.project_id == sa.bindparam('project_id'), Backup.id == sa.bindparam('backup_id')
)


def _select(context: RequestContext, backup_id: str) -> Any:
    scope = context.scope
    statement = _SELECT_ONE
    if scope.user_id is not None:
        statement = statement.where(Backup.user_id == scope.user_id)
    values = {'project_id': scope.project_id, 'backup_id': backup_id}
    row = context.connection.execute(statement, values).first()
    if row is None:
        raise exceptions.NotFound('There is no such backup.')
    return row


def _page(index: search.Index, wanted: search.Search, is_v1: bool) -> Any:
    listing = search.owned(Backup, 'ix_backups_list', _SERVED_V1 if is_v1 else _SERVED, is_v1)
    return search.rows(Backup, _SHOWN, search.keys(index, [listing], wanted))


@session.reader
def find(context: RequestContext, wanted: search.Search, page: search.Page) -> list[Document]:
    """One page of backups, oldest record first."""
    scope = context.scope
    index = _INDEX_V1 if scope.is_v1 else _INDEX
    statement, values = search.statement(index, _page, wanted, page, scope.is_v1)
    values |= {'project_id': scope.project_id, 'user_id': scope.user_id}
    return [_to_document(row) for row in context.connection.execute(statement, values)]


@session.reader
def get(context: RequestContext, backup_id: str) -> tuple[Document, int]:
    """A backup and its version.

    :raises NotFound: no such backup
    """
    row = _select(context, backup_id)
    return _to_document(row), row.version


@quotas.limited('backups')
@session.retry
@session.writer
def create(context: RequestContext, backup_id: str, status: str, metadata: Document) -> None:
    """Store the metadata of a backup."""
    quotas.claim(context, 'backups')
    now = session.microseconds()
    context.connection.execute(
        sa.insert(Backup).values(
            project_id=context.scope.project_id,
            id=backup_id,
            user_id=context.owner_id,
            user_name=search.key(context.user_name),
            status=status,
            created_at=now,
            updated_at=now,
            version=1,
            **to_values(metadata),
        )
    )


@session.retry
@session.writer
def update(
    context: RequestContext,
    backup_id: str,
    change: Callable[[str, Document], tuple[str, Document]],
    expected: session.Versions | None,
) -> tuple[Document, int]:
    """Change status and metadata; return the document and its version.

    :param change: makes new ones of the stored ones; may run more than once
    :raises NotFound: no such backup
    :raises PreconditionFailed: its version is none of those expected
    """
    row = _select(context, backup_id)
    session.check_version(expected, row.version)
    document = _to_document(row)
    status, metadata = change(row.status, document['backup_metadata'])
    changed = {**document, 'status': status, 'backup_metadata': metadata}
    if same(changed, document):
        return document, row.version
    swaps.one(context, Backup, row, {'status': status, **to_values(metadata)})
    return changed, row.version + 1


@session.retry
@session.writer
def delete(context: RequestContext, backup_id: str, expected: session.Versions | None) -> None:
    """Delete a backup's record.

    :raises NotFound: no such backup
    :raises PreconditionFailed: its version is none of those expected
    """
    row = _select(context, backup_id)
    session.check_version(expected, row.version)
    swaps.delete(context, Backup, row)
