# SPDX-License-Identifier: Apache-2.0
"""One line of a dump: where a document was, and what it was.

A line is a hit as the search of Elasticsearch answers it and elasticdump writes it: an object with ``_index``,
``_type`` (up to release 6), ``_id``, ``_source`` and perhaps ``_version``.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from freezer_api.migrate import reasons

Document = dict[str, Any]

KINDS = ('clients', 'sessions', 'actions', 'jobs', 'backups')

# Where a line of a reject file keeps what was no JSON.
RAW = '_raw'
# What is known of a document besides, where the source is not Elasticsearch: when it was made, in seconds; reasons,
# each with a key and what stood there; and keys whose text was of no use.
CREATED, NOTES, DAMAGED = '_created', '_notes', '_damaged'

_REPLACEMENT = '\ufffd'
_INT64 = range(-(2**63), 2**63)
# Seconds; a column of the same size holds what is made of them.
_LATEST = 10**11
# Of a number, not within a text. An expression would take longer than reading the line.
_MANY_DIGITS = b',' + b'0' * 19
_SHAPE = bytes.maketrans(b':[ \t\n\r\f\v123456789', b',,,,,,,,000000000')
_SURROGATE = re.compile('[\ud800-\udfff]')
_UNSTORABLE = re.compile('[\x00\ud800-\udfff]')


@dataclasses.dataclass(slots=True)
class Record:
    """A document of the source.

    :ivar kind: one of :data:`KINDS`
    :ivar repaired: texts with characters that no database takes, by path, as they were
    :ivar notes: reasons, with a key and what stood there
    :ivar created: in seconds since the epoch; 0 if only the document may tell
    :ivar is_row: it was a row of the old service, all of which have the same columns
    """

    index: str
    type: str
    id: str
    version: int
    kind: str
    source: Document
    repaired: dict[str, str]
    notes: list[tuple[str, str, Any]]
    created: int
    is_row: bool


class Unusable(Exception):
    """A line that holds no document.

    :ivar where: index, type and id as far as they are known
    :ivar raw: the line as it first was, if it comes from a reject file
    """

    def __init__(
        self, reason: str, where: tuple[str, str, str] | None = None, raw: bytes | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.where = where
        self.raw = raw


def digest(data: bytes) -> bytes:
    """16 bytes that differ wherever the data does."""
    return hashlib.blake2b(data, digest_size=16).digest()


def dumps(value: Document) -> str:
    """JSON text that UTF-8 can encode, with escapes only where there must be some: each takes 6 bytes."""
    found = json.dumps(value, separators=(',', ':'), ensure_ascii=False)
    # They are in texts only.
    return _SURROGATE.sub(lambda half: f'\\u{ord(half[0]):04x}', found)


def key(where: tuple[str, str, str]) -> bytes:
    """The digest of a document's place."""
    return digest('\x1f'.join(where).encode('utf-8', 'surrogatepass'))


def content(source: Document) -> bytes:
    """The digest of a document, equal for equal documents whatever the order of their keys.

    :raises Unusable: no column can hold it
    """
    if '_version' in source:
        source = {name: value for name, value in source.items() if name != '_version'}
    try:
        return digest(orjson.dumps(source, option=orjson.OPT_SORT_KEYS))
    except TypeError:
        # It is nested too deeply, or has an integer of more than 64 bits.
        raise Unusable('unstorable') from None


def parse(line: bytes, kinds: Mapping[str, str]) -> Record:
    """Read a line.

    :param kinds: what indices hold that are not named after it
    :raises Unusable: it holds no document of the service
    """
    repaired: dict[str, str] = {}
    hit, is_clean = _read(line)
    if isinstance(hit, dict) and RAW in hit:
        # As it was: by its bytes, the ledger knows it again.
        raise Unusable('broken_line', raw=_bytes_of(_text(hit[RAW])))
    if not is_clean:
        try:
            hit = _repair(hit, '', repaired)
        except RecursionError:
            raise Unusable('unstorable') from None
    if not isinstance(hit, dict):
        raise Unusable('not_a_hit')
    if hit.get('_id') in (None, ''):
        raise Unusable('not_a_hit')
    where = (_text(hit.get('_index')), _text(hit.get('_type')), _text(hit['_id']))
    source = hit.get('_source')
    if source is None:
        raise Unusable('source_missing', where)
    if not isinstance(source, dict):
        raise Unusable('not_an_object', where)
    kind = _kind(where[0], where[1], source, kinds)
    if kind is None:
        raise Unusable('unknown_type', where)
    if DAMAGED in hit:
        raise Unusable('text_damaged', where)
    version, created = hit.get('_version', hit.get('_seq_no')), hit.get(CREATED)
    return Record(
        *where,
        version=version if type(version) is int and version in _INT64 else 0,
        kind=kind,
        source=source,
        repaired={path.removeprefix('_source.'): text for path, text in repaired.items()},
        notes=_notes(hit.get(NOTES)),
        created=created if type(created) is int and 0 <= created < _LATEST else 0,
        is_row=CREATED in hit,
    )


