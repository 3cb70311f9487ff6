# SPDX-License-Identifier: Apache-2.0
"""Bring the tables of a database to a revision, and say where they are.

Each function takes the URL of a database, or an engine, and raises ForeignTables if its tables are not ours. On
databases whose schema changes are transactional (PostgreSQL, SQLite) a call happens as a whole or not at all.
"""

import contextlib
import logging
from collections.abc import Iterator

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from oslo_config import cfg
from sqlalchemy import URL, Connection, Engine

from freezer_api import discretion, shipped
from freezer_api.db import models, strangers, urls

VERSION_TABLE = 'alembic_version'

# Drivers that can be told how many seconds to wait for a server, and how many the start of the service may take.
_PATIENT = ('mysqldb', 'psycopg', 'psycopg2', 'pymysql')
_PATIENCE = '5'

LOG = logging.getLogger(__name__)

Place = str | URL | Engine


def scripts_location() -> str:
    """The folder of the migration scripts, installed or in a source tree."""
    return str(shipped.folder('migrations', 'alembic'))


@contextlib.contextmanager
def _connection(database: Place) -> Iterator[Connection]:
    if isinstance(database, Engine):
        engine = database
    else:
        engine = sqlalchemy.create_engine(urls.parse(database), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        yield connection


@contextlib.contextmanager
def _reading(database: Place) -> Iterator[Connection]:
    with _connection(database) as connection:
        strangers.check(connection, _revisions())
        yield connection


@contextlib.contextmanager
def _transaction(database: Place) -> Iterator[Connection]:
    with _connection(database) as connection, connection.begin():
        if connection.dialect.name == 'sqlite':
            # The driver starts no transaction for schema changes by itself.
            connection.exec_driver_sql('BEGIN IMMEDIATE')
        strangers.check(connection, _revisions())
        yield connection


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    # The option is interpolated.
    config.set_main_option('script_location', scripts_location().replace('%', '%%'))
    config.attributes['connection'] = connection
    return config


def _revisions() -> set[str]:
    """All revisions this release knows."""
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def upgrade(database: Place, revision: str = 'head') -> None:
    """Apply the revisions up to that one."""
    with _transaction(database) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(database: Place, revision: str) -> None:
    """Take back the revisions after that one; ``base`` takes back all."""
    with _transaction(database) as connection:
        command.downgrade(_config(connection), revision)


def head() -> str:
    """The newest revision this release knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise FileNotFoundError(f'There are no migration scripts in {scripts_location()}')
    return revision


def current(database: Place) -> str | None:
    """The revision the database is at; none if it has no tables of ours."""
    with _reading(database) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def refuse_foreign(conf: cfg.ConfigOpts) -> None:
    """Make sure, before the service starts, that it would not work on tables of others.

    A database that is away, or cannot be asked, is no reason: it may come back, and requests tell until then.

    :raises ForeignTables: it would
    """
    try:
        url = urls.configured(conf)
        if url.get_driver_name() in _PATIENT:
            url = url.update_query_dict({'connect_timeout': _PATIENCE, **url.query})
        with _reading(url):
            return
    except strangers.ForeignTables:
        raise
    except Exception as error:
        LOG.warning('The tables could not be looked at: %s', discretion.name(error))


def pending(database: Place) -> bool:
    """Whether the database is not at the newest revision this release knows."""
    return current(database) != head()


def remove(database: Place) -> None:
    """Drop all of our tables and what they hold, also those of a migration that stopped halfway."""
    with _transaction(database) as connection:
        models.Base.metadata.drop_all(connection)
        sqlalchemy.Table(VERSION_TABLE, sqlalchemy.MetaData()).drop(connection, checkfirst=True)


def tables(database: Place) -> list[tuple[str, int]]:
    """Our tables that exist, by name, each with its number of rows."""
    with _reading(database) as connection:
        existing = set(sqlalchemy.inspect(connection).get_table_names())
        counts = []
        for name, table in sorted(models.Base.metadata.tables.items()):
            if name in existing:
                rows = sqlalchemy.select(sqlalchemy.func.count()).select_from(table)
                counts.append((name, connection.execute(rows).scalar_one()))
        return counts
