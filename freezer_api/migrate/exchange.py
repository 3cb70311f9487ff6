# SPDX-License-Identifier: Apache-2.0
"""Rows that are in each other's way, written at once: all those that move leave their places before any is taken."""

import dataclasses
from typing import Any

import sqlalchemy as sa

from freezer_api.migrate import targets
from freezer_api.migrate.rows import MAIN, Rows
from freezer_api.migrate.targets import Replaced


class _Undone(Exception):
    """Some of the rows cannot be written, so that none is."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """Rows to write.

    :ivar before: the ledger's entry of the rows whose place they take; None if there are none
    """

    before: Any
    rows: Rows


def write(connection: sa.Connection, kind: str, changes: list[Change]) -> list[Replaced]:
    """Write as many as possible; tell what came of each."""
    results = [Replaced.DONE] * len(changes)
    while failed := _try(connection, kind, changes, results):
        # What these keep, others cannot have: once more, without them.
        for number, result in failed.items():
            results[number] = result
    return results


def _try(
    connection: sa.Connection, kind: str, changes: list[Change], results: list[Replaced]
) -> dict[int, Replaced]:
    """Write those that did not fail yet, all or none; return those that fail now, by position."""
    failed: dict[int, Replaced] = {}
    open_changes = {
        number: change
        for number, (change, result) in enumerate(zip(changes, results, strict=True))
        if result is Replaced.DONE
    }
    try:
        with connection.begin_nested():
            for number, change in open_changes.items():
                if _moves(kind, change) and not targets.vacate(connection, kind, change.before):
                    failed[number] = Replaced.IN_USE
            for number, change in open_changes.items():
                if number in failed:
                    continue
                result = _write(connection, kind, change)
                if result is not Replaced.DONE:
                    failed[number] = result
            if failed:
                raise _Undone
    except _Undone:
        pass
    return failed


def _moves(kind: str, change: Change) -> bool:
    table, name = MAIN[kind]
    row, before = change.rows[table][0], change.before
    return before is not None and (row['project_id'], row[name]) != (
        before.project_id,
        before.target_id,
    )


def _write(connection: sa.Connection, kind: str, change: Change) -> Replaced:
    if change.before is not None and not _moves(kind, change):
        return targets.replace(connection, kind, change.before, change.rows)
    return Replaced.DONE if targets.insert(connection, [change.rows]) else Replaced.TAKEN
