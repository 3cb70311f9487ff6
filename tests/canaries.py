# SPDX-License-Identifier: Apache-2.0
"""Marked texts to plant, each its own, and the search for them in whatever comes out."""

import base64
import enum
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib import parse


class Kind(enum.StrEnum):
    """What a text is; its value marks it, and is searched for in the forms that texts take."""

    # A password or key in a document: for agents and members of its project.
    SECRET = 'canary5d0c'
    # Any other text of a document: for everybody who may read it, and no log or error.
    TEXT = 'sparrow7e21'
    # The id of a trust: for the service and for the owner of the central client.
    TRUST = 'kestrel94ab'
    # A token, or a password of the configuration: for nobody.
    CREDENTIAL = 'osprey3f68'


# As published agents, and those before them, spell what opens something.
NAMES = (
    *('ssh_key', 'ssh_password', 'ftp_password', 'ftp_keyfile', 'ftp_certfile', 'access_key'),
    *('secret_key', 'mysql_conf', 'sql_server_conf', 'encrypt_pass_file', 'os_trust_id', 'trust_id'),
    *('os_password', 'OS_PASS', 'db-passwd', 'passphrase', 'auth_token', 'X-Auth-Token', 'Authorization'),
    *('Proxy-Authorization', 'set-cookie', 'bearer', 'PGPASS', 'sshPass', 'mysqlPwd', 'kms_key'),
    *('user_credentials', 'private_key', 'apiKey', 'account_key', 'client-secret', 'encryption_key'),
)


class Canaries:
    """Makes the texts.

    :ivar places: where each was planted, by its name: kind and number
    """

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def name(self, kind: Kind, place: str) -> str:
        """A text of letters, digits and a hyphen that was never there before."""
        text = f'{kind}-{len(self.places):04}'
        self.places[text] = place
        return text

    def text(self, kind: Kind, place: str) -> str:
        """The same, with characters that JSON, URLs and logs write in other ways."""
        return f'{self.name(kind, place)}-"\\\'é&+ %/='

    def secrets(self, place: str) -> dict[str, Any]:
        """Keys of an object with a secret at each place that may hold one."""

        def secret(name: str) -> str:
            return self.text(Kind.SECRET, f'{place}.{name}')

        def url(name: str) -> str:
            user, password = (self.name(Kind.SECRET, f'{place}.{name}') for _ in range(2))
            return f'http://{user}:{password}@proxy.example:3128/'

        return {
            **{name: secret(name) for name in NAMES},
            'proxy': url('proxy'),
            'texts': [url('texts[0]'), {'deep': [url('texts[1].deep[0]')]}],
            'headers': {'X-Auth-Token': secret('headers'), 'Authorization': secret('headers')},
            'password': {'current': secret('password.current'), 'former': [secret('password.former')]},
            'list': [{'password': secret('list[0].password')}],
            'command': f'dump --password {self.name(Kind.SECRET, f"{place}.command")} everything',
        }


def _forms(mark: str) -> Iterator[str]:
    """How a mark looks in an output: as it is, in hexadecimal digits, or within base64 at any of three places."""
    raw = mark.encode()
    yield re.escape(mark) + '(?:-[0-9]{4})?'
    yield raw.hex()
    for before in range(3):
        encoded = base64.b64encode(b' ' * before + raw).decode().rstrip('=')
        # Its ends depend on what is around it.
        yield re.escape(encoded[(0, 2, 3)[before] : -1].lower())


_MARKS = re.compile('|'.join(f'(?P<{kind.name}>{"|".join(_forms(kind))})' for kind in Kind))


def find(output: str) -> dict[Kind, set[str]]:
    """What of each kind is in an output, in any case: names, or encoded marks."""
    found: dict[Kind, set[str]] = {}
    for match in _MARKS.finditer(output.lower()):
        found.setdefault(Kind[match.lastgroup or ''], set()).add(match.group())
    return found


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The values of a JSON document that are neither objects nor lists, with the way to each."""
    items: Iterator[tuple[str | int, Any]]
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    else:
        yield path, value
        return
    for key, item in items:
        yield from leaves(item, (*path, key))


def replaced(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of the document with another value at the end of a way."""
    copy = json.loads(json.dumps(document))
    *way, last = path
    target = copy
    for key in way:
        target = target[key]
    target[last] = value
    return copy


def quoted(text: str) -> str:
    """A text within a query."""
    return parse.quote(text, safe='')
