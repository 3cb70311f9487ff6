# SPDX-License-Identifier: Apache-2.0
"""JSON in columns of text, as it was found there: whole, written twice, as Python prints it, or cut off."""

import ast
import dataclasses
import json
import math
from typing import Any

CUT_OFF = 'text_cut_off'

_CLOSING = {'{': '}', '[': ']'}
# How often a text may have been made JSON.
_LEVELS = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What a text holds.

    :ivar value: none if there is nothing, or nothing that can be read
    :ivar reason: what had to be done to read it, as :mod:`freezer_api.migrate.reasons` names it
    :ivar is_readable: whether the value is all that the text says, or at least its beginning
    """

    value: Any = None
    reason: str | None = None
    is_readable: bool = True


def text_of(value: Any) -> str | None:
    """A value of a column as text; SQLite gives bytes back where the old service wrote bytes."""
    if isinstance(value, bytes | bytearray):
        return value.decode('utf-8', 'surrogateescape')
    return None if value is None else str(value)


def read(column: Any) -> Found:
    """What is in a column of JSON."""
    text = text_of(column)
    if text is None or not text.strip():
        return Found()
    found = _read_json(text)
    if found is None:
        found = _read_python(text) or _read_beginning(text)
    return Found(is_readable=False) if found is None else found


def _read_json(text: str) -> Found | None:
    strange: list[str] = []

    def finite(number: str) -> float | None:
        found = float(number)
        if math.isfinite(found):
            return found
        strange.append(number)
        return None

    value: Any = text
    for level in range(_LEVELS):
        try:
            value = json.loads(value, parse_constant=strange.append, parse_float=finite)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, str):
            reason = 'not_finite' if strange else 'encoded_twice' if level else None
            return Found(value, reason)
        if not value:
            # The old service wrote an empty text where a document had nothing.
            return Found()
    return None


def _read_python(text: str) -> Found | None:
    try:
        value = ast.literal_eval(text.strip())
        # Tuples become lists, and keys become texts.
        return Found(json.loads(json.dumps(value, allow_nan=False)), 'python_text')
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _read_beginning(text: str) -> Found | None:
    """What is complete in JSON that ends too early."""
    end, closing = _last_complete(text)
    if not closing:
        return None
    try:
        return Found(json.loads(text[:end] + closing), CUT_OFF)
    except (ValueError, RecursionError):
        return None


def _last_complete(text: str) -> tuple[int, str]:
    """Where the last member ends that is complete, and the brackets that are open there."""
    stack: list[str] = []
    end, closing = 0, ''
    is_in_text = is_escaped = False
    for position, letter in enumerate(text):
        if is_in_text:
            is_in_text = is_escaped or letter != '"'
            is_escaped = letter == '\\' and not is_escaped
        elif letter == '"':
            is_in_text = True
        elif letter in '{[':
            stack.append(_CLOSING[letter])
            end, closing = position + 1, ''.join(reversed(stack))
        elif letter in '}],':
            if letter != ',':
                if not stack or stack.pop() != letter:
                    return 0, ''
                position += 1
            end, closing = position, ''.join(reversed(stack))
    return end, closing
