# SPDX-License-Identifier: Apache-2.0
"""Where earlier runs put documents, beside the index: what has a row decides about those that come later."""

from typing import Any

import orjson
import sqlalchemy as sa

from freezer_api.context import RequestContext
from freezer_api.migrate.index import Index
from freezer_api.migrate.ledger import ENTRIES
from freezer_api.migrate.records import KINDS
from freezer_api.migrate.rows import MAIN

_BATCH = 2000

# Of a row: as it was migrated, changed in the service, deleted there.
SAME, CHANGED, GONE = range(3)

_COLUMNS = (
    *(ENTRIES.c.id, ENTRIES.c.collection, ENTRIES.c.digest, ENTRIES.c.reasons),
    *(ENTRIES.c.project_id, ENTRIES.c.target_id, ENTRIES.c.version, ENTRIES.c.updated_at),
)


def note(context: RequestContext, index: Index) -> None:
    """Put all entries of the ledger that have rows into the index."""
    last = ''
    with index.transaction():
        while True:
            with context.database.reading(context):
                entries = _page(context.connection, last)
                found = _rows(context.connection, entries)
            if not entries:
                return
            index.hold(_held(entry, found) for entry in entries)
            last = entries[-1].id


def _page(connection: sa.Connection, last: str) -> list[Any]:
    statement = sa.select(*_COLUMNS).where(ENTRIES.c.id > last, ENTRIES.c.version.is_not(None))
    return list(connection.execute(statement.order_by(ENTRIES.c.id).limit(_BATCH)))


def _rows(connection: sa.Connection, entries: list[Any]) -> dict[str, Any]:
    """Versions and times of change of a page's rows, by the entries' ids."""
    found = {}
    for kind in {entry.collection for entry in entries}:
        table, name = MAIN[kind]
        key = sa.and_(
            table.c.project_id == ENTRIES.c.project_id, table.c[name] == ENTRIES.c.target_id
        )
        statement = sa.select(ENTRIES.c.id, table.c.version, table.c.updated_at).join_from(
            ENTRIES, table, key
        )
        of_page = ENTRIES.c.id.between(entries[0].id, entries[-1].id)
        for row in connection.execute(statement.where(of_page, ENTRIES.c.collection == kind)):
            found[row.id] = (row.version, row.updated_at)
    return found


def _held(entry: Any, found: dict[str, Any]) -> tuple[Any, ...]:
    row = found.get(entry.id)
    state = GONE
    if row is not None:
        state = SAME if row == (entry.version, entry.updated_at) else CHANGED
    reasons = orjson.loads(entry.reasons) if entry.reasons else []
    return (
        *(bytes.fromhex(entry.id), KINDS.index(entry.collection), bytes.fromhex(entry.digest)),
        *(entry.project_id, entry.target_id, 'uuid_made' not in reasons, state),
    )
