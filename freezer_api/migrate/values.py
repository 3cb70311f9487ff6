# SPDX-License-Identifier: Apache-2.0
"""Values of old documents as the tables need them, with a note of everything that was changed on the way.

Old servers took a numeric text where a number belongs, other writers sent times in every form, and agents sent an empty
text for whatever they did not know.
"""

import datetime
import math
from typing import Any

from freezer_api.migrate import reasons
from freezer_api.migrate.records import Document

_INT32 = range(2**31)
_INT64 = range(-(2**63), 2**63)
# Later than year 5000 in seconds, so it counts milliseconds.
_MILLISECONDS = 10**11

WORD = 64
KEY = 255


class Notes:
    """What there is to say about a document.

    :ivar reasons: of its state, each once
    :ivar remainder: what the tables do not hold, by path, as it was
    """

    __slots__ = ('reasons', 'remainder')

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.remainder: Document = {}

    @property
    def state(self) -> str:
        return reasons.combine(self.reasons)

    def add(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)

    def keep(self, reason: str, path: str, original: Any) -> None:
        """Note a reason, and what stood at the path."""
        self.add(reason)
        self.remainder[path] = original


class Fields:
    """One object of a document, whose values are taken out one by one; what was not taken is left over."""

    __slots__ = ('_notes', '_path', 'left')

    def __init__(self, notes: Notes, source: Document, path: str = '') -> None:
        self._notes = notes
        self._path = path
        self.left = dict(source)

    def _take(self, name: str) -> Any:
        return self.left.pop(name, None)

    def _keep(self, reason: str, name: str, original: Any) -> None:
        self._notes.keep(reason, self._path + name, original)

    def note(self, reason: str, name: str, original: Any) -> None:
        """Note a reason, and what stood under a key that was taken."""
        self._keep(reason, name, original)

    def drop(self, name: str, reason: str) -> None:
        """Leave a key out that the tables do not hold."""
        if name in self.left:
            self._keep(reason, name, self.left.pop(name))

    def text(self, name: str, longest: int | None = None) -> str | None:
        """A text; numbers and booleans become one."""
        value = self._take(name)
        if value is None:
            return None
        text = value
        if not isinstance(value, str):
            self._keep('not_text', name, value)
            if isinstance(value, dict | list):
                return None
            text = str(value).lower() if isinstance(value, bool) else str(value)
        if longest is not None and len(text) > longest:
            self._keep('text_cut', name, value)
            text = text[:longest]
        return str(text)

    def number(self, name: str, small: bool = False) -> int | None:
        """An integer that its column holds.

        :param small: of 31 bits, and not negative
        """
        value = self._take(name)
        if value is None or value == '':
            return None
        number = _integer(value)
        if number is None or number not in (_INT32 if small else _INT64):
            self._keep('not_a_number', name, value)
            return None
        if type(value) is not int:
            self._keep('not_a_number', name, value)
        return number

    def boolean(self, name: str) -> bool | None:
        value = self._take(name)
        if value is None or isinstance(value, bool):
            return value
        self._keep('not_a_boolean', name, value)
        known = {'true': True, '1': True, 'false': False, '0': False}
        return known.get(str(value).lower())

    def time(self, name: str, blank: bool = False) -> int | None:
        """Seconds since the epoch; -1 and 0 stand for never.

        :param blank: an empty text is how documents of this kind say that there is none
        """
        value = self._take(name)
        if value is None or (value == '' and blank):
            return None
        if type(value) is int and -1 <= value < _MILLISECONDS:
            return value
        self._keep('time_converted', name, value)
        return _seconds(value)

    def object(self, name: str) -> Document | None:
        value = self._take(name)
        if value is None or isinstance(value, dict):
            return value
        self._keep('not_an_object_inside', name, value)
        return None

    def list(self, name: str) -> list[Any] | None:
        value = self._take(name)
        if value is None or isinstance(value, list):
            return value
        self._keep('not_an_object_inside', name, value)
        return None


def _integer(value: Any) -> int | None:
    """The integer that the value exactly is."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and len(value) <= 20 and _is_plain(value):
        try:
            return int(value)
        except ValueError:
            return None
    return None


def _is_plain(number: str) -> bool:
    """Whether others read a number as Python does, which takes underscores and the digits of all scripts."""
    return number.isascii() and '_' not in number


def _seconds(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            number = float(value) if _is_plain(value) else None
        except ValueError:
            number = None
        if number is None:
            return _of_date(value)
        value = number
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if abs(value) >= _MILLISECONDS:
        value = value / 1000
    seconds = int(value)
    return seconds if abs(seconds) < _MILLISECONDS else None


def _of_date(text: str) -> int | None:
    try:
        date = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    return int(date.timestamp())