def _notes(found: Any) -> list[tuple[str, str, Any]]:
    """The notes of a line, if nobody spoiled them in a file."""
    notes = []
    for note in found if isinstance(found, list) else ():
        match note:
            case [str(reason), str(path), value, *_] if reasons.is_known(reason):
                notes.append((reason, path, value))
    try:
        orjson.dumps(notes)
    except TypeError:
        raise Unusable('unstorable') from None
    return notes


def known_kind(where: tuple[str, str, str] | None, kinds: Mapping[str, str]) -> str | None:
    """What a line without a usable document would have held."""
    return None if where is None else _kind(where[0], where[1], {}, kinds)


def _text(value: object) -> str:
    return '' if value is None else str(value)


def _bytes_of(raw: str) -> bytes:
    try:
        return raw.encode('utf-8', 'surrogateescape')
    except UnicodeEncodeError:
        # Nobody but an editor puts other halves of surrogate pairs there.
        return raw.encode('utf-8', 'surrogatepass')


def _read(line: bytes) -> tuple[Any, bool]:
    """The JSON of a line, and whether databases take all of its characters."""
    # orjson would round integers of more than 64 bits without a word.
    if _MANY_DIGITS not in line.translate(_SHAPE, b'-'):
        with contextlib.suppress(orjson.JSONDecodeError):
            return orjson.loads(line), b'\\u0000' not in line
    return _loads(line), False


def _loads(line: bytes) -> Any:
    """Read JSON with halves of surrogate pairs or bytes that are no UTF-8."""
    try:
        text = line.decode('utf-8-sig', 'surrogateescape')
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_integer)
    except ValueError:
        raise Unusable('broken_line') from None
    except RecursionError:
        raise Unusable('unstorable') from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        # Thousands of digits.
        raise Unusable('unstorable') from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unusable('unstorable')
    return number


def _repair(value: Any, path: str, repaired: dict[str, str]) -> Any:
    """The value without what databases refuse; the texts that had it go to ``repaired``."""
    if isinstance(value, str):
        if not _UNSTORABLE.search(value):
            return value
        repaired[path] = value
        return _UNSTORABLE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [_repair(item, f'{path}[{n}]', repaired) for n, item in enumerate(value)]
    if isinstance(value, dict):
        result = {}
        for name, item in value.items():
            clean = _UNSTORABLE.sub(_REPLACEMENT, name)
            while clean != name and (clean in value or clean in result):
                # Another key would become the same.
                clean += _REPLACEMENT
            below = f'{path}.{clean}' if path else clean
            if clean != name:
                repaired[f'{below} (key)'] = name
            result[clean] = _repair(item, below, repaired)
        return result
    return value


def _kind(index: str, type_name: str, source: Document, kinds: Mapping[str, str]) -> str | None:
    """What a document is: by its type, else by its index, else by its keys."""
    if type_name in KINDS:
        return type_name
    if type_name not in ('', '_doc', 'doc'):
        return None
    if index in kinds:
        return kinds[index]
    tail = re.split(r'[-_.]', index)[-1]
    shape = _kind_by_shape(source)
    if tail not in KINDS:
        return shape
    if shape is None or _is_plainly(tail, source):
        return tail
    # Such a name may also say what the index is for, and then it holds everything.
    return shape if _is_plainly(shape, source) or not source.keys() & _MARKS[tail] else tail


# Keys that show what a document is, as far as one does.
_MARKS = {
    'clients': {'client', 'client_id'},
    'sessions': {'session_id'},
    'actions': {'action_id', 'freezer_action'},
    'jobs': {'job_id'},
    'backups': {'backup_id', 'backup_metadata'},
}


def _is_plainly(kind: str, source: Document) -> bool:
    """Whether a document has what others of the kind have, and documents of other kinds do not."""
    if kind == 'clients':
        return isinstance(source.get('client'), dict)
    if kind == 'backups':
        return 'backup_metadata' in source
    if kind == 'jobs':
        return 'job_id' in source and bool(
            source.keys() & {'job_actions', 'job_action', 'job_schedule'}
        )
    if kind == 'sessions':
        own = {'jobs', 'hold_off', 'schedule'}
        return 'session_id' in source and 'job_id' not in source and bool(source.keys() & own)
    return {'action_id', 'freezer_action'} <= source.keys()


def _kind_by_shape(source: Document) -> str | None:
    # The order matters: a job may have the keys of its session.
    if isinstance(source.get('client'), dict):
        return 'clients'
    if 'client_id' in source and 'hostname' in source and 'job_id' not in source:
        return 'clients'
    if 'backup_metadata' in source or 'backup_id' in source:
        return 'backups'
    if 'job_id' in source and source.keys() & {'job_actions', 'job_action', 'job_schedule'}:
        return 'jobs'
    if 'session_id' in source and source.keys() & {'jobs', 'hold_off', 'session_tag'}:
        return 'sessions'
    if 'action_id' in source:
        return 'actions'
    return None
