# SPDX-License-Identifier: Apache-2.0
"""Documents as the rows hold them."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from freezer_api import exceptions

Document = dict[str, Any]

# Bytes, of MEDIUMTEXT in MySQL.
MAX_SIZE = 2**24 - 1


def dump(value: Any) -> str:
    """JSON text.

    :raises BadRequest: it is longer than a column; no request is, but changes one after the other may lead there
    """
    text = orjson.dumps(value)
    if len(text) > MAX_SIZE:
        raise exceptions.BadRequest(f'The document would be longer than {MAX_SIZE} bytes.')
    return text.decode()


def size_in_statement(text: str) -> int:
    """Bytes that a text takes in a statement of MySQL or MariaDB, where some letters get a backslash."""
    return len(text.encode()) + sum(text.count(letter) for letter in '"\'\\\n\r\0\x1a')


def load(text: str) -> Any:
    """The value of a JSON text."""
    return orjson.loads(text)


def without(document: Mapping[str, Any], names: Iterable[str]) -> Document:
    """The document without some keys."""
    dropped = frozenset(names)
    return {key: value for key, value in document.items() if key not in dropped}
