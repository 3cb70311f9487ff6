# SPDX-License-Identifier: Apache-2.0
"""The account of a migration: one entry for each document, written in the transaction of its rows."""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from oslo_db import exception as db_exception

from freezer_api.db import session
from freezer_api.db.documents import MAX_SIZE, size_in_statement
from freezer_api.db.models import MigrationEntry, MigrationRun
from freezer_api.db.session import Database
from freezer_api.migrate import records
from freezer_api.migrate.errors import TargetError
from freezer_api.migrate.records import Document, digest
from freezer_api.migrate.rows import MAIN

ENTRIES: sa.Table = MigrationEntry.__table__  # type: ignore[assignment]
_RUNS: sa.Table = MigrationRun.__table__  # type: ignore[assignment]

_LOCK = 'freezer_migration'
_LOCK_NUMBER = 0x667265657A6572  # the same for PostgreSQL
# Seconds that MySQL is to keep the connection with the lock, which says nothing else until the end.
_STAY = sa.text('SET SESSION wait_timeout = 2147483')
_TAKEN = 'Another migration into this database is at work.'

# What stands in a remainder for values that were too large.
_OMITTED = '_omitted'
# Bytes for the rest of an entry and its statement; and those that any column and statement holds.
_AROUND = 2**16
_SMALL = 2**18

_SEEN = (
    *(ENTRIES.c.id, ENTRIES.c.digest, ENTRIES.c.state, ENTRIES.c.reasons, ENTRIES.c.project_id),
    *(ENTRIES.c.target_id, ENTRIES.c.version, ENTRIES.c.updated_at, ENTRIES.c.run_id),
)


def find(connection: sa.Connection, keys: Iterable[str]) -> dict[str, Any]:
    """Entries by id."""
    statement = sa.select(*_SEEN).where(ENTRIES.c.id.in_(list(keys)))
    return {row.id: row for row in connection.execute(statement)}


def is_empty(connection: sa.Connection) -> bool:
    return connection.execute(sa.select(ENTRIES.c.id).limit(1)).first() is None


def write(
    connection: sa.Connection, entries: list[Document], known: Mapping[str, Any]
) -> None:
    """Store entries, in place of those that are there."""
    new = [entry for entry in entries if entry['id'] not in known]
    if new:
        connection.execute(sa.insert(ENTRIES), new)
    for entry in entries:
        if entry['id'] in known:
            values = {name: value for name, value in entry.items() if name != 'id'}
            connection.execute(
                sa.update(ENTRIES).where(ENTRIES.c.id == entry['id']).values(values)
            )


def left_of(connection: sa.Connection, kind: str, entry: Any) -> Document:
    """What is to be kept of an entry whose row is about to be another document's: the row too."""
    table, name = MAIN[kind]
    key = sa.and_(table.c.project_id == entry.project_id, table.c[name] == entry.target_id)
    row = connection.execute(sa.select(table).where(key)).mappings().one()
    remainder = connection.execute(sa.select(ENTRIES.c.remainder).where(ENTRIES.c.id == entry.id)).scalar()
    return {
        **(orjson.loads(remainder) if remainder else {}),
        'row': {column: row[column] for column in row if column != 'search_text'},
    }


def text(remainder: Document | None, packet: int | None = None) -> str | None:
    """A remainder as it is stored: JSON that any database takes, whatever the characters.

    Of one that is too large the largest values are left out, and how many bytes these had is noted.

    :param packet: bytes that a statement may have; None for no limit
    """
    if not remainder:
        return None
    found = records.dumps(remainder)
    most = MAX_SIZE if packet is None else min(MAX_SIZE, packet)
    left = most - _AROUND
    if 4 * len(found) < _SMALL or size_in_statement(found) <= left:
        return found
    parts = {name: records.dumps({name: value}) for name, value in remainder.items()}
    kept = {}
    for name in sorted(parts, key=lambda name: len(parts[name])):
        left -= size_in_statement(parts[name])
        if left < 0:
            break
        kept[name] = remainder[name]
    left_out = [len(text.encode()) for name, text in parts.items() if name not in kept]
    return records.dumps({**kept, _OMITTED: {'keys': len(left_out), 'bytes': sum(left_out)}})


