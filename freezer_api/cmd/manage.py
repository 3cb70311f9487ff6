# SPDX-License-Identifier: Apache-2.0
"""freezer-manage: look after the database, and the trusts of jobs."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from alembic.util import CommandError
from oslo_config import cfg
from sqlalchemy import exc

from freezer_api import conf as configuration
from freezer_api import discretion
from freezer_api.cmd import trusts
from freezer_api.db import migration, urls
from freezer_api.db.strangers import ForeignTables
from freezer_api.migrate import command as migrate_command
from freezer_api.migrate import errors
from freezer_api.migrate.errors import plain

PROGRAM = 'freezer-manage'

# What argparse ends with when arguments are wrong.
_ARGPARSE = 2


def _sync(conf: cfg.ConfigOpts) -> int:
    """Create the tables, or bring them to the newest revision."""
    url = urls.configured(conf)
    migration.upgrade(url)
    print(f'The database is at revision {migration.current(url)}.')
    return 0


def _version(conf: cfg.ConfigOpts) -> int:
    """Print the revision the database is at."""
    print(migration.current(urls.configured(conf)) or 'none')
    return 0


def _check(conf: cfg.ConfigOpts) -> int:
    """Exit with 1 if the database is not at the newest revision."""
    current = migration.current(urls.configured(conf))
    head = migration.head()
    if current == head:
        print(f'The database is at revision {head}, which is the newest.')
        return 0
    return _fail(
        f'The database is at revision {current or "none"}, this release needs {head}. '
        f'"{PROGRAM} db sync" applies pending revisions.'
    )


def _show(conf: cfg.ConfigOpts) -> int:
    """Print the tables and their numbers of rows."""
    tables = migration.tables(urls.configured(conf))
    width = max([len(name) for name, _ in tables], default=0)
    for name, rows in tables:
        print(f'{name:{width}} {rows:>12}')
    if not tables:
        print('The database has no tables of this service.')
    return 0


def _remove(conf: cfg.ConfigOpts) -> int:
    """Drop all tables, with everything that is stored in them."""
    url = urls.configured(conf)
    if not (conf.yes or conf.command.confirmed):
        # Its query may hold the password.
        shown = url.set(query={}).render_as_string()
        question = f'Remove all tables of this service from {shown}? [y/N] '
        try:
            answer = input(question)
        except EOFError:
            print()
            answer = ''
        if answer.strip().lower() not in ('y', 'yes'):
            return _fail('Nothing was removed.')
    migration.remove(url)
    print('The tables are removed.')
    return 0


_COMMANDS: dict[str, Callable[[cfg.ConfigOpts], int]] = {
    'sync': _sync,
    'update': _sync,  # the name of earlier releases
    'version': _version,
    'check': _check,
    'show': _show,
    'remove': _remove,
}


def _add_commands(subparsers: Any) -> None:
    trusts.add_commands(subparsers.add_parser('trusts', help='trusts of jobs in Keystone'))
    db = subparsers.add_parser('db', help='the database').add_subparsers(
        dest='action', required=True, metavar='|'.join(_COMMANDS)
    )
    for name, function in _COMMANDS.items():
        parser: argparse.ArgumentParser = db.add_parser(
            name, help=function.__doc__, description=function.__doc__
        )
        parser.set_defaults(function=function)
        if function is _remove:
            parser.add_argument(
                '--yes', '-y', dest='confirmed', action='store_true', help='Do not ask.'
            )
    migrate_command.add_parser(subparsers)


_CLI_OPTS: list[cfg.Opt] = [
    cfg.BoolOpt('yes', short='y', default=False, help='Do not ask before tables are removed.'),
    cfg.SubCommandOpt('command', title='commands', handler=_add_commands),
]


def _fail(message: str, code: int = 1) -> int:
    print(message, file=sys.stderr)
    return code


def _migrates(args: Sequence[str]) -> bool:
    """Whether a command line, which may be wrong, is one of a migration; its exit codes mean something else."""
    return next((word for word in args if word in ('db', 'trusts', 'migrate')), None) == 'migrate'


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = sys.argv[1:] if args is None else args
    usage, target = (errors.USAGE, errors.TARGET) if _migrates(args) else (1, 1)
    try:
        conf = configuration.new(args, cli_opts=_CLI_OPTS, program=PROGRAM)
        function: Callable[[cfg.ConfigOpts], int] = conf.command.function
        if function is not migrate_command.execute:
            # Which does that itself: it has exit codes of its own.
            discretion.set_up_log(conf, PROGRAM)
        return function(conf)
    except SystemExit as error:
        if error.code == _ARGPARSE and _migrates(args):
            return usage
        raise
    except cfg.Error as error:
        return _fail(f'The configuration is wrong: {configuration.explain(error)}', usage)
    except exc.ArgumentError:
        # Its text may show the URL and so a password.
        return _fail(
            'The URL in [database] connection is malformed or names an unknown database.', target
        )
    except ImportError as error:
        return _fail(f'The driver of the database is not installed: {error}', target)
    except exc.DBAPIError as error:
        return _fail(f'The database refused: {plain(error)}', target)
    except ForeignTables as error:
        return _fail(str(error), target)
    except (exc.SQLAlchemyError, CommandError, OSError) as error:
        return _fail(f'The database could not be handled: {error}', target)
    except KeyboardInterrupt:
        return _fail('Interrupted.')


if __name__ == '__main__':
    sys.exit(main())
