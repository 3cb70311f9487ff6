# SPDX-License-Identifier: Apache-2.0
"""freezer-manage migrate: the command line of a migration."""

import argparse
import contextlib
import dataclasses
import io
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import orjson
from oslo_config import cfg
from oslo_db import exception as db_exception
from sqlalchemy import exc

from freezer_api import discretion
from freezer_api.db import urls
from freezer_api.migrate import dump, errors, ids, output, run, source_arguments
from freezer_api.migrate.cluster import Cluster
from freezer_api.migrate.errors import MigrationError, TargetError, UsageError, plain
from freezer_api.migrate.legacy import arguments as legacy_arguments
from freezer_api.migrate.legacy.database import LegacyDatabase
from freezer_api.migrate.records import KINDS
from freezer_api.migrate.settings import Live, Settings
from freezer_api.migrate.users import Users

STAGES = ('all', 'pull', 'load', 'verify')

# Options with files that only a source in Elasticsearch has.
_FILES = ('dump', 'password_file', 'api_key_file', 'token_file')


class _Parser(argparse.ArgumentParser):
    """Bad arguments have an exit code of their own."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(errors.USAGE, f'{self.prog}: {message}\n')

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        found, unknown = super().parse_known_args(*args, **kwargs)
        if unknown:
            # The parser of freezer-manage would refuse them with its own code.
            self.error(f'unrecognized arguments: {" ".join(unknown)}')
        return found, unknown


def add_parser(subparsers: Any) -> None:
    """Add the command to those of freezer-manage."""
    migrate = subparsers.add_parser('migrate', help='documents of an older store')
    sources = migrate.add_subparsers(
        dest='source', required=True, metavar='elasticsearch|legacy-sql', parser_class=_Parser
    )
    parser = sources.add_parser(
        'elasticsearch',
        help='move documents out of Elasticsearch',
        description='Move the documents of a service that kept them in Elasticsearch. Nothing is written to the source;'
        ' what was migrated before is not migrated again.',
    )
    parser.set_defaults(function=execute)
    parser.add_argument('--dump', type=Path, metavar='FILE', help='a file of elasticdump, perhaps gzip')
    parser.add_argument(
        '--index-map',
        action='append',
        default=[],
        metavar='INDEX=TYPE',
        help='what an index holds that has one type and is not named after it; can be repeated',
    )
    _add_options(parser)
    source_arguments.add_arguments(parser)
    parser = sources.add_parser(
        'legacy-sql',
        help='move documents out of the tables of freezer-api',
        description='Move the documents of a service that kept them in MySQL or MariaDB, of release 7.0.0 to 19.0.0.'
        ' Nothing is written to the source; what was migrated before is not migrated again, and what was deleted'
        ' stays behind.',
    )
    parser.set_defaults(function=execute, index_map=[], **dict.fromkeys(_FILES))
    legacy_arguments.add_arguments(parser)
    _add_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add what goes with every source."""
    parser.add_argument(
        '--spool', type=Path, metavar='DIR', help='a folder for what is pulled; else a temporary one'
    )
    parser.add_argument(
        '--stage',
        choices=STAGES,
        default='all',
        help='only pull the source into the spool, only load it, or only verify what was loaded; all by default',
    )
    parser.add_argument(
        '--map', type=Path, metavar='FILE', help='lines with a user and a project, for documents without one'
    )
    parser.add_argument(
        '--default-project', metavar='ID', help='the project of documents that have none by any rule'
    )
    parser.add_argument(
        '--keystone',
        action='store_true',
        help='ask Keystone for the projects of users whose documents have none by the other rules',
    )
    parser.add_argument(
        '--auth-section',
        metavar='GROUP',
        help='the group of options with an account that may look at users there; keystone_authtoken by default',
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='do everything, report it, and take it back'
    )
    parser.add_argument(
        '--verify', action='store_true', help='read every document back afterwards, and compare'
    )
    parser.add_argument(
        '--undo', action='store_true', help='delete what was migrated and not changed since'
    )
    parser.add_argument(
        '--yes', '-y', dest='confirmed', action='store_true', help='do not ask before that'
    )
    parser.add_argument('--report', type=Path, metavar='FILE', help='write the report as JSON')
    parser.add_argument(
        '--reject-file', type=Path, metavar='FILE', help='write rejected documents, as a dump again'
    )
    parser.add_argument('--quiet', action='store_true', help='show no progress')


