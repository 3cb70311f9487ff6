# SPDX-License-Identifier: Apache-2.0
"""Search, order and paging, as SQL.

A search document is parsed into a :class:`Search`; a resource declares what can be searched in an :class:`Index`;
:func:`keys` makes of both the one subquery that finds the keys of a page. The resource joins its rows to it.
"""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnElement, Subquery

from freezer_api import exceptions
from freezer_api.db import documents, functions
from freezer_api.domain import secrets

Scalar = str | int | float | bool | None


@dataclasses.dataclass(frozen=True, slots=True)
class Parameter:
    """Stands for a value in a statement that is kept."""

    name: str


Clause = ColumnElement[bool]
# An attribute of a model, or an expression. They share no type that has what is asked of both here.
Column = Any

# Statements of pages that are kept, and values of special keys that they are kept with.
_KEPT = 256

INT64 = range(-(2**63), 2**63)
_KEY_LENGTH = 255

# Python's int() would take blanks, underscores and a plus besides.
_DIGITS = re.compile('-?[0-9]{1,19}')

# What databases take in one statement has limits: of terms, of arguments to a function, of a pattern's length.
_MAX_STEPS = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What one search may ask for. The defaults are those of ``[api]``.

    :ivar conditions: keys in ``match`` and ``match_not`` together
    :ivar text_length: characters of a text in ``_all``
    """

    conditions: int = 100
    text_length: int = 1000


_DEFAULTS = Terms()


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list."""

    limit: int
    offset: int = 0

    def values(self) -> dict[str, int]:
        """The parameters of statements with :func:`keys`."""
        end = min(self.limit + self.offset, INT64[-1])
        return {'limit': self.limit, 'offset': self.offset, 'end': end}


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """A key of the document that has, or has not, a value.

    :ivar value: a :data:`Scalar`; a :class:`Parameter` where the key has a column
    """

    key: str
    value: Any
    negated: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Search:
    """What a caller looks for; everything must hold.

    :ivar texts: found anywhere in the document
    :ivar after: earliest time of a backup, in seconds, inclusive
    :ivar before: latest time of a backup, in seconds, inclusive
    """

    conditions: tuple[Condition, ...] = ()
    texts: tuple[str, ...] = ()
    after: int | Parameter | None = None
    before: int | Parameter | None = None


def parse(document: Mapping[str, Any], terms: Terms = _DEFAULTS) -> Search:
    """Read a search document.

    :raises BadRequest: it is not of the documented form
    """
    conditions: list[Condition] = []
    texts: list[str] = []
    for name in ('match', 'match_not'):
        _parse_entries(document.get(name), name, conditions, texts)
    if len(conditions) + len(texts) > terms.conditions:
        raise exceptions.BadRequest(f'a search may have {terms.conditions} conditions')
    if any(len(text) > terms.text_length for text in texts):
        raise exceptions.BadRequest(f'_all takes a text of at most {terms.text_length} characters')
    return Search(
        tuple(conditions),
        tuple(texts),
        after=_parse_time(document, 'time_after'),
        before=_parse_time(document, 'time_before'),
    )


def _parse_entries(
    entries: Any, name: str, conditions: list[Condition], texts: list[str]
) -> None:
    if entries is None:
        return
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise exceptions.BadRequest(f'{name} must be a list of objects')
    for entry in entries:
        for key, value in entry.items():
            if '\x00' in key or (isinstance(value, str) and '\x00' in value):
                raise exceptions.BadRequest(f'{name} contains a NUL character')
            if isinstance(value, dict | list):
                raise exceptions.BadRequest(f'values in {name} must be text, numbers, booleans or null')
            if key == '_all':
                if name == 'match_not':
                    raise exceptions.BadRequest('_all cannot be used in match_not')
                _parse_text(value, conditions, texts)
            elif _tells_secret(key, value):
                # Whoever may not see a secret could guess it here.
                raise exceptions.BadRequest(
                    f'a key in {name} names a secret, or a value holds one; neither can be searched'
                )
            elif '"' in key or '\\' in key or not key or key.count('.') >= _MAX_STEPS:
                raise exceptions.BadRequest(f'a key in {name} cannot be searched')
            else:
                conditions.append(Condition(key, value, name == 'match_not'))


def _tells_secret(key: str, value: Scalar) -> bool:
    """Whether a hit would confirm what a reader sees masked."""
    names = key.split('.')
    if any(map(secrets.is_secret, names)):
        return True
    document: Any = value
    for name in reversed(names[-_MAX_STEPS:]):
        document = {name: document}
    return bool(secrets.masked(document) != document)


