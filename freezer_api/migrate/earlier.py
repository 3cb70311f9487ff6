# SPDX-License-Identifier: Apache-2.0
"""Where earlier runs put documents, beside the index: what has a row decides about those that come later."""

from collections import defaultdict
from typing import Any

import orjson
import sqlalchemy as sa

from freezer_api.context import RequestContext
from freezer_api.migrate import targets
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


def _rows(connection: sa.Connection, entries: list[Any]) -> dict[tuple[str, str, str], Any]:
    """Versions and times of change of the entries' rows, by kind, project and id."""
    keys = defaultdict(list)
    for entry in entries:
        keys[entry.collection].append((entry.project_id, entry.target_id))
    found = {}
    for kind, some in keys.items():
        table, name = MAIN[kind]
        statement = sa.select(table.c.project_id, table.c[name], table.c.version, table.c.updated_at)
        for row in connection.execute(statement.where(targets.any_of(table.c.project_id, table.c[name], some))):
            found[kind, row[0], row[1]] = (row.version, row.updated_at)
    return found


def _held(entry: Any, found: dict[tuple[str, str, str], Any]) -> tuple[Any, ...]:
    kind = entry.collection
    row = found.get((kind, entry.project_id, entry.target_id))
    state = GONE
    if row is not None:
        state = SAME if row == (entry.version, entry.updated_at) else CHANGED
    reasons = orjson.loads(entry.reasons) if entry.reasons else []
    return (
        *(bytes.fromhex(entry.id), KINDS.index(kind), bytes.fromhex(entry.digest)),
        *(entry.project_id, entry.target_id, 'uuid_made' not in reasons, state),
    )
