# SPDX-License-Identifier: Apache-2.0
"""PATCH: what becomes of a stored document, and which parts of the result are new."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]
Path = tuple[str, ...]


def schedule_key(path: Path) -> bool:
    """Whether ``path`` is a ``schedule_*`` key in the schedule of a job or session."""
    return (
        len(path) == 2
        and path[0] in ('job_schedule', 'schedule')
        and path[1].startswith('schedule_')
    )


def never(path: Path) -> bool:
    """Keep every null: for documents whose keys are free."""
    return False


def merge(
    stored: Document,
    patch: Document,
    removable: Callable[[Path], bool] = schedule_key,
) -> Document:
    """Return ``stored`` with ``patch`` merged in.

    Objects are merged key by key, everything else (lists too) is replaced. Null is stored, except
    at a path that is ``removable``: there it takes the key away. Neither argument is changed, and
    the result shares nothing with them.
    """
    return _merge(stored, patch, removable, ())


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal, types included: 1, 1.0 and true differ."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(
            key in other and same(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@dataclasses.dataclass(frozen=True)
class Changes:
    """What of a document was not stored before.

    ``positions`` names, for each list in ``document``, the places of its entries in the whole list.
    """

    document: Document
    positions: dict[Path, list[int]]


def changes(stored: Document, merged: Document) -> Changes:
    """Return the part of ``merged`` that is not in ``stored``.

    That is, through all objects, the keys with another value; of a list, the entries that equal no
    stored entry.
    """
    positions: dict[Path, list[int]] = {}
    return Changes(_changes(stored, merged, (), positions), positions)


def _merge(
    stored: Document, patch: Document, removable: Callable[[Path], bool], path: Path
) -> Document:
    # What the patch has takes its place below.
    result = {key: value if key in patch else _copy(value) for key, value in stored.items()}
    for key, value in patch.items():
        below = (*path, key)
        if value is None and removable(below):
            result.pop(key, None)
        elif isinstance(value, dict):
            base = stored.get(key)
            result[key] = _merge(base if isinstance(base, dict) else {}, value, removable, below)
        else:
            result[key] = _copy(value)
    return result


def _copy(value: Any) -> Any:
    # Many times faster than copy.deepcopy, which JSON does not need.
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value


def _changes(
    stored: Document, merged: Document, path: Path, positions: dict[Path, list[int]]
) -> Document:
    result: Document = {}
    for key, value in merged.items():
        before = stored.get(key)
        if key in stored and same(before, value):
            continue
        below = (*path, key)
        if isinstance(value, dict) and isinstance(before, dict):
            result[key] = _changes(before, value, below, positions)
        elif isinstance(value, list) and isinstance(before, list):
            known = set(map(_fingerprint, before))
            places = [n for n, entry in enumerate(value) if _fingerprint(entry) not in known]
            positions[below] = places
            result[key] = [value[n] for n in places]
        else:
            result[key] = value
    return result


def _fingerprint(value: object) -> str:
    """Equal for the same values, so that long lists need not be compared pair by pair."""
    return json.dumps(value, sort_keys=True)
