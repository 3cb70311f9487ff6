# SPDX-License-Identifier: Apache-2.0
"""freezer-manage trusts: trusts that could not be deleted, or that nobody knows."""

import argparse
import functools
import sys
import time
from collections.abc import Callable, Iterable

from oslo_config import cfg
from oslo_db import exception as db_exception

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import migration, session, trusts
from freezer_api.domain.trusts import Listed
from freezer_api.keystone import Keystone

# Seconds after which a request that made a trust has stored it, or deleted it again.
_WAIT = 60


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add ours to the command line."""
    commands = parser.add_subparsers(dest='action', required=True, metavar='list|check|purge')
    for name, function in (('list', _list), ('check', _check), ('purge', _purge)):
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        command.set_defaults(function=function)
        if function is _purge:
            command.add_argument(
                '--orphans',
                action='store_true',
                help='Delete trusts for the service too that it does not know. Be sure that nobody else made them.',
            )
            command.add_argument(
                '--wait',
                type=float,
                default=_WAIT,
                metavar='SECONDS',
                help=f'How long an orphan must be one, since requests may be about to store it ({_WAIT}).',
            )
            command.add_argument(
                '--auth-section',
                default=None,
                metavar='GROUP',
                help='The group of options with the account of an administrator of Keystone, '
                'if the service is none.',
            )


def _command(
    function: Callable[[cfg.ConfigOpts, RequestContext], int],
) -> Callable[[cfg.ConfigOpts], int]:
    """Give a command the database, and print what ends it early."""

    @functools.wraps(function)
    def wrapper(conf: cfg.ConfigOpts) -> int:
        context = RequestContext(overwrite=False)
        context.database = session.Database(conf)
        try:
            migration.current(context.database.engines[0])
            return function(conf, context)
        except exceptions.FreezerError as error:
            print(error.description, file=sys.stderr)
        except db_exception.DBError as error:
            # Without its text, in which drivers quote what they were given.
            print(f'The database refused: {type(error).__name__}', file=sys.stderr)
        finally:
            context.database.dispose()
        return 1

    return wrapper


def _trustee(conf: cfg.ConfigOpts) -> Keystone:
    return Keystone(conf, conf.centralized_scheduler.auth_section)


@_command
def _list(conf: cfg.ConfigOpts, context: RequestContext) -> int:
    """Print all trusts with their state: used, expired, released, missing in Keystone, or orphan."""
    keystone = _trustee(conf)
    trustee_id = keystone.trustee_id()
    existing = {found.trust_id: found for found in keystone.trusts()}
    stored = trusts.find(context)
    line = '{:<32} {:<32} {:<32} {:>6} {}'.format
    print(line('trust', 'trustor', 'project', 'jobs', 'state'))
    for item in stored:
        terms = item.trust.terms
        known = terms.trustee_user_id != trustee_id or item.trust.trust_id in existing
        print(
            line(
                item.trust.trust_id,
                terms.trustor_user_id,
                terms.project_id,
                item.jobs,
                _state(item, known),
            )
        )
    for orphan in _orphans(existing.values(), stored):
        print(line(orphan.trust_id, orphan.trustor_user_id, orphan.project_id, 0, 'orphan'))
    return 0


@_command
def _check(conf: cfg.ConfigOpts, context: RequestContext) -> int:
    """Find used trusts that are missing in Keystone, and let jobs get others when changed; exit with 1 if any.

    With [centralized_scheduler] enabled = false the jobs get none.
    """
    keystone = _trustee(conf)
    trustee_id = keystone.trustee_id()
    # In this order: what is stored was made before.
    used = [item for item in trusts.find(context) if item.released_at is None]
    existing = {found.trust_id for found in keystone.trusts()}
    missing = [
        item
        for item in used
        if item.trust.terms.trustee_user_id == trustee_id and item.trust.trust_id not in existing
    ]
    for item in missing:
        trusts.lose(context, item.trust.trust_id)
        print(f'missing: {item.trust.trust_id} with {item.jobs} jobs of {item.trust.terms.project_id}')
    print(f'{len(missing)} of {len(used)} trusts are missing.')
    return 1 if missing else 0


def _state(item: trusts.Stored, exists: bool) -> str:
    if item.released_at is not None:
        return 'released'
    if not exists:
        return 'missing'
    expires_at = item.trust.expires_at
    return 'expired' if expires_at is not None and expires_at <= session.seconds() else 'used'


def _orphans(existing: Iterable[Listed], stored: list[trusts.Stored]) -> list[Listed]:
    """Of the trusts in Keystone those that are not stored."""
    known = {item.trust.trust_id for item in stored}
    return [found for found in existing if found.trust_id not in known]


@_command
def _purge(conf: cfg.ConfigOpts, context: RequestContext) -> int:
    """Delete released trusts in Keystone; exit with 1 if some remain."""
    command = conf.command
    trustee = _trustee(conf)
    remover = trustee
    if command.auth_section:
        remover = Keystone(conf, command.auth_section)
    failed = 0
    released = [item for item in trusts.find(context) if item.released_at is not None]
    for item in released:
        if _delete(remover, item.trust.trust_id):
            trusts.forget(context, item.trust.trust_id)
        else:
            failed += 1
    done = len(released) - failed
    if command.orphans:
        orphans = _orphans(trustee.trusts(), trusts.find(context))
        if orphans:
            time.sleep(command.wait)
            orphans = _orphans(orphans, trusts.find(context))
        deleted = [_delete(remover, orphan.trust_id) for orphan in orphans]
        done += deleted.count(True)
        failed += deleted.count(False)
    print(f'{done} trusts are deleted.')
    if failed:
        print(f'{failed} trusts could not be deleted.', file=sys.stderr)
    return 1 if failed else 0


def _delete(keystone: Keystone, trust_id: str) -> bool:
    try:
        keystone.delete(None, trust_id)
    except exceptions.UnprocessableEntity:
        return False
    return True
