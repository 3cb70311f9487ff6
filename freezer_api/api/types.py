# SPDX-License-Identifier: Apache-2.0
"""Query parameters, whose ranges WSME's types know."""

from collections.abc import Mapping

from oslo_utils import strutils
from wsme import exc as wsme_exc
from wsme import types as wtypes

from freezer_api import exceptions
from freezer_api.db.search import Page

_LIMIT = wtypes.IntegerType(minimum=1)
_OFFSET = wtypes.IntegerType(minimum=0, maximum=2**63 - 1)


def page(query: Mapping[str, str], default_limit: int, max_limit: int) -> Page:
    """``limit`` and ``offset``; a limit above ``max_limit`` is lowered to it.

    :raises BadRequest: not a number, or out of range
    """
    limit = _integer(query, 'limit', _LIMIT, default_limit)
    offset = _integer(query, 'offset', _OFFSET, 0)
    return Page(min(limit, max_limit), offset)


def _integer(query: Mapping[str, str], name: str, kind: wtypes.IntegerType, default: int) -> int:
    text = query.get(name)
    if not text:
        return default
    try:
        if not (text.isascii() and text.isdigit()):
            raise ValueError
        # Python makes no integers of thousands of digits. One that is too large for the database is as good.
        digits = text.lstrip('0')
        return int(kind.validate(int(digits or '0') if len(digits) < 20 else 2**64))
    except (ValueError, wsme_exc.InvalidInput):
        raise exceptions.BadRequest(f'{name} must be an integer of at least {kind.minimum}') from None


def boolean(query: Mapping[str, str], name: str) -> bool:
    """A word such as ``true``, ``yes``, ``0``; absent or empty is false.

    :raises BadRequest: any other word
    """
    text = query.get(name)
    if not text:
        return False
    try:
        return bool(strutils.bool_from_string(text, strict=True))
    except ValueError:
        raise exceptions.BadRequest(f'{name} must be a boolean word') from None
