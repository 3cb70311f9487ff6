# SPDX-License-Identifier: Apache-2.0
"""What the command line says of the database of the old service."""

import argparse
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg
from sqlalchemy import exc

from freezer_api.conf import explain
from freezer_api.migrate.errors import UsageError
from freezer_api.migrate.legacy.database import LegacyDatabase

_DRIVERS = ('mysql', 'mariadb', 'sqlite')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ours to the command line."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        '--from',
        dest='url',
        metavar='URL',
        help='the database of the old service, as its [database] connection names it',
    )
    where.add_argument(
        '--from-config',
        type=Path,
        metavar='FILE',
        help='the configuration file of the old service, which has that URL; keeps the password out of sight',
    )


def find(command: Any, target: str | None) -> LegacyDatabase | None:
    """The source that the command line names.

    :param target: the URL of the database of this service
    :raises UsageError: it is none, or is the target
    """
    text = command.url
    if command.from_config is not None:
        try:
            text = _connection_of(command.from_config)
        except UnicodeDecodeError:
            raise UsageError(f'{command.from_config} cannot be read: it is no text in UTF-8.') from None
    if text is None:
        return None
    url = _parse(text)
    _check_files(command, url)
    if _is_same(url, target):
        raise UsageError('Source and target are the same database; this service needs one of its own.')
    if url.drivername.partition('+')[0] not in _DRIVERS or not url.database:
        raise UsageError('The old service had its tables in MySQL, MariaDB or SQLite; name one of their databases.')
    return LegacyDatabase(url)


def _check_files(command: Any, url: sa.URL) -> None:
    """Make sure that nothing is written over the source.

    :raises UsageError: it would be
    """
    is_file = url.drivername.startswith('sqlite')
    read = [command.from_config, Path(str(url.database)) if is_file else None]
    known = {path.resolve() for path in read if path is not None}
    for path in (command.reject_file, command.report):
        if path is not None and path.resolve() in known:
            raise UsageError(f'{path} is the source, which is never written.')


def _parse(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError):
        # Its text may show a password.
        raise UsageError('The URL of the source is malformed.') from None
    name = url.drivername.partition('+')[0]
    if name == 'sqlite':
        return url
    if name in ('mysql', 'mariadb'):
        # The driver that this service needs anyway; options of another one mean nothing to it.
        return url.set(drivername='mysql+pymysql').update_query_dict({'charset': 'utf8mb4'})
    return url


def _is_same(source: sa.URL, target: str | None) -> bool:
    try:
        other = sa.make_url(target or '')
    except (exc.ArgumentError, ValueError):
        # Whoever connects to it will say so.
        return False
    return _place(source) == _place(other)


def _place(url: sa.URL) -> tuple[object, ...]:
    return (url.drivername.partition('+')[0], url.host, url.port, url.database)


def _connection_of(path: Path) -> str:
    conf = cfg.ConfigOpts()
    conf.register_opts([cfg.StrOpt('connection')], 'database')
    try:
        conf(args=[], default_config_files=[str(path)])
        found = conf.database.connection
    except cfg.Error as error:
        raise UsageError(f'{path} cannot be read: {explain(error)}') from None
    if not found:
        raise UsageError(f'{path} has no connection in [database].')
    return str(found)