def execute(conf: cfg.ConfigOpts) -> int:
    """Run the command; returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Ids may have letters that the terminal has not.
        sys.stdout.reconfigure(errors='backslashreplace')
    try:
        _set_up_log(conf)
        kinds = _kinds(conf.command.index_map)
        with _source(conf, kinds) as live:
            settings = _settings(conf.command, kinds, live)
            if conf.command.keystone:
                users = Users(conf, conf.command.auth_section or 'keystone_authtoken')
                settings = dataclasses.replace(settings, users=users)
            if settings.undo and not settings.dry_run and not _is_confirmed(conf):
                output.tell('Nothing was removed.')
                return errors.UNFINISHED
            return run.Run(conf, settings).execute()
    except MigrationError as error:
        output.tell(str(error))
        return error.code
    except KeyboardInterrupt:
        output.tell('Interrupted. Run the same command again to go on.')
        return errors.UNFINISHED
    except (db_exception.DBError, exc.DBAPIError) as error:
        failure = TargetError(f'The database refused: {plain(error)}')
        output.tell(str(failure))
        return failure.code
    except db_exception.RetryRequest:
        output.tell('Somebody else writes to the same rows. Run the same command again.')
        return errors.TARGET
    except exc.ArgumentError:
        # Its text may show the URL and so a password.
        output.tell('The URL in [database] connection is malformed.')
        return errors.TARGET
    except sqlite3.Error as error:
        output.tell(f'The scratch database beside the spool failed: {error}')
        return errors.SOURCE
    except OSError as error:
        output.tell(f'{error.filename or "A file"}: {error.strerror}')
        return errors.SOURCE


def _set_up_log(conf: cfg.ConfigOpts) -> None:
    """Log as the configuration says.

    :raises TargetError: that is impossible
    """
    try:
        discretion.set_up_log(conf, conf.prog)
    except cfg.Error as error:
        raise TargetError(f'The configuration is wrong: {error}') from None
    output.keep_log_from_results()


def _is_confirmed(conf: cfg.ConfigOpts) -> bool:
    """Whether somebody wants everything taken back."""
    if conf.yes or conf.command.confirmed:
        return True
    # Its query may hold the password.
    shown = urls.parse(conf.database.connection).set(query={}).render_as_string()
    try:
        answer = input(f'Remove all that was migrated into {shown}, and not changed since? [y/N] ')
    except EOFError:
        print()
        return False
    return answer.strip().lower() in ('y', 'yes')


@contextlib.contextmanager
def _source(conf: cfg.ConfigOpts, kinds: dict[str, str]) -> Iterator[Live | None]:
    """The server to read from, if this run is to read from one.

    :raises UsageError: what the command line says of it makes no sense
    """
    command = conf.command
    found: Cluster | LegacyDatabase | None
    if command.source == 'legacy-sql':
        found = legacy_arguments.find(command, conf.database.connection)
    else:
        server = source_arguments.find(command, kinds)
        found = None if server is None else Cluster(server)
    if found is not None and command.dump is not None:
        raise UsageError('Name one source, a server or a dump.')
    if found is not None and command.undo:
        raise UsageError('--undo takes everything back; it goes with no source.')
    if found is None or command.stage not in ('all', 'pull'):
        yield None
        return
    with contextlib.closing(found):
        yield found


def _settings(command: Any, kinds: dict[str, str], live: Live | None) -> Settings:
    """What the command line says.

    :raises UsageError: it makes no sense
    """
    others = (command.dump, command.verify, command.reject_file)
    if command.undo and (any(others) or command.stage != 'all'):
        raise UsageError('--undo takes everything back; it goes with no source or stage.')
    if command.stage in ('all', 'pull') and not (command.undo or command.dump or live):
        dump = '' if command.source == 'legacy-sql' else ', or --dump FILE'
        raise UsageError(f'Name a source: --from URL or --from-config FILE{dump}.')
    if command.stage == 'pull' and command.spool is None:
        raise UsageError('--stage pull needs a --spool to pull into.')
    if command.stage == 'pull' and command.reject_file is not None:
        raise UsageError('--stage pull rejects nothing, so it has no --reject-file.')
    if command.stage in ('load', 'verify') and not (command.dump or command.spool):
        raise UsageError(f'--stage {command.stage} needs a --spool or a --dump.')
    if command.dry_run and (command.verify or command.stage in ('pull', 'verify')):
        raise UsageError('--dry-run leaves nothing that could be verified or pulled.')
    if command.auth_section and not command.keystone:
        raise UsageError('--auth-section goes with --keystone.')
    if command.default_project is not None and ids.owner(command.default_project) is None:
        raise UsageError('--default-project takes an id of 1 to 64 characters.')
    _check_files(command)
    if command.report is not None:
        _try_report(command.report)
    return Settings(
        dump=command.dump,
        live=live,
        spool=command.spool,
        stage=command.stage,
        kinds=kinds,
        projects={} if command.map is None else _read_map(command.map),
        default_project=command.default_project,
        dry_run=command.dry_run,
        verify=command.verify or command.stage == 'verify',
        undo=command.undo,
        report=command.report,
        reject_file=command.reject_file,
        quiet=command.quiet,
    )


def _check_files(command: Any) -> None:
    """Make sure that nothing is written over what is read or written besides.

    :raises UsageError: it would be
    """
    spool = command.spool
    named = [
        *(getattr(command, name) for name in _FILES),
        *(command.map, command.from_config, *(dump.files(spool) if spool is not None else ())),
    ]
    known = [path.resolve() for path in named if path is not None]
    if spool is not None and command.dump is not None and known.count(known[0]) > 1:
        raise UsageError(f'{command.dump} is in the spool; load it with --stage load --spool {spool}.')
    for path in (command.reject_file, command.report):
        if path is None:
            continue
        if path.resolve() in known:
            raise UsageError(f'{path} is another file of this run, which is not written over.')
        known.append(path.resolve())


def _try_report(path: Path) -> None:
    """Make sure that the report can be written once everything is done.

    :raises UsageError: it cannot
    """
    is_there = path.exists()
    if is_there and not (path.is_file() or path.is_dir()):
        # A pipe, whose reader would take this for the end.
        return
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
        if not is_there:
            path.resolve().unlink()
    except OSError as error:
        raise UsageError(f'{path} cannot be written: {error.strerror}') from None


def _kinds(pairs: list[str]) -> dict[str, str]:
    """What indices hold.

    :raises UsageError: a pair is none
    """
    kinds = {}
    for pair in pairs:
        index, _, kind = pair.partition('=')
        if kind not in KINDS or not index:
            raise UsageError(f'--index-map takes INDEX=TYPE, where TYPE is one of {", ".join(KINDS)}.')
        kinds[index] = kind
    return kinds


def _read_map(path: Path) -> dict[str, str]:
    """Projects by user: a JSON object, or lines of two words.

    :raises UsageError: the file is something else, or names several projects for a user
    """
    text = source_arguments.read_file(path)
    if text.lstrip().startswith('{'):
        try:
            # Which refuses what the other takes, and hides names that are there twice.
            orjson.loads(text)
            pairs = json.loads(text, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError) as error:
            raise UsageError(f'{path} is no JSON: {error}') from None
        if not isinstance(pairs, _Pairs) or not all(ids.owner(value) for _, value in pairs):
            raise UsageError(f'{path}: every user needs one project, of at most 64 characters.')
        lines = [('', user, project) for user, project in pairs]
    else:
        lines = list(_lines_of_map(path, text))
    projects: dict[str, str] = {}
    for place, user, project in lines:
        if projects.setdefault(user, project) != project:
            raise UsageError(f'{path}{place}: {user} has another project before that.')
    return projects


class _Pairs(list[tuple[str, Any]]):
    """An object in JSON, in which a name may be there twice."""


def _lines_of_map(path: Path, text: str) -> Iterator[tuple[str, str, str]]:
    """What names a line, its user and the project.

    :raises UsageError: a line is something else
    """
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition('#')[0].replace(',', ' ').split()
        if words and len(words) != 2:
            raise UsageError(f'{path}, line {number}: a user and a project belong there.')
        if words and ids.owner(words[1]) is None:
            raise UsageError(f'{path}, line {number}: a project has at most 64 characters.')
        if words:
            yield f', line {number}', words[0], words[1]
