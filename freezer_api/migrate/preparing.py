# SPDX-License-Identifier: Apache-2.0
"""Planned lines read, cleaned and turned into rows, as far as that needs no look at the tables."""

import dataclasses
from collections.abc import Iterator, Mapping

import orjson

from freezer_api import exceptions
from freezer_api.migrate import checks, cleaning, records, rows
from freezer_api.migrate.dump import Reader
from freezer_api.migrate.index import Index
from freezer_api.migrate.records import KINDS, Document
from freezer_api.migrate.rows import Rows
from freezer_api.migrate.values import Notes

# Documents, and bytes of them, in one transaction.
_BATCH = 500
_BATCH_BYTES = 2 * 2**20

COLUMNS = (
    'number, kind, position, length, place, content, source, owner, target, is_unique, is_extra, part,'
    ' state, reason'
)
_THERE = 'SELECT 1 FROM documents WHERE kind = ? AND owner = ? AND target = ? AND state IS NULL'


@dataclasses.dataclass(slots=True)
class Planned:
    """A line of the index.

    :ivar is_extra: the ledger's entry for its place is that of another line
    """

    number: int
    kind: int | None
    position: int
    length: int
    place: bytes
    content: bytes
    source: str
    owner: str | None
    target: str | None
    is_unique: int
    is_extra: int
    part: int | None
    state: str | None
    reason: str | None

    @property
    def key(self) -> str:
        return self.place.hex()

    @property
    def collection(self) -> str | None:
        return None if self.kind is None else KINDS[self.kind]


@dataclasses.dataclass(slots=True)
class Prepared:
    """A document and its rows.

    :ivar rows: those of a job belong to no session yet
    :ivar part: what its session says of a job
    :ivar has_client: whether the client of a job is among the documents
    :ivar refused: the reason if there can be no rows
    """

    document: Document
    notes: Notes
    rows: Rows
    part: Document | None = None
    has_client: bool = False
    refused: str | None = None


def is_there(index: Index, kind: str, owner: str, target: str) -> bool:
    """Whether the plan makes a row of such a document."""
    return index.value(_THERE, KINDS.index(kind), owner, target) is not None


def batches(index: Index, kind: int | None) -> Iterator[list[Planned]]:
    """The lines of one kind, in their order, in parts of the size of a transaction."""
    last, of_kind = 0, 'IS NULL' if kind is None else f'= {kind}'
    statement = f'SELECT {COLUMNS} FROM documents WHERE kind {of_kind} AND number > ? ORDER BY number LIMIT ?'
    while True:
        batch: list[Planned] = []
        size = 0
        for row in index.select(statement, last, _BATCH).fetchall():
            planned = Planned(*row)
            size += planned.length
            if batch and size > _BATCH_BYTES:
                break
            batch.append(planned)
        if not batch:
            return
        yield batch
        last = batch[-1].number


def chosen(index: Index, numbers: list[int]) -> Iterator[list[Planned]]:
    """Some lines by their numbers, in parts of the size of a transaction."""
    for start in range(0, len(numbers), _BATCH):
        some = numbers[start : start + _BATCH]
        marks = ', '.join('?' * len(some))
        statement = f'SELECT {COLUMNS} FROM documents WHERE number IN ({marks}) ORDER BY number'
        yield [Planned(*row) for row in index.select(statement, *some).fetchall()]


def holder(index: Index, planned: Planned) -> tuple[str, Planned | None] | None:
    """The other document that had the place of this one before the run: its key, and its line if it has one."""
    place = index.value(
        'SELECT place FROM held WHERE kind = ? AND owner = ? AND target = ? AND place != ?',
        *(planned.kind, planned.owner, planned.target, planned.place),
    )
    if place is None:
        return None
    row = index.select(
        f'SELECT {COLUMNS} FROM documents WHERE place = ? AND is_extra = 0', place
    ).fetchone()
    return place.hex(), None if row is None else Planned(*row)


def read(
    index: Index, reader: Reader, kinds: Mapping[str, str], planned: Planned
) -> cleaning.Cleaned:
    """The document of a planned line, as the API is going to show it apart from what it refers to."""
    record = records.parse(reader.read(planned.position, planned.length), kinds)
    place = cleaning.Place(planned.owner or '', planned.target or '', bool(planned.is_unique))
    cleaned = cleaning.clean(record, place)
    if record.kind == 'sessions':
        _hold_parts(index, planned.number, cleaned)
    return cleaned


def _hold_parts(index: Index, number: int, cleaned: cleaning.Cleaned) -> None:
    """Leave those jobs in a session that name it; what it says of others goes to the ledger."""
    parts, held = cleaned.document['jobs'], {}
    for given, job_id, is_held in index.select(
        'SELECT given, job_id, is_held FROM parts WHERE number = ?', number
    ).fetchall():
        if given not in parts:
            continue
        if is_held:
            held[job_id] = parts[given]
            if job_id != given:
                cleaned.notes.keep('id_replaced', f'jobs.{given}', given)
            continue
        there = is_there(index, 'jobs', cleaned.document['project_id'], job_id)
        reason = 'session_job_disagrees' if there else 'session_job_gone'
        cleaned.notes.keep(reason, f'jobs.{given}', parts[given])
    cleaned.document['jobs'] = held


def _part(index: Index, planned: Planned) -> Document | None:
    """What its session says of a job."""
    if planned.part is None:
        return None
    given, part = index.select('SELECT given, part FROM parts WHERE id = ?', planned.part).fetchone()
    return cleaning.clean_part(given, orjson.loads(part), Notes())


def prepare(
    index: Index,
    reader: Reader,
    kinds: Mapping[str, str],
    planned: Planned,
    packet: int | None,
    zones: bool,
) -> Prepared:
    """The document of a planned line, and its rows.

    :param packet: bytes that a statement may have; None for no limit
    :param zones: the service takes start and end dates with a zone
    """
    cleaned = read(index, reader, kinds, planned)
    kind = KINDS[planned.kind or 0]
    cleaned.notes.reasons += checks.problems(kind, cleaned.document, zones)
    prepared = Prepared(cleaned.document, cleaned.notes, {})
    if kind == 'jobs':
        prepared.part = _part(index, planned)
        prepared.has_client = is_there(
            index, 'clients', planned.owner or '', cleaned.document['client_id']
        )
    try:
        prepared.rows = rows.make(kind, cleaned)
    except exceptions.BadRequest:
        prepared.refused = 'too_large'
    except TypeError:
        prepared.refused = 'unstorable'
    else:
        # Counted only where it may matter: rows are not many times as large as their document.
        may_exceed = packet is not None and planned.length > packet // 32
        if may_exceed and rows.size(prepared.rows) > (packet or 0):
            prepared.refused = 'too_large_for_server'
    return prepared
