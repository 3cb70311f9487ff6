# SPDX-License-Identifier: Apache-2.0
"""The tables that documents go to: inserts in batches, and updates of rows that nobody has changed."""

import dataclasses
import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from freezer_api import exceptions
from freezer_api.db import clients, members
from freezer_api.db.models import Client, ClientName, MigrationEntry, Session
from freezer_api.migrate.preparing import Prepared
from freezer_api.migrate.records import Document
from freezer_api.migrate.rows import ENTRIES, JOBS, MAIN, TABLES, Rows

# What differs between equal documents: the times and versions of their rows.
_INCIDENTAL = {'version', 'created_at', 'updated_at', 'last_seen', 'search_text', 'attached_at', 'run_tag'}
_REFUSED = (
    *(db_exception.DBDuplicateEntry, db_exception.DBDataError, db_exception.DBReferenceError),
    exceptions.Conflict,
)
_CLIENTS, _ATTACHMENTS = MAIN['clients'][0], MAIN['jobs'][0]


class Replaced(enum.Enum):
    """Whether new rows are in the place of others: yes; no, for theirs is another's; no, for those are in use."""

    DONE = enum.auto()
    TAKEN = enum.auto()
    IN_USE = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Referred:
    """What jobs refer to, by project and id.

    :ivar sessions: rows
    """

    clients: frozenset[tuple[str, str]]
    sessions: dict[tuple[str, str], Any]


# What documents refer to that refer to nothing.
NOTHING = Referred(frozenset(), {})


def any_of(project_id: Any, other: Any, keys: Iterable[tuple[str, str]]) -> Any:
    """The condition that two columns are one of some pairs, such that MariaDB looks them up in an index."""
    by_project: dict[str, list[str]] = defaultdict(list)
    for project, value in keys:
        by_project[project].append(value)
    return sa.or_(
        *(sa.and_(project_id == project, other.in_(values)) for project, values in by_project.items())
    )


def referred(connection: sa.Connection, documents: Iterable[Prepared]) -> Referred:
    """The clients that are not among the documents, and the sessions, that jobs refer to, as far as they are there."""
    clients, sessions = set(), set()
    for prepared in documents:
        document = prepared.document
        if 'job_schedule' in document and not prepared.has_client:
            clients.add((document['project_id'], document['client_id']))
        if 'job_schedule' in document and document['session_id']:
            sessions.add((document['project_id'], document['session_id']))
    here: frozenset[tuple[str, str]] = frozenset()
    if clients:
        # Most often no project has such a client, which a far shorter statement tells.
        names = _known_names(connection, {client_id for _, client_id in clients})
        clients = {key for key in clients if key[1] in names}
    if clients:
        statement = sa.select(Client.project_id, Client.id)
        statement = statement.where(any_of(Client.project_id, Client.id, clients))
        here = frozenset((row.project_id, row.id) for row in connection.execute(statement))
    if not sessions:
        return Referred(here, {})
    facts = sa.select(
        *(Session.project_id, Session.id, Session.status, Session.session_tag, Session.time_start)
    ).where(any_of(Session.project_id, Session.id, sessions))
    return Referred(
        here, {(row.project_id, row.id): row for row in connection.execute(facts)}
    )


def central_clients(connection: sa.Connection) -> dict[str, str]:
    """Projects of the central clients, by client id."""
    statement = sa.select(Client.central_id, Client.project_id).where(Client.central_id.is_not(None))
    return {str(row.central_id): row.project_id for row in connection.execute(statement)}


def insert(connection: sa.Connection, found: Iterable[Rows]) -> bool:
    """Insert the rows of documents, all or none; tell whether the tables took them."""
    try:
        with connection.begin_nested():
            _insert(connection, found)
    except _REFUSED:
        return False
    return True


def _insert(connection: sa.Connection, found: Iterable[Rows]) -> None:
    by_table: dict[sa.Table, list[Document]] = defaultdict(list)
    for rows in found:
        for table, some in rows.items():
            by_table[table] += some
    _take_names(connection, by_table[_CLIENTS])
    for table in TABLES:
        if by_table[table]:
            connection.execute(sa.insert(table), by_table[table])


def _take_names(connection: sa.Connection, rows: list[Document]) -> None:
    """Take the names of clients as registrations do, but those that nobody ever had in one go.

    :raises Conflict: one belongs to a central client, or is in use and is to be one
    """
    if not rows:
        return
    known = _known_names(connection, {row['id'] for row in rows})
    new = {row['id']: row for row in rows if not row['is_central'] and row['id'] not in known}
    if new:
        values = [{'id': name, 'central_project_id': None, 'version': 1} for name in new]
        connection.execute(sa.insert(ClientName), values)
    for row in rows:
        if new.get(row['id']) is not row:
            _take_name(connection, row)


