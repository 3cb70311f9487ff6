# SPDX-License-Identifier: Apache-2.0
"""Request bodies: bytes in, JSON values out.

What comes out can be stored in every database and written again without loss: no NUL, no lone
surrogate, no number that JSON or a 64-bit column cannot hold, no nesting that exhausts a stack.
"""

import json
import re
from typing import Any

import orjson

from freezer_api import exceptions

MAX_DEPTH = 32

_BOM = b'\xef\xbb\xbf'
_INT64_DIGITS = 19
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1
# Runs of digits that may be an integer beyond 64 bits; most bodies have none.
_LONG_DIGITS = re.compile(rb'[0-9]{%d}' % _INT64_DIGITS)
_NOT_A_NUMBER = re.compile(r'-?(?:NaN|Infinity)')


def parse(raw: bytes, max_depth: int = MAX_DEPTH) -> object:
    """Return the JSON value in ``raw``.

    ``max_depth`` is how many objects and lists may be open at once; ``{}`` has depth 1.

    :raises BadRequest: it is no JSON in UTF-8, nested deeper, or holds what cannot be stored
    """
    if raw.startswith(_BOM):
        raise exceptions.BadRequest('The body must be UTF-8 without a byte order mark.')
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _malformed(raw, error, max_depth) from None
    # Counting is far cheaper than walking; brackets inside of strings only cost a walk.
    if raw.count(b'{') + raw.count(b'[') > max_depth:
        _check_depth(value, max_depth)
    if _LONG_DIGITS.search(raw):
        _check_integers(raw)
    if b'\\u0000' in raw:
        _check_nul(value)
    return value


def parse_object(raw: bytes, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return the JSON object in ``raw``; no body at all is ``{}``.

    :raises BadRequest: as ``parse``, or it is no object
    """
    if not raw:
        return {}
    value = parse(raw, max_depth)
    if not isinstance(value, dict):
        raise exceptions.BadRequest('The body must be a JSON object.')
    return value


def _malformed(raw: bytes, error: orjson.JSONDecodeError, max_depth: int) -> exceptions.BadRequest:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return exceptions.BadRequest('The body is not valid UTF-8.')
    reason = error.msg
    if 'depth' in reason or 'recursion' in reason:  # the limit of orjson itself
        return _too_deep(max_depth)
    if _NOT_A_NUMBER.match(text, error.pos):
        reason = 'NaN and Infinity are not JSON numbers'
    elif 'infinity' in reason:
        reason = 'a number is too large'
    elif 'surrogate' in reason:
        reason = 'a surrogate lacks its other half'
    where = f'line {error.lineno}, column {error.colno}'
    return exceptions.BadRequest(f'The body is not valid JSON: {reason} ({where}).')


def _too_deep(max_depth: int) -> exceptions.BadRequest:
    return exceptions.BadRequest(f'The body is nested deeper than {max_depth} levels.')


def _containers(values: list[Any]) -> list[Any]:
    """Objects and lists directly inside of the objects and lists given."""
    return [
        child
        for value in values
        for child in (value.values() if isinstance(value, dict) else value)
        if isinstance(child, dict | list)
    ]


def _check_depth(value: object, max_depth: int) -> None:
    level = _containers([[value]])
    depth = 0
    while level:
        depth += 1
        if depth > max_depth:
            raise _too_deep(max_depth)
        level = _containers(level)


def _check_integers(raw: bytes) -> None:
    """orjson turns integers beyond 64 bits into floats, so look at the text again.

    The standard parser recurses, but depth was checked before.
    """
    json.loads(raw, parse_int=_int64)


def _int64(digits: str) -> int:
    # The length first: int() of very long texts is slow, or refused by Python.
    if len(digits.lstrip('-')) <= _INT64_DIGITS:
        number = int(digits)
        if _INT64_MIN <= number <= _INT64_MAX:
            return number
    raise exceptions.BadRequest('An integer in the body does not fit into 64 bits.')


def _check_nul(value: object) -> None:
    level: list[Any] = [[value]]
    while level:
        for container in level:
            texts = list(container)
            if isinstance(container, dict):
                texts.extend(container.values())
            if any(isinstance(text, str) and '\0' in text for text in texts):
                raise exceptions.BadRequest(
                    'A text in the body contains the NUL character, which cannot be stored.'
                )
        level = _containers(level)
