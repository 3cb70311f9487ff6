# SPDX-License-Identifier: Apache-2.0
"""Take a migration back: delete the rows that are still as they were migrated, and their entries in the ledger."""

import dataclasses
from typing import Any

import sqlalchemy as sa

from freezer_api.context import RequestContext
from freezer_api.db import session
from freezer_api.db.models import ActionAttachment, JobAttachment
from freezer_api.migrate import ledger, targets
from freezer_api.migrate.ledger import ENTRIES
from freezer_api.migrate.progress import Progress
from freezer_api.migrate.records import KINDS, Document
from freezer_api.migrate.rows import MAIN

_BATCH = 500

# Ids of one kind, for people.
_SHOWN = 10


@dataclasses.dataclass
class Undone:
    """What became of the rows of one kind.

    :ivar kept: projects and ids of rows that were changed in the service, or that something refers to
    :ivar gone: how many rows were deleted in the service
    """

    deleted: int = 0
    kept: list[str] = dataclasses.field(default_factory=list)
    gone: int = 0


def undo(context: RequestContext, progress: Progress) -> dict[str, Undone]:
    """Take everything back that nobody has changed since; return what became of it, by kind.

    It can be stopped and called again at any moment.
    """
    counts: dict[str, Undone] = {}
    # Before anything else: a run that finds its own source there again would have nothing to do.
    session.retry(session.writer(_forget))(context)
    for kind in (*reversed(KINDS), None):
        progress.begin(f'taking back {kind or "other lines"}')
        found = Undone()
        last = ''
        while True:
            last, batch = session.retry(session.writer(_undo_batch))(context, kind, last)
            found.deleted += batch.deleted
            found.kept += batch.kept
            found.gone += batch.gone
            progress.update(found.deleted)
            if not last:
                break
        if kind is not None:
            counts[kind] = found
    progress.end()
    return counts


def to_document(counts: dict[str, Undone], dry_run: bool) -> Document:
    """The report for programs."""
    return {
        'dry_run': dry_run,
        'undone': {
            kind: {'deleted': found.deleted, 'kept': len(found.kept), 'gone': found.gone}
            for kind, found in counts.items()
        },
        'kept': {kind: found.kept for kind, found in counts.items()},
    }


def lines(counts: dict[str, Undone]) -> list[str]:
    """The report for people."""
    text = [
        f'{kind:9} {found.deleted:>11,} deleted {len(found.kept):>11,} kept {found.gone:>11,} gone'
        for kind, found in counts.items()
    ]
    if any(found.kept for found in counts.values()):
        text.append('Those kept were changed in the service, or something refers to them:')
    for kind, found in counts.items():
        text += [f'  {kind} {kept}' for kept in found.kept[:_SHOWN]]
        if len(found.kept) > _SHOWN:
            text.append(f'  and {len(found.kept) - _SHOWN:,} more {kind}; see the report file.')
    if any(found.gone for found in counts.values()):
        text.append('Those gone were deleted in the service before; they would not be migrated again.')
    return text


def _forget(context: RequestContext) -> None:
    ledger.forget_runs(context.connection)


def _undo_batch(context: RequestContext, kind: str | None, last: str) -> tuple[str, Undone]:
    """Take back some entries after one; return the last one looked at, and what became of them."""
    connection = context.connection
    columns = (ENTRIES.c.id, ENTRIES.c.project_id, ENTRIES.c.target_id, ENTRIES.c.version, ENTRIES.c.updated_at)
    batch = connection.execute(
        sa.select(*columns)
        .where(ENTRIES.c.collection == kind if kind else ENTRIES.c.collection.is_(None))
        .where(ENTRIES.c.id > last)
        .order_by(ENTRIES.c.id)
        .limit(_BATCH)
    ).all()
    if not batch:
        return '', Undone()
    rows = [entry for entry in batch if entry.version is not None]
    deletable, there = _deletable(connection, kind, rows) if kind and rows else (set(), set())
    if kind and deletable:
        targets.delete(connection, kind, list(deletable))
    gone = [
        entry.id
        for entry in batch
        if entry.version is None or (entry.project_id, entry.target_id) in deletable
    ]
    if gone:
        connection.execute(sa.delete(ENTRIES).where(ENTRIES.c.id.in_(gone)))
    kept = [f'{project_id}/{target_id}' for project_id, target_id in sorted(there - deletable)]
    return batch[-1].id, Undone(len(deletable), kept, len(rows) - len(there))


def _deletable(
    connection: sa.Connection, kind: str, entries: list[Any]
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """The keys of rows that are as they were migrated, and that nothing else refers to; and of all that are there."""
    table, name = MAIN[kind]
    keys = {
        (entry.project_id, entry.target_id): (entry.version, entry.updated_at) for entry in entries
    }
    rows = connection.execute(
        sa.select(table.c.project_id, table.c[name].label('id'), table.c.version, table.c.updated_at)
        .where(targets.any_of(table.c.project_id, table.c[name], keys))
        .with_for_update()
    ).all()
    same = {
        (row.project_id, row.id)
        for row in rows
        if keys[row.project_id, row.id] == (row.version, row.updated_at)
    }
    return same - _in_use(connection, kind, same), {(row.project_id, row.id) for row in rows}


def _in_use(
    connection: sa.Connection, kind: str, keys: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Rows that jobs which stay refer to."""
    if kind == 'actions':
        project_id, other = ActionAttachment.project_id, ActionAttachment.follows
    elif kind == 'sessions':
        project_id, other = JobAttachment.project_id, JobAttachment.session_id
    elif kind == 'clients':
        project_id, other = JobAttachment.project_id, JobAttachment.client_id
    else:
        return set()
    if not keys:
        return set()
    found = connection.execute(
        sa.select(project_id, other).where(targets.any_of(project_id, other, keys)).distinct()
    )
    used = {(str(row[0]), str(row[1])) for row in found}
    if kind != 'clients':
        return used
    central = JobAttachment.central_client_id
    names = {name for _, name in keys}
    found_central = connection.execute(sa.select(central).where(central.in_(names)).distinct())
    of_any_project = set(found_central.scalars())
    return used | {key for key in keys if key[1] in of_any_project}