def _take_name(connection: sa.Connection, row: Document) -> None:
    """Take a name as a registration does, even if jobs of earlier runs have it: they waited for this client.

    :raises Conflict: as above
    """
    project_id, client_id = row['project_id'], row['id']
    try:
        clients.take_name(connection, project_id, client_id, row['is_central'])
    except exceptions.Conflict:
        if not row['is_central']:
            raise
        # From here on nobody else takes it before the transaction ends.
        clients.take_name(connection, project_id, client_id, False)
        if not _waits_alone(connection, project_id, client_id):
            raise
        connection.execute(
            sa.update(ClientName)
            .where(ClientName.id == client_id)
            .values(central_project_id=project_id)
        )


def _waits_alone(connection: sa.Connection, project_id: str, client_id: str) -> bool:
    """Whether all that other projects have under a client's name are jobs as they were migrated."""
    client = sa.select(Client.id).where(Client.id == client_id, Client.project_id != project_id)
    if connection.execute(client.limit(1)).first() is not None:
        return False
    count = sa.select(sa.func.count()).select_from
    of_others = sa.and_(
        _ATTACHMENTS.c.client_id == client_id, _ATTACHMENTS.c.project_id != project_id
    )
    entry = MigrationEntry
    migrated = sa.and_(
        entry.collection == 'jobs',
        entry.project_id == _ATTACHMENTS.c.project_id,
        entry.target_id == _ATTACHMENTS.c.job_id,
        entry.version == _ATTACHMENTS.c.version,
        entry.updated_at == _ATTACHMENTS.c.updated_at,
    )
    jobs = connection.execute(count(_ATTACHMENTS).where(of_others)).scalar()
    as_migrated = count(_ATTACHMENTS.join(entry, migrated)).where(of_others)
    return jobs == connection.execute(as_migrated).scalar()


def _known_names(connection: sa.Connection, ids: Iterable[str]) -> set[str]:
    """Those of the ids that clients of any project have, or had."""
    statement = sa.select(ClientName.id).where(ClientName.id.in_(ids))
    return set(connection.execute(statement).scalars())


def key_of(kind: str, project_id: str, target_id: str) -> Any:
    """The condition for the row of a document that has its version."""
    table, name = MAIN[kind]
    return sa.and_(table.c.project_id == project_id, table.c[name] == target_id)


def is_as_migrated(connection: sa.Connection, kind: str, entry: Any) -> bool:
    """Whether nobody has changed or deleted the row of a ledger's entry; it stays so until the transaction ends."""
    table = MAIN[kind][0]
    row = connection.execute(
        sa.select(table.c.version, table.c.updated_at)
        .where(key_of(kind, entry.project_id, entry.target_id))
        .with_for_update()
    ).first()
    return row is not None and tuple(row) == (entry.version, entry.updated_at)


def replace(connection: sa.Connection, kind: str, entry: Any, rows: Rows) -> Replaced:
    """Put new rows in place of those of an earlier run, or leave these as they are."""
    if not is_as_migrated(connection, kind, entry):
        return Replaced.IN_USE
    table, name = MAIN[kind]
    new = rows[table][0]
    try:
        with connection.begin_nested():
            if (new['project_id'], new[name]) != (entry.project_id, entry.target_id):
                if not vacate(connection, kind, entry):
                    return Replaced.IN_USE
                _insert(connection, [rows])
                return Replaced.DONE
            if kind == 'clients' and new['is_central'] != _is_central(connection, new):
                clients.take_name(connection, *(new[name] for name in ('project_id', 'id', 'is_central')))
                if not new['is_central']:
                    _leave_to_projects(connection, new['id'])
            for changed, some in _main_rows(rows):
                columns = [column.name for column in changed.primary_key]
                same = [changed.c[column] == some[column] for column in columns]
                values = {column: value for column, value in some.items() if column not in columns}
                connection.execute(sa.update(changed).where(*same).values(values))
            if kind == 'jobs':
                connection.execute(
                    sa.delete(ENTRIES).where(
                        ENTRIES.c.project_id == entry.project_id, ENTRIES.c.job_id == entry.target_id
                    )
                )
                if rows[ENTRIES]:
                    connection.execute(sa.insert(ENTRIES), rows[ENTRIES])
    except _REFUSED:
        return Replaced.TAKEN
    return Replaced.DONE


def vacate(connection: sa.Connection, kind: str, entry: Any) -> bool:
    """Delete the rows of an earlier run that are about to be put elsewhere; tell whether nothing keeps them.

    The jobs of a session follow by themselves.
    """
    if not is_as_migrated(connection, kind, entry):
        return False
    try:
        with connection.begin_nested():
            if kind == 'sessions':
                connection.execute(
                    sa.update(_ATTACHMENTS)
                    .where(_are_members([(entry.project_id, entry.target_id)]))
                    # A job that was put into the session in the service keeps it there, by its foreign key.
                    .where(_ATTACHMENTS.c.attached_at.is_(None))
                    .values(members.OUTSIDE)
                )
            delete(connection, kind, [(entry.project_id, entry.target_id)])
    except _REFUSED:
        return False
    return True


