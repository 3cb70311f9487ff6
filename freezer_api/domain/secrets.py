# SPDX-License-Identifier: Apache-2.0
"""Secrets in documents: which keys carry them, and documents without them.

Agents take passwords and keys from the definitions of their actions, so these are stored as they come. Who may only
read does not need them.
"""

import functools
import re
from typing import Any

from oslo_utils import strutils

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
    'passw(or)?d|passphrase|secret|token|credential|(^|_)(pass|pwd)(_|$)'
    # Without an underscore, as in PGPASS; "compass" and "bypass" are words of their own.
    '|((?<!com)(?<!by)pass|pwd)$'
    '|(access|account|api|auth|encryption|kms|master|private|shared|signing)_?key'
    # Headers.
    '|authorization|bearer|cookie'
)
# User and password of an URL, as in the agent's option "proxy". A password may have an "@" in it, or a "/", which is
# told from a port with a path behind it by a character that is no digit. Each character is looked at a few times only.
_IN_URL = re.compile(r'(?<=://)(?:[^/\s]*@|[^/\s:@\[]+:(?!\d+\b)[^\s:]*@)')
# The same of a proxy, whose URL may lack the scheme.
_PROXY = re.compile('prox(y|ies)$')
_IN_FRONT = re.compile(r'^\S*@')


@functools.lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    """Whether values under a key of this name are secrets."""
    name = name.replace('-', '_').lower()
    return name in _NAMES or _PART.search(name) is not None


def masked(value: Any) -> Any:
    """The JSON value with :data:`MASK` in place of every secret; shares what needs no change."""
    if isinstance(value, dict):
        return {
            key: _masked_whole(item) if is_secret(key) else _masked_value(key, item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [masked(item) for item in value]
    return _without_userinfo(value) if isinstance(value, str) else value


def _masked_value(key: str, value: Any) -> Any:
    # An action may be any command; its passwords are known by their options.
    if key == 'command' and isinstance(value, str):
        value = strutils.mask_password(value, MASK)
    value = masked(value)
    if isinstance(value, str) and '://' not in value and _PROXY.search(key.lower()):
        value = _IN_FRONT.sub(f'{MASK}@', value)
    return value


def _without_userinfo(text: str) -> str:
    """The text with :data:`MASK` in place of user and password of URLs."""
    return _IN_URL.sub(f'{MASK}@', text) if '://' in text else text


def _masked_whole(value: Any) -> Any:
    # What is absent, empty or a switch tells nothing, and objects stay objects.
    if value is None or value == '' or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {key: _masked_whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked_whole(item) for item in value]
    return MASK
