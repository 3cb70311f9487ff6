# SPDX-License-Identifier: Apache-2.0
"""A scratch database beside the spool: where each document is, and what deciding about it takes.

A million documents do not fit into the memory that a migration may use, and what becomes of one depends on the others.
It is made anew by every run and holds nothing that the spool does not.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from freezer_api.migrate import dump, ids
from freezer_api.migrate import records as record_lines
from freezer_api.migrate.cleaning import client_of, inner_id
from freezer_api.migrate.records import KINDS, Document, Record, Unusable
from freezer_api.migrate.values import Fields, Notes

_BATCH = 5000

# ``owner`` is the project that a document is placed in, ``target`` its id there, ``hint`` the project that a client id
# tells of, ``part`` what its session says of a job. ``state`` and ``reason`` are set where no row is made. What
# ``is_placed`` keeps its id, whatever others claim it. ``held`` has the documents that have rows of earlier runs.
_SCHEMA = """
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, kind INTEGER, position INTEGER, length INTEGER, place BLOB, content BLOB,
    source TEXT, id TEXT, inner_id TEXT, user_id TEXT, project_id TEXT, hint TEXT, job_id TEXT, session_id TEXT,
    hostname TEXT, uuid TEXT, central TEXT, version INTEGER, keys INTEGER,
    owner TEXT, target TEXT, is_unique INTEGER DEFAULT 1, is_seen INTEGER DEFAULT 0, is_extra INTEGER DEFAULT 0,
    is_placed INTEGER DEFAULT 0, part INTEGER, state TEXT, reason TEXT
);
CREATE TABLE entries (number INTEGER, action_id TEXT);
CREATE TABLE parts (
    id INTEGER PRIMARY KEY, number INTEGER, job_id TEXT, hint TEXT, given TEXT, part TEXT, is_held INTEGER DEFAULT 0
);
CREATE TABLE held (
    place BLOB PRIMARY KEY, kind INTEGER, content BLOB, owner TEXT, target TEXT, is_unique INTEGER, state INTEGER
) WITHOUT ROWID;
CREATE INDEX held_by_target ON held (kind, owner, target);
"""
_FACTS = (
    *('inner_id', 'user_id', 'project_id', 'hint', 'job_id', 'session_id', 'hostname', 'uuid'),
    'central',
)
_COLUMNS = (
    *('number', 'kind', 'position', 'length', 'place', 'content', 'source', 'id', *_FACTS),
    *('version', 'keys', 'state', 'reason'),
)
_INSERT = (
    f'INSERT INTO documents ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})'
)
_MASK = 2**128 - 1


class Index:
    """The scratch database.

    :ivar lines: how many lines there are
    :ivar digest: of all lines, whatever their order
    """

    def __init__(self, path: Path) -> None:
        # What sessions say of jobs is in it, so nobody else may read it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(descriptor, 0o600)
        os.close(descriptor)
        self._path = path
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute('PRAGMA journal_mode = OFF')
        self.database.execute('PRAGMA synchronous = OFF')
        self.database.execute('PRAGMA temp_store = FILE')
        # KiB.
        self.database.execute('PRAGMA cache_size = -32768')
        self.database.executescript(_SCHEMA)
        self.lines = 0

    def close(self) -> None:
        """End, and leave nothing behind."""
        self.database.close()
        self._path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self.database.execute('BEGIN')
        yield
        self.database.execute('COMMIT')

    def fill(
        self, spool: Path, kinds: Mapping[str, str], progress: Callable[[int], None]
    ) -> None:
        """Note all lines of a spool.

        :param kinds: what indices hold that are not named after it
        """
        rows: list[tuple[Any, ...]] = []
        entries: list[tuple[Any, ...]] = []
        parts: list[tuple[Any, ...]] = []
        with self.transaction():
            for position, length, line in dump.lines(spool):
                self.lines += 1
                rows.append(_row(self.lines, position, length, line, kinds, entries, parts))
                if len(rows) == _BATCH:
                    self._insert(rows, entries, parts)
                    progress(position)
            self._insert(rows, entries, parts)

    def _insert(self, *batches: list[tuple[Any, ...]]) -> None:
        statements = (
            _INSERT,
            'INSERT INTO entries VALUES (?, ?)',
            'INSERT INTO parts (number, job_id, hint, given, part) VALUES (?, ?, ?, ?, ?)',
        )
        for statement, batch in zip(statements, batches, strict=True):
            self.database.executemany(statement, batch)
            batch.clear()

    def hold(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Note documents that have rows of earlier runs."""
        self.database.executemany('INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?)', rows)

    def select(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return self.database.execute(statement, values)

    def value(self, statement: str, *values: Any) -> Any:
        """The first column of the first row, or none."""
        row = self.database.execute(statement, values).fetchone()
        return None if row is None else row[0]


def digest_of(spool: Path, progress: Callable[[int], None]) -> tuple[int, str]:
    """The number of lines in a spool, and a digest of all, whatever their order."""
    count = total = 0
    for position, length, line in dump.lines(spool):
        count += 1
        text = str(length).encode() if line is None else line
        total = (total + int.from_bytes(record_lines.digest(text))) & _MASK
        if count % _BATCH == 0:
            progress(position)
    return count, f'{total:032x}'


def _row(
    number: int,
    position: int,
    length: int,
    line: bytes | None,
    kinds: Mapping[str, str],
    entries: list[tuple[Any, ...]],
    parts: list[tuple[Any, ...]],
) -> tuple[Any, ...]:
    record = None
    try:
        if line is None:
            raise Unusable('line_too_long')
        record = record_lines.parse(line, kinds)
        return _usable(number, position, length, record, entries, parts)
    except Unusable as error:
        where, reason = error.where, error.reason
        kind = record_lines.known_kind(where, kinds)
        text = line or f'{position} {length}'.encode()
        if error.raw is not None:
            text = error.raw
    if record is not None:
        where, kind = (record.index, record.type, record.id), record.kind
    place = record_lines.digest(text) if where is None else record_lines.key(where)
    return (
        *(number, None if kind is None else KINDS.index(kind), position, length, place),
        *(record_lines.digest(text), _source(where), where and where[2]),
        *(None,) * len(_FACTS),
        *(0, 0, 'rejected', reason),
    )


def _usable(
    number: int,
    position: int,
    length: int,
    record: Record,
    entries: list[tuple[Any, ...]],
    parts: list[tuple[Any, ...]],
) -> tuple[Any, ...]:
    """The row of a line that holds a document.

    :raises Unusable: nothing can be made of it
    """
    where, kind = (record.index, record.type, record.id), record.kind
    content, facts = record_lines.content(record.source), _facts(record)
    if facts['user_id'] is None:
        raise Unusable('no_user')
    if kind == 'clients' and facts['inner_id'] is None:
        raise Unusable('no_client_id')
    if kind == 'jobs':
        _add_entries(number, record.source, entries)
    elif kind == 'sessions':
        _add_parts(number, record.source, parts)
    # Of several registrations, that of most keys counts; of rows, the one that was changed last.
    keys = 0 if record.is_row else len(record.source) + len(client_of(record.source))
    return (
        *(number, KINDS.index(kind), position, length, record_lines.key(where), content),
        *(_source(where), record.id, *(facts[name] for name in _FACTS), record.version),
        *(keys, None, None),
    )


def _source(where: tuple[str, str, str] | None) -> str:
    return '' if where is None else '/'.join(part for part in where if part)[:255]


def _facts(record: Record) -> Document:
    source, kind = record.source, record.kind
    inner = client_of(source) if kind == 'clients' else source
    metadata = source.get('backup_metadata')
    if kind != 'backups' or not isinstance(metadata, dict):
        metadata = {}
    client_id = _text(inner.get('client_id') or metadata.get('client_id'))
    hostname = inner.get('hostname') or metadata.get('hostname') or metadata.get('host_name')
    is_central = kind == 'clients' and str(inner.get('is_central')).lower() in ('true', '1')
    # As cleaning reads it, which makes texts of numbers.
    uuid = ids.owner(_readable(inner.get('uuid'))) or ids.owner(source.get('uuid'))
    return {
        'inner_id': inner_id(kind, source),
        'user_id': ids.owner(source.get('user_id')),
        'project_id': ids.owner(source.get('project_id')) or ids.owner(source.get('tenant_id')),
        'hint': ids.project_of_client(client_id),
        'job_id': _text(source.get('job_id') or metadata.get('job_id')),
        'session_id': ids.fitting('sessions', source.get('session_id')),
        'hostname': _text(hostname),
        'uuid': uuid if kind == 'clients' else None,
        'central': client_id if is_central else None,
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _readable(value: Any) -> str | None:
    return Fields(Notes(), {'value': value}).text('value')


def _add_entries(number: int, source: Document, entries: list[tuple[Any, ...]]) -> None:
    found = source.get('job_actions')
    for entry in found if isinstance(found, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get('action_id'), str):
            entries.append((number, ids.fitting('actions', entry['action_id'])))


def _add_parts(number: int, source: Document, parts: list[tuple[Any, ...]]) -> None:
    found = source.get('jobs')
    for job_id, part in (found if isinstance(found, dict) else {}).items():
        client_id = part.get('client_id') if isinstance(part, dict) else None
        hint = ids.project_of_client(client_id)
        parts.append(
            (number, ids.fitting('jobs', job_id), hint, job_id, orjson.dumps(part).decode())
        )