def _leave_to_projects(connection: sa.Connection, client_id: str) -> None:
    """Let the jobs of a client that is central no more be those of their projects' own."""
    connection.execute(
        sa.update(_ATTACHMENTS)
        .where(_ATTACHMENTS.c.central_client_id == client_id)
        .values(central_client_id=None)
    )


def members_of(
    connection: sa.Connection, sessions: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The projects and ids of the jobs in some sessions."""
    columns = _ATTACHMENTS.c.project_id, _ATTACHMENTS.c.job_id
    found = connection.execute(sa.select(*columns).where(_are_members(sessions)))
    return [(row.project_id, row.job_id) for row in found]


def _are_members(sessions: Iterable[tuple[str, str]]) -> Any:
    return any_of(_ATTACHMENTS.c.project_id, _ATTACHMENTS.c.session_id, sessions)


def _is_central(connection: sa.Connection, row: Document) -> bool:
    key = key_of('clients', row['project_id'], row['id'])
    return bool(connection.execute(sa.select(_CLIENTS.c.is_central).where(key)).scalar())


def delete(connection: sa.Connection, kind: str, keys: list[tuple[str, str]]) -> int:
    """Delete the rows of documents; return how many documents were there."""
    table, name = MAIN[kind]
    names = _names(connection, keys) if kind == 'clients' else {}
    result = connection.execute(
        sa.delete(table).where(any_of(table.c.project_id, table.c[name], keys))
    )
    if names:
        _free_names(connection, keys, names)
    if kind == 'jobs':
        # The entries go with the job, by their foreign key.
        connection.execute(sa.delete(JOBS).where(any_of(JOBS.c.project_id, JOBS.c.id, keys)))
    return int(result.rowcount)


def _names(connection: sa.Connection, keys: list[tuple[str, str]]) -> dict[str, Any]:
    found = sa.select(ClientName).where(ClientName.id.in_({client_id for _, client_id in keys}))
    return {row.id: row for row in connection.execute(found)}


def _free_names(
    connection: sa.Connection, keys: list[tuple[str, str]], names: dict[str, Any]
) -> None:
    """Let names go that no client has any more, unless somebody registers one right now.

    :param names: as they were before the clients were deleted
    """
    used = set(
        connection.execute(sa.select(Client.id).where(Client.id.in_(names)).distinct()).scalars()
    )
    free = defaultdict(list)
    for client_id, row in names.items():
        if client_id not in used:
            free[row.version].append(client_id)
        elif (row.central_project_id, client_id) in keys:
            clients.release_name(connection, client_id)
    for version, ids in free.items():
        connection.execute(
            sa.delete(ClientName).where(ClientName.id.in_(ids), ClientName.version == version)
        )


def has_uuid(connection: sa.Connection, rows: Rows) -> bool:
    """Whether another client of the project has the uuid of this one."""
    row = rows[_CLIENTS][0]
    other = sa.select(_CLIENTS.c.id).where(
        _CLIENTS.c.project_id == row['project_id'],
        _CLIENTS.c.uuid == row['uuid'],
        _CLIENTS.c.id != row['id'],
    )
    return connection.execute(other).first() is not None


def has_same(connection: sa.Connection, kind: str, rows: Rows) -> bool:
    """Whether the tables have exactly this document already."""
    for table, row in _main_rows(rows):
        same = [table.c[column.name] == row[column.name] for column in table.primary_key]
        stored = connection.execute(sa.select(table).where(*same)).mappings().first()
        if stored is None or not _equal(stored, row):
            return False
    if kind != 'jobs':
        return True
    base = rows[JOBS][0]
    held = connection.execute(
        sa.select(ENTRIES)
        .where(ENTRIES.c.project_id == base['project_id'], ENTRIES.c.job_id == base['id'])
        .order_by(ENTRIES.c.priority)
    ).mappings()
    entries = list(held)
    return len(entries) == len(rows[ENTRIES]) and all(
        _equal(stored, {**row, 'id': stored['id']})
        for stored, row in zip(entries, rows[ENTRIES], strict=True)
    )


def _main_rows(rows: Rows) -> Iterator[tuple[sa.Table, Document]]:
    for table in TABLES:
        if table is not ENTRIES:
            for row in rows.get(table, ()):
                yield table, row


def _equal(stored: Any, row: Document) -> bool:
    return all(stored[name] == value for name, value in row.items() if name not in _INCIDENTAL)
