# SPDX-License-Identifier: Apache-2.0
"""Secrets in documents: which keys carry them, and documents without them.

Agents take passwords and keys from the definitions of their actions, so these are stored as they come. Who may only
read does not need them.
"""

import dataclasses
import functools
import re
from collections.abc import Iterable
from typing import Any

MASK = '***'

# Options of the agent: keys, and files that hold nothing but credentials.
_NAMES = frozenset(
    {
        'encrypt_pass_file',
        'ftp_certfile',
        'ftp_keyfile',
        'mysql_conf',
        'os_trust_id',
        'sql_server_conf',
        'ssh_key',
        'trust_id',
    }
)
# And what else a name says.
_PART = re.compile(
    'passw(or)?d|passphrase|pswd|secret|token|credential|(^|_)(pass|pwd)(_|$)'
    # Without an underscore, as in PGPASS; "compass" and "bypass" are words of their own.
    '|((?<!com)(?<!by)pass|pwd)$'
    '|(access|account|api|auth|encrypted|encryption|fernet|kms|master|private|shared|signing|ssl)_?key'
    # Headers.
    '|authorization|bearer|cookie'
)
# User and password of an URL, as in the agent's option "proxy". A password may have an "@" in it, or a "/", which is
# told from a port with a path behind it by a character that is no digit. Each character is looked at a few times only.
_IN_URL = re.compile(r'(?<=://)(?:[^/\s]*@|[^/\s:@\[]+:(?!\d+\b)[^\s:]*@)')
# The same of a proxy, whose URL may lack the scheme.
_PROXY = re.compile('prox(y|ies)$')
_IN_FRONT = re.compile(r'(?<!\S)\S*@')

# An action may be any command; its passwords are known by what stands before them: "--password x", "password=x",
# "X-Auth-Token: x", "'--password', 'x'", "password 'x'", or "<password>". Commands are long and come from anybody, so
# there is one pass over the names, and what a pattern has taken it does not give back.
_COMMAND = re.compile('(^|[_-])command$')
_NAME = re.compile(r"""(?<![\w-])([\w-]++)(["']?\s*+[=:]\s*+|["']\s*+,\s*+|\s++|>(?=[^<>]*+</))""")
_LONGEST_NAME = 255
_QUOTED = r"""\w?(?:"[^"]*+"|'[^']*+')(?=[\s,;)}\]]|$)"""
# An end of a text in quotes that is missing is the end of the command.
_UNTIL_THE_END = r"""["'].*"""
_WORD = re.compile(
    rf"""{_QUOTED}|(?:"[^"]*+"|'[^']*+'|\\.|[^\s"'\\])++|{_UNTIL_THE_END}""", re.DOTALL
)
# Headers have blanks in their values.
_LINE = re.compile(rf"""{_QUOTED}|[^"'\n]++|{_UNTIL_THE_END}""", re.DOTALL)
_ELEMENT = re.compile('[^<]*+')


@functools.lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    """Whether values under a key of this name are secrets."""
    name = name.replace('-', '_').lower()
    return name in _NAMES or _PART.search(name) is not None


def masked(value: Any) -> Any:
    """The JSON value with :data:`MASK` in place of every secret; shares what needs no change."""
    return _masked(value, _Place())


def find_mask(value: Any) -> str | None:
    """Where :data:`MASK` stands for a secret, as in a document that comes back; the path of the first place."""
    others = _unmasked(value)
    return _find_mask(value, others, masked(others), '')


def _unmasked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmasked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unmasked(item) for item in value]
    return value.replace(MASK, 'x') if isinstance(value, str) else value


def _find_mask(value: Any, other: Any, hidden: Any, path: str) -> str | None:
    """Where a value has the mask, and would have it again if anything else stood there."""
    below: Iterable[tuple[Any, str]] = ()
    if isinstance(value, dict):
        below = ((key, f'{path}.{key}' if path else key) for key in value)
    elif isinstance(value, list):
        below = ((index, f'{path}[{index}]') for index in range(len(value)))
    elif isinstance(value, str) and MASK in value and other != hidden:
        # A whole secret may have these characters in it.
        return path if hidden != MASK or value == MASK else None
    for key, where in below:
        if found := _find_mask(value[key], other[key], hidden[key], where):
            return found
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """What the keys above a value say of the texts in it."""

    proxy: bool = False
    command: bool = False

    def below(self, key: str) -> '_Place':
        key = key.lower()
        proxy = self.proxy or _PROXY.search(key) is not None
        command = self.command or _COMMAND.search(key) is not None
        return self if (proxy, command) == (self.proxy, self.command) else _Place(proxy, command)


def _masked(value: Any, place: _Place) -> Any:
    if isinstance(value, dict):
        return {
            key: _masked_whole(item) if is_secret(key) else _masked(item, place.below(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return _masked_list(value, place)
    return _masked_text(value, place) if isinstance(value, str) else value


def _masked_list(values: Iterable[Any], place: _Place) -> list[Any]:
    result = []
    is_value = False
    for value in values:
        result.append(_masked_whole(value) if is_value else _masked(value, place))
        # The arguments of a command: the value of an option is the one behind it.
        is_value = (
            place.command and not is_value and isinstance(value, str) and _is_option(value)
        )
    return result


def _masked_text(text: str, place: _Place) -> str:
    if place.command:
        text = _without_options(text)
    if '://' in text:
        text = _IN_URL.sub(f'{MASK}@', text)
    elif place.proxy:
        text = _IN_FRONT.sub(f'{MASK}@', text)
    return text


def _without_options(command: str) -> str:
    """The command with :data:`MASK` in place of values whose names tell a secret."""
    pieces: list[str] = []
    end = 0
    for found in _NAME.finditer(command):
        name, separator = found.groups()
        begin = found.end()
        if found.start() < end or len(name) > _LONGEST_NAME or not is_secret(name):
            continue
        separator = separator.strip('"\' \t\r\n')
        is_quoted = command[begin : begin + 1] in ('"', "'")
        if (separator == ',' or (not separator and not name.startswith('-'))) and not is_quoted:
            continue
        kind = {':': _LINE, '>': _ELEMENT}.get(separator, _WORD)
        if value := kind.match(command, begin):
            pieces += command[end:begin], MASK
            end = value.end()
    pieces.append(command[end:])
    return ''.join(pieces)


def _is_option(text: str) -> bool:
    return text.startswith('-') and len(text) <= _LONGEST_NAME and '=' not in text and is_secret(text)


def _masked_whole(value: Any) -> Any:
    # What is absent, empty or a switch tells nothing, and objects stay objects.
    if value is None or value == '' or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {key: _masked_whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked_whole(item) for item in value]
    return MASK
