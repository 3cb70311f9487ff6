# SPDX-License-Identifier: Apache-2.0
"""The entries of ``job_actions``: what was replaced in each, which late reports of agents must not bring back.

Of an entry four things can be replaced without a change of the list: each of its options, its definition, and its extra
keys as a whole. A mark is what is remembered of one of them. See :mod:`freezer_api.domain.reports`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from freezer_api.domain import definitions
from freezer_api.domain.merge import same

Document = dict[str, Any]
T = TypeVar('T')

OPTIONS = ('max_retries', 'max_retries_interval', 'mandatory')
DEFINITION = 'freezer_action'
# All other keys of an entry are extra.
KNOWN = frozenset({'action_id', 'project_id', 'user_id', DEFINITION, *OPTIONS})
_EXTRAS = 'extras'

# So many are remembered of each part.
_REMEMBERED = {DEFINITION: 100}
_REMEMBERED_OTHERS = 20


def parts(entry: Mapping[str, Any]) -> Document:
    """The parts of an entry that are there, by name."""
    found = {name: entry[name] for name in OPTIONS if entry.get(name) is not None}
    if isinstance(entry.get(DEFINITION), dict):
        found[DEFINITION] = entry[DEFINITION]
    found[_EXTRAS] = {key: value for key, value in entry.items() if key not in KNOWN}
    return found


def remember(former: Iterable[str], before: Document, after: Document) -> list[str]:
    """The marks of replaced parts, oldest first, with those of ``before`` that ``after`` has otherwise.

    :param before: and ``after``: parts, from :func:`parts`
    """
    new = [
        _mark(name, value)
        for name, value in before.items()
        if name in after and not _equal(name, value, after[name])
    ]
    return _latest([*(mark for mark in dict.fromkeys(former) if mark not in new), *new])


def _latest(marks: Sequence[str]) -> list[str]:
    counts: dict[str, int] = defaultdict(int)
    kept = []
    for mark in reversed(marks):
        name = _part(mark)
        counts[name] += 1
        if counts[name] <= _REMEMBERED.get(name, _REMEMBERED_OTHERS):
            kept.append(mark)
    return kept[::-1]


def without_stale(
    given: list[Any], stored: Iterable[Document], replaced: Iterable[Collection[str]]
) -> list[Any]:
    """Entries as an agent reports them, each part that was replaced since as it is stored now.

    :param given: not validated yet
    :param replaced: the marks of each of the stored entries
    """
    held: dict[str, list[tuple[Document, Collection[str]]]] = defaultdict(list)
    for entry, marks in zip(stored, replaced, strict=True):
        held[entry['action_id']].append((entry, marks))
    return [_current(entry, held) for entry in given]


def next_of(entries: list[T]) -> T | None:
    """The entries of one action in turn; the last one stands for all further ones."""
    return entries.pop(0) if len(entries) > 1 else next(iter(entries), None)


def _current(given: Any, held: Mapping[str, list[tuple[Document, Collection[str]]]]) -> Any:
    action_id = given.get('action_id') if isinstance(given, dict) else None
    found = next_of(held[action_id]) if isinstance(action_id, str) and action_id in held else None
    if found is None:
        return given
    stored, marks = found
    if not marks:
        return given
    now = parts(stored)
    entry = dict(given)
    for name, value in parts(given).items():
        if name not in now or _equal(name, value, now[name]):
            continue
        if _mark(name, value) not in marks:
            continue
        if name == _EXTRAS:
            entry = {key: entry[key] for key in entry if key in KNOWN} | now[_EXTRAS]
        else:
            entry[name] = now[name]
    return entry


def _equal(name: str, one: Any, other: Any) -> bool:
    if name == DEFINITION:
        return definitions.equal(one, other)
    return same(one, other)


def _mark(name: str, value: Any) -> str:
    if name == DEFINITION:
        return definitions.digest(value)
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return f'{name} {hashlib.sha256(text).hexdigest()[:32]}'


def _part(mark: str) -> str:
    """The name of the part that a mark is of."""
    name, blank, _ = mark.partition(' ')
    return name if blank else DEFINITION