def _parse_text(value: Scalar, conditions: list[Condition], texts: list[str]) -> None:
    """Take an ``_all`` entry: a text to find, or (as older callers of the CLI write) a JSON list of match entries."""
    text = as_text(value)
    if not text:
        return
    if text.lstrip().startswith('['):
        try:
            entries = orjson.loads(text)
        except orjson.JSONDecodeError:
            entries = None
        if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
            if any('_all' in entry for entry in entries):
                raise exceptions.BadRequest('_all cannot contain another _all')
            _parse_entries(entries, 'match', conditions, texts)
            return
    if secrets.masked(text) != text:
        # It may equal what a reader sees masked.
        raise exceptions.BadRequest('_all cannot look for the user and password of a URL')
    texts.append(text)


def _parse_time(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    if value is None or value == '':
        return None
    number = as_integer(value)
    if number is None:
        raise exceptions.BadRequest(f'{name} must be an integer, in seconds since the epoch')
    return number


def as_text(value: Scalar) -> str | None:
    """A scalar as the databases' JSON functions print it; null is None."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def as_integer(value: Any) -> int | None:
    """An integer of 64 bits, given as a number or in decimal digits; anything else is None."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value in INT64:
        return value
    return None


def key(value: Any) -> str | None:
    """A scalar as the indexed copies hold it: text of at most 255 characters that still tells all values apart.

    None for null, objects and lists.
    """
    if value is None or isinstance(value, dict | list):
        return None
    text = as_text(value) or ''
    if len(text) <= _KEY_LENGTH:
        return text
    return text[:190] + hashlib.sha256(text.encode()).hexdigest()


def text_of(*values: Any) -> str:
    """All texts and numbers in the values but secrets, in lower case, one a line: what ``_all`` looks through.

    What is longer than half of a column is cut: when an action is deleted, its text comes behind those of its entries.
    """
    found: list[str] = []
    _collect_text(map(secrets.masked, values), found)
    text = '\n'.join(found)
    limit = documents.MAX_SIZE // 2
    # A letter takes at most four bytes.
    if 4 * len(text) > limit:
        text = text.encode()[:limit].decode(errors='ignore')
    return text


def _collect_text(values: Iterable[Any], found: list[str]) -> None:
    for value in values:
        kind = type(value)
        if kind is str:
            if value:
                found.append(value.lower())
        elif kind is dict:
            _collect_text(value.values(), found)
        elif kind is list:
            _collect_text(value, found)
        elif value is not None and kind is not bool:
            found.append(str(value))


def _comparable(column: Column, value: Scalar) -> Any:
    """The value as the column's type; None if no such column has it."""
    if isinstance(column.type, sa.Boolean):
        return {'true': True, 'false': False}.get((as_text(value) or '').lower())
    if isinstance(column.type, sa.Integer):
        return as_integer(value)
    if isinstance(column.type, sa.String) and column.type.length == _KEY_LENGTH:
        return key(value)
    return as_text(value)


def _operand(value: Any) -> Any:
    return sa.bindparam(value.name) if isinstance(value, Parameter) else value


def equals(column: Column, value: Scalar | Parameter, negated: bool = False) -> Clause:
    """A column has the value, compared as the column's type; a NULL has no value."""
    comparable = _operand(value) if isinstance(value, Parameter) else _comparable(column, value)
    clause: Clause
    if value is None:
        clause = column.is_not(None) if negated else column.is_(None)
    elif comparable is None:
        clause = sa.true() if negated else sa.false()
    elif negated:
        clause = sa.or_(column.is_(None), _compared(column, column != comparable))
    else:
        clause = _compared(column, column == comparable)
    return clause


def _compared(column: Column, comparison: Any) -> Any:
    return functions.exactly(comparison) if isinstance(column.type, sa.String) else comparison


def in_lower_case(column: Column, text: str) -> Clause:
    """A column contains the text, in any case; columns of :func:`text_of` are in lower case already."""
    if not isinstance(column.type, sa.Text):
        column = sa.func.lower(column)
    clause: Clause = column.contains(text.lower(), autoescape=True)
    return clause


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """Rows of a list, and how an index finds them in the order of lists.

    Left alone, MariaDB and MySQL may read and sort a whole project in place of walking through an index: they guess
    badly how soon a page is full. So they are told the index, or the indexes of the keys that the search names.

    :ivar index: its name
    :ivar served: keys of the document by whose value other indexes find rows in the same order, with their names; none
        where a table besides has it
    :ivar order: the columns of the order, where they are not those of the :class:`Index`
    """

    scope: Clause
    index: str
    served: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    order: tuple[Column, Column] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class _Way:
    """A way to be found: conditions, and the keys that must have a value by them and all others."""

    rank: int
    clauses: tuple[Clause, ...]
    names: frozenset[str]


@dataclasses.dataclass(frozen=True, eq=False)
class Index:
    """What can be searched in a resource.

    :ivar key: project id and id, which name a row
    :ivar order: creation time and id, which give the order
    :ivar columns: keys of the document that have a column
    :ivar exact: of ``columns``, those whose equality with a text comes before all other hits of ``_all``
    :ivar texts: columns that ``_all`` looks through
    :ivar text_elsewhere: finds a text in rows of other tables that belong to the document
    :ivar other: makes the condition for any other key, from its path without ``containers``
    :ivar containers: objects of the document whose keys may be named without them
    :ivar time: column for ``time_after`` and ``time_before``
    :ivar special: keys with conditions of their own, which are not those of a column for some values
    :ivar forming: these values
    """

    key: tuple[Column, Column]
    order: tuple[Column, Column]
    columns: Mapping[str, Column]
    exact: tuple[str, ...]
    texts: tuple[Column, ...]
    other: Callable[[tuple[str, ...], Condition], Clause]
    containers: tuple[str, ...] = ()
    time: Column = None
    text_elsewhere: Callable[[str], Clause] | None = None
    special: Mapping[str, Callable[[Condition], Clause | None]] = dataclasses.field(
        default_factory=dict
    )
    forming: tuple[Scalar, ...] = ()

    def without(self, *names: str) -> 'Index':
        """The same for documents that do not show some of the columns."""
        shown = {name: column for name, column in self.columns.items() if name not in names}
        return dataclasses.replace(self, columns=shown)

    def clauses(self, search: Search) -> list[Clause]:
        """The conditions of a search, apart from its texts after the first."""
        clauses = [self._clause(condition) for condition in search.conditions]
        clauses += [self._contains(text) for text in search.texts[1:]]
        if self.time is not None and search.after is not None:
            clauses.append(self.time >= _operand(search.after))
        if self.time is not None and search.before is not None:
            clauses.append(self.time <= _operand(search.before))
        return clauses

    def path(self, condition: Condition) -> tuple[str, ...]:
        """Where in the document the condition looks, without a container."""
        path = tuple(condition.key.split('.'))
        if len(path) > 1 and path[0] in self.containers:
            path = path[1:]
        return path

    def found_by(self, search: Search) -> frozenset[str]:
        """The keys that must have a value."""
        return frozenset(
            '.'.join(self.path(condition))
            for condition in search.conditions
            if not condition.negated and condition.value is not None
        )

    def parametrise(self, search: Search) -> tuple[Search, dict[str, Any]] | None:
        """The search with parameters in place of its values, and these; None if its form depends on them."""
        if search.texts:
            return None
        conditions, values = [], {}
        for number, condition in enumerate(search.conditions):
            name = '.'.join(self.path(condition))
            if name in self.special and condition.value in self.forming:
                # Its form depends on the value, which stays.
                conditions.append(condition)
                continue
            if name in self.special and self.special[name](condition) is not None:
                return None
            if name not in self.columns:
                return None
            value = _comparable(self.columns[name], condition.value)
            if value is None:
                return None
            parameter = Parameter(f'value_{number}')
            values[parameter.name] = value
            conditions.append(Condition(condition.key, parameter, condition.negated))
        values |= {'after': search.after, 'before': search.before}
        after = None if search.after is None else Parameter('after')
        before = None if search.before is None else Parameter('before')
        return Search(tuple(conditions), after=after, before=before), values

    def _clause(self, condition: Condition) -> Clause:
        path = self.path(condition)
        name = '.'.join(path)
        if name in self.special:
            clause = self.special[name](condition)
            if clause is not None:
                return clause
        if name in self.columns:
            return equals(self.columns[name], condition.value, condition.negated)
        return self.other(path, condition)

    def _contains(self, text: str) -> Clause:
        found = [in_lower_case(column, text) for column in self.texts]
        if self.text_elsewhere is not None:
            found.append(self.text_elsewhere(text))
        clause: Clause = sa.or_(*found)
        return clause

    def ways(self, search: Search) -> list[_Way]:
        """The ways to be found by the first text of a search, if it has any."""
        names = self.found_by(search)
        if not search.texts:
            return [_Way(0, (), names)]
        text = search.texts[0]
        exact = [
            _Way(0, (equals(self.columns[name], text),), names | {name}) for name in self.exact
        ]
        others = [equals(self.columns[name], text, negated=True) for name in self.exact]
        return [*exact, _Way(1, (self._contains(text), *others), names)]


def in_documents(*documents: Column) -> Callable[[tuple[str, ...], Condition], Clause]:
    """Look keys up in JSON documents; the first that has the key decides."""

    def condition_on(path: tuple[str, ...], condition: Condition) -> Clause:
        found = [functions.json_text(document, path) for document in documents]
        value: ColumnElement[Any] = sa.func.coalesce(*found) if len(found) > 1 else found[0]
        if condition.value is None:
            return value.is_not(None) if condition.negated else value.is_(None)
        if _is_container(condition.value):
            return sa.true() if condition.negated else sa.false()
        if condition.negated:
            return sa.or_(value.is_(None), value != as_text(condition.value))
        return value == as_text(condition.value)

    return condition_on


def statement(
    index: Index, make: Callable[..., Any], wanted: Search, page: Page, *shape: Hashable
) -> tuple[Any, dict[str, Any]]:
    """A statement for a page, and the values of its parameters.

    Those of searches in columns are kept: for SQLAlchemy it is more work to make a statement than to send it.

    :param make: makes it of the index, a search and the shape, with :func:`keys`
    :param shape: what else it depends on
    """
    parametrised = index.parametrise(wanted)
    if parametrised is None:
        return make(index, wanted, *shape), page.values()
    search, values = parametrised
    return _kept(make, index, search, *shape), {**values, **page.values()}


@functools.lru_cache(maxsize=_KEPT)
def _kept(make: Callable[..., Any], index: Index, search: Search, *shape: Hashable) -> Any:
    return make(index, search, *shape)


def _is_container(value: Scalar) -> bool:
    """Whether it is the text of an object or list, which would equal one that may hold secrets."""
    if not isinstance(value, str) or value[:1] not in ('{', '['):
        return False
    try:
        return isinstance(orjson.loads(value), dict | list)
    except orjson.JSONDecodeError:
        return False


def keys(
    index: Index,
    listings: Sequence[Listing],
    search: Search,
    source: Any = None,
) -> Subquery:
    """The keys of one page: columns ``project_id``, ``id``, ``rank``, ``created_at``.

    Which page is in the values of its parameters, see :func:`statement`.

    Each listing and each way to be found by ``_all`` is an arm of a UNION that an index serves in the right order, so
    no arm reads more than the page's end.

    :param listings: disjoint ones
    :param source: what to select from; the table of the columns if None
    """
    clauses = index.clauses(search)
    ways = index.ways(search)
    arms = [
        _arm(index, listing, way, clauses, source) for listing in listings for way in ways
    ]
    if len(arms) == 1:
        return arms[0].limit(_parameter('limit')).offset(_parameter('offset')).subquery('page')
    limited = [arm.limit(_parameter('end')).subquery() for arm in arms]
    found = sa.union(*(sa.select(arm) for arm in limited)).subquery('found')
    return (
        sa.select(found)
        .order_by(found.c.rank, found.c.created_at, found.c.id, found.c.project_id)
        .limit(_parameter('limit'))
        .offset(_parameter('offset'))
        .subquery('page')
    )


def _parameter(name: str) -> Any:
    return sa.bindparam(name, type_=sa.BigInteger)


def _arm(
    index: Index, listing: Listing, way: _Way, clauses: list[Clause], source: Any
) -> sa.Select[str, str, int, int]:
    project_id, row_id = index.key
    created_at, order_id = index.order
    served = [listing.served[name] for name in sorted(way.names) if name in listing.served]
    if not served:
        served = [listing.index]
        created_at, order_id = listing.order or index.order
    statement = sa.select(
        project_id.label('project_id'),
        row_id.label('id'),
        sa.literal(way.rank).label('rank'),
        created_at.label('created_at'),
    ).where(listing.scope, *clauses, *way.clauses)
    if source is not None:
        statement = statement.select_from(source)
    if None not in served:
        table: Any = created_at
        hint = f'FORCE INDEX ({", ".join(dict.fromkeys(filter(None, served)))})'
        for dialect in ('mysql', 'mariadb'):
            statement = statement.with_hint(table.class_, hint, dialect)
    if any(index.columns.get(name) is index.order[1] for name in way.names):
        # MariaDB would sort by an id that is the same in all rows.
        return statement.order_by(created_at)
    return statement.order_by(created_at, order_id)


def owned(model: Any, name: str, served: Mapping[str, str | None], by_user: bool) -> Listing:
    """All rows of a project, or by v1 those of one user in it; with parameters for both.

    :param name: of the index that lists a project; that of a user's rows has ``_user`` behind it
    """
    scope: Any = model.project_id == sa.bindparam('project_id')
    if by_user:
        scope = sa.and_(scope, model.user_id == sa.bindparam('user_id'))
    return Listing(scope, f'{name}_user' if by_user else name, served)


def rows(model: Any, shown: Iterable[Any], page: Subquery) -> Any:
    """Select columns of the rows of a page, in its order."""
    same = sa.and_(page.c.project_id == model.project_id, page.c.id == model.id)
    return sa.select(*shown).join(page, same).order_by(*in_order(page))


def in_order(page: Subquery) -> tuple[Any, ...]:
    """The order of a page, for the statement that joins rows to it."""
    return page.c.rank, page.c.created_at, page.c.id, page.c.project_id
