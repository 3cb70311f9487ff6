# SPDX-License-Identifier: Apache-2.0
"""The databases that tests run on.

``FREEZER_TEST_DATABASES`` names them: ``sqlite`` (what it is when unset), ``mariadb``, ``postgresql``, separated by
commas. ``FREEZER_TEST_MARIADB_URL`` and ``FREEZER_TEST_POSTGRESQL_URL`` lead to servers where databases may be made
and dropped; tools/test.sh starts such servers. Each process makes one database per name when a test first asks for
it, migrated, and drops it at its end.
"""

import atexit
import functools
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Engine

from freezer_api.db import migration
from freezer_api.db.models import Base

Snapshot = dict[str, list[dict[str, Any]]]


def names() -> list[str]:
    """The databases to run on."""
    return [
        name.strip()
        for name in os.environ.get('FREEZER_TEST_DATABASES', 'sqlite').split(',')
        if name.strip()
    ]


class Database:
    """A migrated database, and a way to look at it besides the service's own."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.engine = sqlalchemy.create_engine(url, **_PATIENCE[name])
        if name == 'sqlite':
            # As in the configuration of the tests.
            sqlalchemy.event.listen(self.engine, 'connect', _do_not_wait_for_the_disk)

    def clear(self) -> None:
        """Delete all rows of all tables."""
        with self.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())

    def rows(self) -> Snapshot:
        """All rows by table, in an order that depends on nothing but the rows."""
        with self.engine.connect() as connection:
            return {
                table.name: sorted(
                    (dict(row) for row in connection.execute(table.select()).mappings()), key=repr
                )
                for table in Base.metadata.sorted_tables
            }


def _do_not_wait_for_the_disk(connection: Any, record: Any) -> None:
    connection.execute('PRAGMA synchronous = OFF')


# A transaction that a test left open shows as an error here, not as a test that never ends. Seconds for
# SQLite and MariaDB, milliseconds for PostgreSQL.
_PATIENCE: dict[str, dict[str, Any]] = {
    'sqlite': {'connect_args': {'timeout': 20}},
    'mariadb': {'connect_args': {'init_command': 'SET innodb_lock_wait_timeout = 20'}},
    'postgresql': {'connect_args': {'options': '-c lock_timeout=20000'}},
}


@functools.cache
def get(name: str) -> Database:
    """The database of this process.

    :raises LookupError: unknown name, or nobody said where its server is
    """
    url, drop = create(name)
    migration.upgrade(url)
    database = Database(name, url)

    @atexit.register
    def end() -> None:
        database.engine.dispose()
        drop()

    return database


def create(name: str) -> tuple[str, Callable[[], None]]:
    """Make an empty database; return its URL and what drops it.

    :raises LookupError: unknown name, or nobody said where its server is
    """
    if name not in _PATIENCE:
        raise LookupError(f'FREEZER_TEST_DATABASES: {name} is not one of {", ".join(_PATIENCE)}')
    if name == 'sqlite':
        folder = tempfile.mkdtemp(prefix='freezer_')
        url = URL.create('sqlite', database=str(Path(folder, 'freezer.sqlite')))
        return _text(url), functools.partial(shutil.rmtree, folder, ignore_errors=True)

    variable = f'FREEZER_TEST_{name.upper()}_URL'
    if not os.environ.get(variable):
        raise LookupError(f'{variable} is not set; run tools/test.sh, which starts the servers')
    server = sqlalchemy.make_url(os.environ[variable])
    database = f'freezer_{os.getpid()}_{uuid.uuid4().hex[:8]}'
    if name == 'mariadb':
        _execute(server, f'CREATE DATABASE {database} CHARACTER SET utf8mb4')
        drop = f'DROP DATABASE {database}'
    else:
        _execute(server, f"CREATE DATABASE {database} ENCODING 'UTF8' TEMPLATE template0")
        # The pools of applications are still connected.
        drop = f'DROP DATABASE {database} WITH (FORCE)'
    return _text(server.set(database=database)), functools.partial(_execute, server, drop)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _execute(server: URL, statement: str) -> None:
    engine: Engine = sqlalchemy.create_engine(server, isolation_level='AUTOCOMMIT')
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
