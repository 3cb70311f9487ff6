# SPDX-License-Identifier: Apache-2.0
"""Request bodies: bytes in, JSON values out.

What comes out can be stored in every database and written again without loss: no NUL, no lone
surrogate, no number that JSON or a 64-bit column cannot hold, no nesting that exhausts a stack, and
not so many or so long parts that a single request is a burden.
"""

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from freezer_api import exceptions

_BOM = b'\xef\xbb\xbf'
_INT64_DIGITS = 19
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1
# Runs of digits that may be an integer beyond 64 bits; most bodies have none.
_LONG_DIGITS = re.compile(rb'[0-9]{%d}' % _INT64_DIGITS)
_NOT_A_NUMBER = re.compile(r'-?(?:NaN|Infinity)')


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What a body may hold. The defaults are those of ``[api]``.

    :ivar depth: objects and lists that may be open at once; ``{}`` has depth 1
    :ivar keys: of all its objects together
    :ivar items: entries of one list
    :ivar key_length: characters of a key
    :ivar text_length: characters of any other text
    """

    depth: int = 32
    keys: int = 20_000
    items: int = 100_000
    key_length: int = 1024
    text_length: int = 524_288


DEFAULTS = Limits()


def parse(raw: bytes, limits: Limits = DEFAULTS) -> object:
    """Return the JSON value in ``raw``.

    :raises BadRequest: it is no JSON in UTF-8, exceeds a limit, or holds what cannot be stored
    """
    if raw.startswith(_BOM):
        raise exceptions.BadRequest('The body must be UTF-8 without a byte order mark.')
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _malformed(raw, error, limits) from None
    # Counting is far cheaper than walking; brackets inside of strings only cost a walk.
    if raw.count(b'{') + raw.count(b'[') > limits.depth:
        _check_depth(value, limits.depth)
    if _may_exceed(raw, limits):
        _check_sizes(value, limits)
    if _LONG_DIGITS.search(raw):
        _check_integers(raw)
    if b'\\u0000' in raw:
        _check_nul(value)
    return value


def parse_object(raw: bytes, limits: Limits = DEFAULTS) -> dict[str, Any]:
    """Return the JSON object in ``raw``; no body at all is ``{}``.

    :raises BadRequest: as ``parse``, or it is no object
    """
    if not raw:
        return {}
    value = parse(raw, limits)
    if not isinstance(value, dict):
        raise exceptions.BadRequest('The body must be a JSON object.')
    return value


def _malformed(raw: bytes, error: orjson.JSONDecodeError, limits: Limits) -> exceptions.BadRequest:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return exceptions.BadRequest('The body is not valid UTF-8.')
    reason = error.msg
    if 'depth' in reason or 'recursion' in reason:  # the limit of orjson itself
        return _too_deep(limits.depth)
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


def _levels(value: object) -> Iterator[list[Any]]:
    """The objects and lists of each depth, the outermost first."""
    level = _containers([[value]])
    while level:
        yield level
        level = _containers(level)


def _check_depth(value: object, max_depth: int) -> None:
    for depth, _ in enumerate(_levels(value), 1):
        if depth > max_depth:
            raise _too_deep(max_depth)


def _may_exceed(raw: bytes, limits: Limits) -> bool:
    """Whether a look at each part is needed, which takes three times as long as to read the body."""
    if raw.count(b':') > limits.keys or raw.count(b',') >= limits.items:
        return True
    longest = min(limits.key_length, limits.text_length)
    if len(raw) <= longest:
        return False
    # A long text has its quotes far from each other, unless some of those between belong to it.
    return b'\\' in raw or len(max(raw.split(b'"'), key=len)) > longest


def _check_sizes(value: object, limits: Limits) -> None:
    keys = 0
    for level in _levels([value]):
        for container in level:
            if isinstance(container, dict):
                keys += len(container)
                if keys > limits.keys:
                    raise _too_much('has more than {} keys', limits.keys)
                if any(len(key) > limits.key_length for key in container):
                    raise _too_much('has a key of more than {} characters', limits.key_length)
                texts = container.values()
            else:
                if len(container) > limits.items:
                    raise _too_much('has a list of more than {} entries', limits.items)
                texts = container
            if any(isinstance(text, str) and len(text) > limits.text_length for text in texts):
                raise _too_much('has a text of more than {} characters', limits.text_length)


def _too_much(what: str, limit: int) -> exceptions.BadRequest:
    return exceptions.BadRequest(f'The body {what.format(limit)}, which is the limit here.')


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
    for level in _levels([value]):
        for container in level:
            texts = list(container)
            if isinstance(container, dict):
                texts.extend(container.values())
            if any(isinstance(text, str) and '\0' in text for text in texts):
                raise exceptions.BadRequest(
                    'A text in the body contains the NUL character, which cannot be stored.'
                )
