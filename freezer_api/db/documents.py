# SPDX-License-Identifier: Apache-2.0
"""Documents as the rows hold them."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

Document = dict[str, Any]


def dump(value: Any) -> str:
    """JSON text."""
    return orjson.dumps(value).decode()


def load(text: str) -> Any:
    """The value of a JSON text."""
    return orjson.loads(text)


def without(document: Mapping[str, Any], names: Iterable[str]) -> Document:
    """The document without some keys."""
    dropped = frozenset(names)
    return {key: value for key, value in document.items() if key not in dropped}
