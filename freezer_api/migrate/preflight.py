# SPDX-License-Identifier: Apache-2.0
"""What must be right before anything is written."""

from pathlib import Path

import sqlalchemy as sa
from oslo_db import exception as db_exception
from sqlalchemy import exc

from freezer_api.db import migration
from freezer_api.db.session import Database
from freezer_api.db.strangers import ForeignTables
from freezer_api.migrate import dump
from freezer_api.migrate.errors import SourceError, TargetError, plain
from freezer_api.migrate.progress import mib
from freezer_api.migrate.rows import MAIN

# Bytes of the scratch database for each byte of text, and at least.
_SCRATCH = 0.6
_LEAST = 2**24
# Bytes of text for each that is packed by gzip, or stored by a server.
_PACKED = 5
_STORED = 2


def check_target(database: Database) -> tuple[int | None, list[str]]:
    """Make sure that the database can take rows; return the bytes that a statement may have, and what to tell.

    :raises TargetError: it cannot
    """
    engine = database.engines[0]
    try:
        current, head = migration.current(engine), migration.head()
        if current != head:
            raise TargetError(
                f'The database is at revision {current or "none"}, this release needs {head};'
                ' run "freezer-manage db sync".'
            )
        with engine.connect() as connection:
            told = [f'The database is {_server(connection)}, at revision {head}.']
            used = [
                kind
                for kind, (table, _) in MAIN.items()
                if connection.execute(sa.select(table.c.project_id).limit(1)).first()
            ]
            if used:
                told.append(f'It has {", ".join(used)} already; they stay as they are.')
            packet = _check_mysql(connection) if engine.dialect.name in ('mysql', 'mariadb') else None
    except ForeignTables as error:
        raise TargetError(str(error)) from None
    except (db_exception.DBError, exc.DBAPIError) as error:
        raise TargetError(f'The database cannot be used: {plain(error)}') from None
    return packet, told


def _server(connection: sa.Connection) -> str:
    dialect = connection.dialect
    name = 'mariadb' if getattr(dialect, 'is_mariadb', False) else dialect.name
    return ' '.join([name, '.'.join(map(str, dialect.server_version_info or ()))]).strip()


def _check_mysql(connection: sa.Connection) -> int:
    mode, charset, packet = connection.execute(
        sa.text('SELECT @@SESSION.sql_mode, @@character_set_client, @@max_allowed_packet')
    ).one()
    if 'STRICT_TRANS_TABLES' not in mode and 'STRICT_ALL_TABLES' not in mode:
        raise TargetError(
            'The server would cut what is too long without a word; set [database] mysql_sql_mode to TRADITIONAL.'
        )
    if charset != 'utf8mb4':
        raise TargetError(
            f'The server talks {charset}, although it was asked for utf8mb4; let it obey its clients.'
        )
    return int(packet)


def check_space(source: Path, folder: Path, *, copies: bool, loads: bool) -> list[str]:
    """Make sure that spool and scratch database have room for a dump; return what to tell.

    :param copies: whether the dump is written there
    :param loads: whether there is a scratch database
    :raises SourceError: they have not, or the dump cannot be read
    """
    is_packed = dump.is_compressed(source)
    size = source.stat().st_size
    text = _PACKED * size if is_packed else size
    needed = (copies + loads * _SCRATCH) * text
    return [_check_room(str(source), size, folder, int(needed))]


def check_space_for_server(size: int, folder: Path) -> list[str]:
    """The same for a server that stores so many bytes.

    :raises SourceError: there is no room
    """
    return [_check_room('The source', size, folder, int((1 + _SCRATCH) * _STORED * size))]


def _check_room(name: str, size: int, folder: Path, needed: int) -> str:
    needed += _LEAST
    free = dump.free_space(folder)
    if free < needed:
        raise SourceError(
            f'{folder} has {mib(free)} left, and about {mib(needed)} are needed; name another folder by --spool.'
        )
    return f'{name} has {mib(size)}; the spool has {mib(free)} left, about {mib(needed)} are needed.'
