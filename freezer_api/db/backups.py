# SPDX-License-Identifier: Apache-2.0
"""Backups: what agents report of the data that they have stored."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import search, session
from freezer_api.db.documents import Document, dump, load
from freezer_api.db.models import Backup
from freezer_api.domain.merge import same

_INDEX = search.Index(
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
        'host_name': Backup.hostname,
        'backup_name': Backup.backup_name,
        'time_stamp': Backup.time_stamp,
        'timestamp': Backup.time_stamp,
        'level': Backup.level,
        'curr_backup_level': Backup.curr_backup_level,
    },
    exact=('backup_id', 'hostname', 'client_id'),
    texts=(Backup.id, Backup.status, Backup.search_text),
    other=search.in_documents(Backup.backup_metadata),
    containers=('backup_metadata',),
    time=Backup.time_stamp,
)

_SERVED = {
    'backup_id': 'PRIMARY',
    'user_id': 'ix_backups_list_user',
    'status': 'ix_backups_status',
    'job_id': 'ix_backups_job_id',
    'client_id': 'ix_backups_client_id',
    'container': 'ix_backups_container',
    'hostname': 'ix_backups_hostname',
    'host_name': 'ix_backups_hostname',
    'backup_name': 'ix_backups_backup_name',
    'time_stamp': 'ix_backups_time_stamp',
    'timestamp': 'ix_backups_time_stamp',
}

_SHOWN = (
    Backup.project_id,
    Backup.id,
    Backup.user_id,
    Backup.user_name,
    Backup.status,
    Backup.backup_metadata,
    Backup.version,
)


def _to_values(metadata: Document) -> Document:
    hostname = metadata.get('hostname', metadata.get('host_name'))
    return {
        'job_id': search.key(metadata.get('job_id')),
        'client_id': search.key(metadata.get('client_id')),
        'container': search.key(metadata.get('container')),
        'hostname': search.key(hostname),
        'backup_name': search.key(metadata.get('backup_name')),
        'time_stamp': search.as_integer(metadata.get('time_stamp', metadata.get('timestamp'))),
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
        'status': row.status,
        'backup_metadata': load(row.backup_metadata),
    }


def _owned(context: RequestContext) -> list[Any]:
    scope = context.scope
    clauses: list[Any] = [Backup.project_id == scope.project_id]
    if scope.user_id is not None:
        clauses.append(Backup.user_id == scope.user_id)
    return clauses


def _select(context: RequestContext, backup_id: str) -> Any:
    statement = sa.select(*_SHOWN).where(*_owned(context), Backup.id == backup_id)
    row = context.connection.execute(statement).first()
    if row is None:
        raise exceptions.NotFound('There is no such backup.')
    return row


@session.reader
def find(context: RequestContext, wanted: search.Search, page: search.Page) -> list[Document]:
    """One page of backups, oldest record first."""
    listing = search.Listing(sa.and_(*_owned(context)), 'ix_backups_list', _SERVED)
    keys = search.keys(_INDEX, [listing], wanted, page)
    statement = (
        sa.select(*_SHOWN)
        .join(keys, sa.and_(keys.c.project_id == Backup.project_id, keys.c.id == Backup.id))
        .order_by(*search.in_order(keys))
    )
    return [_to_document(row) for row in context.connection.execute(statement)]


@session.reader
def get(context: RequestContext, backup_id: str) -> tuple[Document, int]:
    """A backup and its version.

    :raises NotFound: no such backup
    """
    row = _select(context, backup_id)
    return _to_document(row), row.version


@session.retry
@session.writer
def create(context: RequestContext, backup_id: str, status: str, metadata: Document) -> None:
    """Store the metadata of a backup."""
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
            **_to_values(metadata),
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
    result = context.connection.execute(
        sa.update(Backup)
        .where(
            Backup.project_id == row.project_id,
            Backup.id == row.id,
            Backup.version == row.version,
        )
        .values(
            status=status,
            updated_at=session.microseconds(),
            version=row.version + 1,
            **_to_values(metadata),
        )
    )
    session.swapped(result)
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
    result = context.connection.execute(
        sa.delete(Backup).where(
            Backup.project_id == row.project_id,
            Backup.id == row.id,
            Backup.version == row.version,
        )
    )
    session.swapped(result)
