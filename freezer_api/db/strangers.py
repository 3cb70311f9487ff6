# SPDX-License-Identifier: Apache-2.0
"""Tables that are not those of this service, though they may have the same names."""

import sqlite3
from collections.abc import Collection

import sqlalchemy
from alembic.runtime.migration import MigrationContext

from freezer_api.db import models

# Revisions of the service before this one, each with the release that came with it first.
RELEASES = {
    '1': '7.0.0',
    '2': '7.1.0',
    '3': '8.0.0',
    '1333cef214d9': '16.0.0',
    'e74c32f034c5': '16.0.0',
    '23c8ad2655a6': '16.0.0',
    '29a2fd19eb86': '19.0.0',
    '30a3fd20ec97': '19.0.0',
    '4f8c679a1d3b': '19.0.0',
    'a1b2c3d4e5f6': '19.0.0',
    '5c9d21e87f34': '19.0.0',
    '7a3b9c1d2e4f': '19.0.0',
}

_OLD = (
    'These are the tables of freezer-api of release 19.0.0 or earlier; this service needs a database of its own. '
    'See migrate legacy-sql in the manual.'
)
# All of its tables had it, in all revisions; rows are really deleted here.
_OLD_COLUMN = 'deleted'

# What MariaDB and MySQL, and PostgreSQL, call a table or column that is not there.
_MISSING = (1146, 1054, '42P01', '42703')


class ForeignTables(Exception):
    """The tables belong to another service or release; the text says so."""


def check(connection: sqlalchemy.Connection, ours: Collection[str]) -> None:
    """Make sure that the database has tables of this service, or none.

    :param ours: the revisions of this release
    :raises ForeignTables: it has others
    """
    revisions = MigrationContext.configure(connection).get_current_heads()
    if revisions and set(revisions) <= set(ours):
        return
    if set(revisions) & RELEASES.keys() or _has_old_tables(connection):
        raise ForeignTables(_OLD)
    if revisions:
        raise ForeignTables(
            f'The database is at revision {", ".join(revisions)}, which this release does not know. '
            'Its tables are of a later release, or of another service.'
        )


def _has_old_tables(connection: sqlalchemy.Connection) -> bool:
    inspector = sqlalchemy.inspect(connection)
    names = models.Base.metadata.tables.keys() & set(inspector.get_table_names())
    return any(
        column['name'] == _OLD_COLUMN for name in names for column in inspector.get_columns(name)
    )


def are_missing(error: Exception) -> bool:
    """Whether a statement failed because a table or column is not there.

    oslo.db knows such errors of SQLite alone.
    """
    inner = getattr(error, 'inner_exception', None) or error
    original = getattr(inner, 'orig', None)
    said = next(iter(getattr(original, 'args', ())), None)
    if isinstance(original, sqlite3.Error):
        return str(said).startswith(('no such table', 'no such column'))
    return (getattr(original, 'pgcode', None) or said) in _MISSING
