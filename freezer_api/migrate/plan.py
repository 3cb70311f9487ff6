# SPDX-License-Identifier: Apache-2.0
"""What becomes of documents that claim the same id, and where the others go."""

import itertools
import operator
from collections.abc import Iterable, Iterator
from typing import Any

from freezer_api.migrate import ids, records
from freezer_api.migrate.earlier import CHANGED, SAME
from freezer_api.migrate.index import Index
from freezer_api.migrate.records import KINDS

_CLIENTS = KINDS.index('clients')
_BATCH = 5000

# A document as an earlier run migrated it.
_HELD = """
    SELECT 1 FROM held h WHERE h.place = documents.place AND h.owner = documents.owner
    AND h.content = documents.content"""


def merge_repeated(index: Index) -> None:
    """Of lines for one place take the one with the highest version, or the last."""
    with index.transaction():
        index.select('CREATE INDEX by_place ON documents (place)')
        places = (
            'SELECT place FROM documents WHERE state IS NULL GROUP BY place HAVING count(*) > 1'
        )
        rows = index.select(
            f'SELECT place, number, content, version FROM documents WHERE place IN ({places})'
            ' AND state IS NULL ORDER BY place, version DESC, number DESC'
        )
        for group in _groups(rows):
            for _, number, content, _ in group[1:]:
                reason = 'repeated' if content == group[0][2] else 'superseded'
                _merge(index, number, reason)
        # The ledger has one entry for a place, also if some of its lines are of no use.
        index.select(
            'UPDATE documents SET is_extra = 1 WHERE number IN (SELECT number FROM ('
            'SELECT number, row_number() OVER (PARTITION BY place ORDER BY state IS NOT NULL, number) AS rank'
            ' FROM documents WHERE place IN (SELECT place FROM documents GROUP BY place HAVING count(*) > 1))'
            ' WHERE rank > 1)'
        )


def place(index: Index, stays: bool = False) -> None:
    """Give every document that has a project its id there; merge those that are the same.

    :param stays: what has a row of an earlier run has the id of that, and only what comes later finds its place
    """
    with index.transaction():
        index.select('UPDATE documents SET target = coalesce(inner_id, id) WHERE state IS NULL')
        for number, kind, document_id in index.select(
            'SELECT number, kind, id FROM documents WHERE state IS NULL AND inner_id IS NULL'
        ).fetchall():
            target = ids.fitting(KINDS[kind], document_id) or ids.derive(kind, document_id)
            index.select('UPDATE documents SET target = ? WHERE number = ?', target, number)
        _stay(index, stays)
        index.select('CREATE INDEX by_target ON documents (kind, owner, target)')
        # Many copies of one client are not unusual, so groups are read one by one.
        twice = index.select(
            'SELECT kind, owner, target FROM documents WHERE state IS NULL'
            ' GROUP BY kind, owner, target HAVING count(*) > 1'
        ).fetchall()
        for kind, owner, target in twice:
            _settle(index, kind, owner, target)
        _keep_made(index)
        _keep_unique(index, 'uuid', 'uuid, owner')
        _keep_unique(index, 'central', 'central')
        _keep_central_ids(index)


def _stay(index: Index, stays: bool) -> None:
    """Leave documents of earlier runs where they are if the service may know them by what they are called there."""
    held = 'SELECT 1 FROM held h WHERE h.place = documents.place AND h.owner = documents.owner'
    if stays:
        index.select(
            'UPDATE documents SET is_placed = 1, target = (SELECT h.target FROM held h WHERE h.place = documents.place)'
            f' WHERE state IS NULL AND EXISTS ({held})'
        )
    derived = index.select(
        'SELECT d.number, d.kind, d.source, d.id, h.target FROM documents d JOIN held h ON h.place = d.place'
        ' WHERE h.owner = d.owner AND h.target != d.target AND d.state IS NULL'
    ).fetchall()
    for number, kind, source, document_id, target in derived:
        # The one that had its id may be gone, which is no reason to call it another name again.
        if target == ids.derive(KINDS[kind], source, document_id):
            index.select('UPDATE documents SET target = ? WHERE number = ?', target, number)
    index.select(
        f'UPDATE documents SET is_placed = 1 WHERE state IS NULL AND EXISTS ({held}'
        f' AND h.target = documents.target AND h.state != {SAME})'
    )
    # Of a client that is not in the source any more, but was changed in the service.
    index.select(
        "UPDATE documents SET state = 'merged', reason = 'registered_again'"
        f' WHERE state IS NULL AND kind = {_CLIENTS} AND EXISTS (SELECT 1 FROM held h WHERE h.kind = {_CLIENTS}'
        f' AND h.owner = documents.owner AND h.target = documents.target AND h.state = {CHANGED}'
        ' AND NOT EXISTS (SELECT 1 FROM documents o WHERE o.place = h.place))'
    )


