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

# Options of the agent: keys, and files that hold nothing but credentials. And headers.
_NAMES = frozenset(
    {
        'authorization',
        'cookie',
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
    'passw(or)?d|passphrase|secret|token|credential|adminpass|(^|_)(pass|pwd)(_|$)'
    '|(access|account|api|auth|encryption|master|private|shared|signing)_?key'
)
# User and password of an URL, as in the agent's option "proxy". A password may have an "@" in it.
_IN_URL = re.compile(r'(?<=://)[^/\s]*@')


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
    return masked(value)


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