def look_again(connection: sa.Connection, kind: str, condition: Any) -> None:
    """Have the next look at documents find them changed."""
    connection.execute(
        sa.update(ENTRIES).where(ENTRIES.c.collection == kind, condition).values(digest='')
    )


def begin(connection: sa.Connection, run_id: str) -> None:
    """Note that a run has begun."""
    values = {'id': run_id, 'started_at': session.microseconds()}
    connection.execute(sa.insert(_RUNS).values(values))


def end(connection: sa.Connection, run_id: str, digest: str, report: Document) -> None:
    """Note that a run has come to its end, and what came of it."""
    connection.execute(
        sa.update(_RUNS)
        .where(_RUNS.c.id == run_id)
        .values(
            digest=digest,
            report=orjson.dumps(report).decode(),
            ended_at=session.microseconds(),
        )
    )


def last_report(connection: sa.Connection, digest: str) -> Document | None:
    """The report of the last run, if it came to its end with this digest."""
    row = connection.execute(
        sa.select(_RUNS.c.digest, _RUNS.c.report).order_by(_RUNS.c.started_at.desc()).limit(1)
    ).first()
    if row is None or row.digest != digest or row.report is None:
        return None
    report: Document = orjson.loads(row.report)
    return report


def forget_runs(connection: sa.Connection) -> None:
    connection.execute(sa.delete(_RUNS))


def _is_taken(connection: sa.Connection, take: Any) -> bool:
    try:
        return bool(connection.execute(take).scalar())
    except db_exception.DBError:
        # Percona XtraDB Cluster refuses such locks in its strict mode.
        return True


@contextlib.contextmanager
def _locked_file(database: str | None) -> Iterator[None]:
    """Hold a lock beside a database of SQLite, whose own locks end with a transaction.

    :raises TargetError: another one holds it, or none can be had
    """
    if not database or database == ':memory:':
        yield
        return
    path = Path(f'{database}.migration')
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TargetError(f'{path} cannot be written: {error.strerror}') from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The one that held it before may have removed it meanwhile.
            is_held = os.path.samestat(os.fstat(file), path.stat())
        except OSError:
            is_held = False
        if not is_held:
            raise TargetError(_TAKEN)
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(file)


@contextlib.contextmanager
def locked(database: Database) -> Iterator[None]:
    """Keep a second migration into the same database out; one server of a Galera cluster knows nothing of another.

    :raises TargetError: another one is at work
    """
    engine = database.engines[0]
    if engine.dialect.name == 'sqlite':
        with _locked_file(engine.url.database):
            yield
        return
    # Locks of MySQL belong to the server, and have names of at most 64 characters.
    name = f'{_LOCK}_{digest(str(engine.url.database).encode()).hex()}'
    take = {
        'mysql': sa.text('SELECT GET_LOCK(:name, 0)').bindparams(name=name),
        'mariadb': sa.text('SELECT GET_LOCK(:name, 0)').bindparams(name=name),
        'postgresql': sa.text('SELECT pg_try_advisory_lock(:number)').bindparams(
            number=_LOCK_NUMBER
        ),
    }.get(engine.dialect.name)
    if take is None:
        yield
        return
    connection = engine.connect().execution_options(isolation_level='AUTOCOMMIT')
    try:
        if engine.dialect.name != 'postgresql':
            connection.execute(_STAY)
        if not _is_taken(connection, take):
            raise TargetError(_TAKEN)
        yield
    finally:
        # The lock ends with the connection, which must not go back into the pool.
        with contextlib.suppress(Exception):
            connection.invalidate()
        connection.close()