def link_parts(index: Index) -> None:
    """Find the job that each entry of a session belongs to; from here on the entry counts as part of the job."""
    sessions, jobs = KINDS.index('sessions'), KINDS.index('jobs')
    with index.transaction():
        found = index.select(
            'SELECT p.id, p.part, j.number, j.content FROM parts p'
            ' JOIN documents s ON s.number = p.number AND s.state IS NULL'
            ' JOIN documents j ON j.kind = ? AND j.owner = s.owner AND j.target = p.job_id'
            ' AND j.session_id = s.target AND j.state IS NULL WHERE s.kind = ?',
            *(jobs, sessions),
        )
        while batch := found.fetchmany(_BATCH):
            index.database.executemany(
                'UPDATE documents SET part = ?, content = ? WHERE number = ?',
                [
                    (part_id, records.digest(content + part.encode()), number)
                    for part_id, part, number, content in batch
                ],
            )
        index.select(
            'UPDATE parts SET is_held = 1 WHERE id IN (SELECT part FROM documents WHERE part IS NOT NULL)'
        )
        index.select('CREATE INDEX IF NOT EXISTS parts_of_session ON parts (number)')
        index.select('CREATE INDEX by_kind ON documents (kind)')


def _settle(index: Index, kind: int, owner: str, target: str) -> None:
    if kind == _CLIENTS:
        order = 'is_placed DESC, keys DESC, version DESC, id, source'
    else:
        # The document that was stored under the id keeps it.
        order = 'is_placed DESC, id = target DESC, id, source, number'
    group = index.select(
        'SELECT number, content, source, id FROM documents WHERE state IS NULL AND kind = ?'
        f' AND owner = ? AND target = ? ORDER BY {order}',
        *(kind, owner, target),
    ).fetchall()
    seen = {group[0][1]}
    for number, content, source, document_id in group[1:]:
        if content in seen:
            _merge(index, number, 'same_document')
        elif kind == _CLIENTS:
            _merge(index, number, 'registered_again')
        else:
            seen.add(content)
            derived = ids.derive(KINDS[kind], source, document_id)
            index.select('UPDATE documents SET target = ? WHERE number = ?', derived, number)


def _keep_made(index: Index) -> None:
    """Let a client keep the uuid that an earlier run made for it."""
    index.select(
        f'UPDATE documents SET is_unique = 0 WHERE state IS NULL AND kind = {_CLIENTS} AND uuid IS NOT NULL'
        f' AND EXISTS ({_HELD} AND NOT h.is_unique)'
    )


def _keep_unique(index: Index, column: str, group: str) -> None:
    """Let one client keep what only one may have: the one that has it, or the same one in whatever order they come."""
    index.select(
        'UPDATE documents SET is_unique = 0 WHERE number IN (SELECT number FROM ('
        f'SELECT number, row_number() OVER (PARTITION BY {group} ORDER BY EXISTS ({_HELD} AND h.is_unique) DESC,'
        f' source, number) AS rank FROM documents WHERE state IS NULL AND {column} IS NOT NULL'
        f' AND is_unique AND kind = {_CLIENTS})'
        ' WHERE rank > 1)'
    )


def _keep_central_ids(index: Index) -> None:
    """A client is not central if other projects have a client of its name."""
    index.select(
        f'UPDATE documents SET is_unique = 0 WHERE kind = {_CLIENTS} AND central IS NOT NULL'
        ' AND state IS NULL AND EXISTS (SELECT 1 FROM documents o WHERE o.state IS NULL'
        f' AND o.kind = {_CLIENTS} AND o.inner_id = documents.inner_id AND o.owner != documents.owner)'
    )


def _merge(index: Index, number: int, reason: str) -> None:
    index.select(
        "UPDATE documents SET state = 'merged', reason = ? WHERE number = ?", reason, number
    )


def _groups(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    for _, members in itertools.groupby(rows, key=operator.itemgetter(0)):
        yield list(members)
