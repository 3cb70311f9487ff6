# SPDX-License-Identifier: Apache-2.0
"""What the command line says of a server to read from."""

import argparse
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from freezer_api.migrate import source
from freezer_api.migrate.errors import UsageError
from freezer_api.migrate.source import Source

# Secrets on a command line are for all users of the host to see.
PASSWORD = 'FREEZER_MIGRATE_PASSWORD'
API_KEY = 'FREEZER_MIGRATE_API_KEY'
TOKEN = 'FREEZER_MIGRATE_TOKEN'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ours to the command line."""
    where = parser.add_argument_group('a server to read from').add_mutually_exclusive_group()
    where.add_argument(
        '--from',
        dest='urls',
        action='append',
        metavar='URL',
        help='a host of Elasticsearch or OpenSearch; can be repeated for others of the same cluster',
    )
    where.add_argument(
        '--from-config',
        type=Path,
        metavar='FILE',
        help='the configuration file of the old service, which names hosts and index',
    )
    how = parser.add_argument_group('how to reach it')
    how.add_argument(
        '--index',
        action='append',
        metavar='NAME',
        help=f'an index, alias or pattern with *; can be repeated; {source.INDEX} by default, and those of --index-map',
    )
    how.add_argument(
        '--cafile',
        metavar='FILE',
        help="authorities to check its certificate with, not the system's",
    )
    how.add_argument('--insecure', action='store_true', help='do not check its certificate')
    how.add_argument('--old-tls', action='store_true', help='put up with TLS 1.0 and 1.1')
    how.add_argument('--certfile', metavar='FILE', help='a certificate to show it')
    how.add_argument(
        '--keyfile', metavar='FILE', help='the key of that, if it is in a file of its own'
    )
    how.add_argument('--user', metavar='NAME', help='log in as this user')
    how.add_argument(
        '--password-file',
        type=Path,
        metavar='FILE',
        help=f'with the password; or set {PASSWORD} in the environment',
    )
    how.add_argument(
        '--api-key-file',
        type=Path,
        metavar='FILE',
        help=f'with an API key, as it is handed out or as ID:KEY; or set {API_KEY}',
    )
    how.add_argument(
        '--token-file', type=Path, metavar='FILE', help=f'with a bearer token; or set {TOKEN}'
    )
    how.add_argument('--timeout', type=_positive, metavar='SECONDS', help='for one answer (60)')
    how.add_argument(
        '--retries', type=_positive, metavar='NUMBER', help='of what is not answered (20)'
    )


def find(command: Any, indices: Collection[str]) -> Source | None:
    """The source that the command line names, if it names one.

    :param indices: to be read besides
    :raises UsageError: what it says of it makes no sense
    """
    if command.urls:
        found = source.from_url(*command.urls)
    elif command.from_config:
        found = source.from_config(command.from_config)
    else:
        _refuse_leftovers(command)
        return None
    named = command.index or found.indices
    if command.index:
        optional = frozenset[str]()
    else:
        # Perhaps all is in the indices that are mapped.
        optional = found.optional | (set(named) if indices else set())
    changes: dict[str, Any] = {
        'indices': tuple(dict.fromkeys([*named, *indices])),
        'optional': optional - set(indices),
        'ca_file': command.cafile,
        'verify': False if command.insecure else None,
        'old_tls': command.old_tls or None,
        'certificate_file': command.certfile,
        'key_file': command.keyfile,
        'timeout': command.timeout,
        'retries': command.retries,
        **_login(command, found),
    }
    found = found.replace(**{name: value for name, value in changes.items() if value is not None})
    if command.password_file and not found.user:
        raise UsageError('--password-file needs a --user.')
    if command.keyfile and not command.certfile:
        raise UsageError('--keyfile needs a --certfile.')
    return found


def read_file(path: Path) -> str:
    """What a small file says.

    :raises UsageError: it cannot be read
    """
    try:
        return path.read_text('utf-8-sig')
    except (OSError, UnicodeDecodeError):
        raise UsageError(f'{path} cannot be read.') from None


def _login(command: Any, found: Source) -> dict[str, str | None]:
    """How to log in: as the options say, else the URL or file of the source, else the environment."""
    options = (command.user, command.api_key_file, command.token_file)
    named = sum(option is not None for option in options)
    if named > 1:
        raise UsageError('--user, --api-key-file and --token-file are ways to log in; choose one.')
    is_open = not (named or found.user)
    lacks_password = command.user is not None or not found.password
    return {
        'user': command.user,
        'password': _secret(command.password_file, PASSWORD if lacks_password else None),
        'api_key': _plain(_secret(command.api_key_file, API_KEY if is_open else None)),
        'token': _plain(_secret(command.token_file, TOKEN if is_open else None)),
    }


def _plain(secret: str | None) -> str | None:
    """A secret that is sent in a header as it is.

    :raises UsageError: no header can hold it
    """
    if secret is not None and not (secret.isascii() and secret.isprintable()):
        raise UsageError('Tokens and API keys have letters of ASCII only.')
    return secret


def _secret(path: Path | None, variable: str | None) -> str | None:
    if path is None:
        return os.environ.get(variable) or None if variable else None
    text = read_file(path).strip('\r\n')
    if not text:
        raise UsageError(f'{path} is empty.')
    if len(text.splitlines()) > 1:
        raise UsageError(f'{path} has more than one line.')
    return text


def _refuse_leftovers(command: Any) -> None:
    """Tell options apart from slips: without a server they would do nothing."""
    for name in (
        *('index', 'cafile', 'insecure', 'old_tls', 'certfile', 'keyfile', 'user', 'password_file'),
        *('api_key_file', 'token_file', 'timeout', 'retries'),
    ):
        if getattr(command, name):
            raise UsageError(f'--{name.replace("_", "-")} goes with --from or --from-config.')


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
