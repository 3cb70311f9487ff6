# SPDX-License-Identifier: Apache-2.0
"""Every route with every kind of bad body: a precise error, never a 5xx, and nothing stored.

The routes are those of the controllers; one without a sample in tests/routes.py fails the first test.
"""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import webtest

from tests import base, databases, routes
from tests.functional.bad_keys import KEYS, KEYS_OF_V1, KINDS, SCHEMAS, Key
from tests.routes import Sample

Path = tuple[str, ...]

WRONG_SHAPES = ('[]', '[{}]', '"text"', 'null', '1', '1.5', 'true', 'false', '""')
MALFORMED: dict[str, bytes] = {
    'cut off': b'{',
    'no value': b'{"a":}',
    'comma at the end': b'{"a":1,}',
    'single quotes': b"{'a':1}",
    'two documents': b'{} {}',
    'form': b'a=b&c=d',
    'blank': b' ',
    'not UTF-8': b'{"a": "\xff"}',
    'Latin-1': '{"a": "ü"}'.encode('latin-1'),
    'UTF-16': '{}'.encode('utf-16'),
    'byte order mark': b'\xef\xbb\xbf{}',
    'control character': b'{"a": "\x01"}',
    'NUL': b'{"a": "\x00"}',
    'only NUL': b'\x00',
    'NUL in a key': b'{"\\u0000": 1}',
    'surrogate in a key': b'{"\\ud800": 1}',
    'deep without an end': b'[' * 100_000,
    'deep': b'{"a":' * 100_000 + b'1' + b'}' * 100_000,
}
# JSON texts of values that nothing may hold, at any key.
BAD_VALUES = {
    'NaN': 'NaN',
    'Infinity': 'Infinity',
    'minus Infinity': '-Infinity',
    'number out of range': '1e999',
    'integer beyond 64 bits': str(2**63),
    'negative integer beyond 64 bits': str(-(2**63) - 1),
    'integer of 100,000 digits': '9' * 100_000,
    'NUL': '"a\\u0000b"',
    'NUL in a key': '{"a\\u0000b": 1}',
    'lone surrogate': '"\\ud800"',
    '40 lists': '[' * 40 + ']' * 40,
    '40 objects': '{"a":' * 40 + '1' + '}' * 40,
}

# Of values that are of the right type, but not right.
_REFUSALS = (400, 403, 404, 409, 422)


def _in(value: Any, values: Iterable[Any]) -> bool:
    """Whether it is one of them; 0, false and 0.0 differ."""
    return any(type(value) is type(other) and value == other for other in values)


def _leaves(document: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of everything in a document."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(document, dict):
        items = document.items()
    elif isinstance(document, list):
        items = enumerate(document)
    for key, value in items:
        yield (*path, str(key))
        yield from _leaves(value, (*path, str(key)))


def _with(document: Any, path: Path, value: Any) -> Any:
    """A copy of the document with another value at a path."""
    result = copy.deepcopy(document)
    place = result
    for key in path[:-1]:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
    if isinstance(place, list):
        place[int(path[-1])] = value
    else:
        place[path[-1]] = value
    return result


def _split(key: str) -> Path:
    """``deep.key`` is one key, searched by its path."""
    return tuple(part.replace('~', '.') for part in key.replace('deep.key', 'deep~key').split('.'))


def _known(schema: Mapping[str, Any], prefix: str = '') -> Iterator[str]:
    """The keys that a schema names."""
    for name, rule in schema.get('properties', {}).items():
        yield f'{prefix}{name}'
        yield from _known(rule, f'{prefix}{name}.')
        if 'items' in rule:
            yield from _known(rule['items'], f'{prefix}{name}.0.')
        for below in rule.get('patternProperties', {}).values():
            yield from _known(below, f'{prefix}{name}.j1.')


class BadBodiesTest(routes.RouteTestCase):
    # It takes the longest of all, and v1 differs from v2 before a database is asked.
    v1_everywhere = False

    def setUp(self) -> None:
        super().setUp()
        self.keys = KEYS_OF_V1 if self.api_version == 'v1' else KEYS
        # Schemas refuse values before a database is asked, so these are tried on the first one alone.
        self.refuses = self.database_name == databases.names()[0]

    def test_every_route_has_a_sample(self) -> None:
        served = sorted(name for name, _ in routes.served(self.api_version))
        self.assertEqual(served, sorted(self.routes))
        self.assertEqual(sorted({route for route, _ in self.bodies()}), sorted(self.keys))

    def test_every_key_of_every_schema_is_tried(self) -> None:
        for schema, keys in SCHEMAS:
            self.assertEqual([], sorted(set(_known(schema)) - set(keys)))

    def test_every_sample_is_accepted(self) -> None:
        for route, sample in self.samples():
            self.check(route, self.send(route, sample.content), sample.status)
            self.restore()
        self.finish()

    def test_no_body(self) -> None:
        for route, sample in self.bodies():
            for body in (b'', b'{}'):
                answer = self.send(route, body)
                self.check(f'{route} {body!r}', answer, sample.empty)
                self.check_untouched(f'{route} {body!r}')
        self.finish()

    def test_malformed_body(self) -> None:
        for route, _ in self.bodies():
            for name, body in MALFORMED.items():
                self.check(f'{route} {name}', self.send(route, body), 400)
            self.check_untouched(route)
        self.finish()

    def test_body_that_is_no_object(self) -> None:
        for route, _ in self.bodies():
            for text in WRONG_SHAPES:
                self.check(f'{route} {text}', self.send(route, text.encode()), 400)
            self.check_untouched(route)
        self.finish()

    def test_body_where_none_is_read(self) -> None:
        """Such routes answer as they do without one: tempest and browsers send all sorts."""
        texts = [*MALFORMED.values(), *(text.encode() for text in WRONG_SHAPES)]
        for route, sample in self.samples():
            if sample.body is None:
                for body in texts:
                    self.check(f'{route} {body[:20]!r}', self.send(route, body), sample.status)
                    if not route.startswith('GET'):
                        self.restore()
                if route.startswith('GET'):
                    self.check_untouched(route)
        self.finish()

    def test_body_over_the_limit(self) -> None:
        body = b'{"a": "' + b'x' * 1024 * 1024 + b'"}'
        for route in self.routes:
            self.check(route, self.send(route, body), 413)
        self.check_untouched('413')
        self.finish()

    @base.once
    def test_value_that_cannot_be_stored_at_each_key(self) -> None:
        for route, sample in self.bodies():
            for path in _leaves(sample.body):
                text = json.dumps(_with(sample.body, path, '@@'))
                for name, value in BAD_VALUES.items():
                    body = text.replace('"@@"', value).encode()
                    self.check(f'{route} {".".join(path)} {name}', self.send(route, body), 400)
            self.check_untouched(route)
        self.finish()

    def _test_keys(self, collection: str) -> None:
        for route, tables in self.keys.items():
            if route.split('/')[1] == collection:
                for sample, keys in zip(self.routes[route], tables, strict=True):
                    for name, key in keys.items():
                        self._test_key(route, sample, name, key)
        self.finish()

    def _test_key(self, route: str, sample: Sample, name: str, key: Key) -> None:
        kinds = key.kinds.split()
        accepted = [v for kind in kinds for v in KINDS[kind] if not _in(v, key.refused)]
        others = [v for kind in KINDS if kind not in kinds for v in KINDS[kind][:2]]
        if self.refuses:
            for value in (*others, *key.refused):
                case = f'{route} {name}={json.dumps(value)[:40]}'
                self.check(case, self._send_with(route, sample, name, value), 400)
            self.check_untouched(f'{route} {name}')
        for value in accepted:
            case = f'{route} {name}={json.dumps(value)[:40]}'
            answer = self._send_with(route, sample, name, value)
            self.check(case, answer, sample.status, *_REFUSALS)
        if accepted and not route.startswith('GET'):
            self._check_served(f'{route} {name}', route)
            self.restore()

    def _send_with(self, route: str, sample: Sample, name: str, value: Any) -> webtest.TestResponse:
        body = _with(sample.body, _split(name), value)
        return self.send(route, json.dumps(body).encode())

    def _check_served(self, case: str, route: str) -> None:
        """What was accepted can be listed, so agents are not surprised."""
        collection = route.split('/')[1]
        answer = self.send(f'GET /{collection}')
        self.check(f'{case}, then the list', answer, 200)

    def test_every_value_at_each_key_of_actions(self) -> None:
        self._test_keys('actions')

    def test_every_value_at_each_key_of_backups(self) -> None:
        self._test_keys('backups')

    def test_every_value_at_each_key_of_clients(self) -> None:
        self._test_keys('clients')

    def test_every_value_at_each_key_of_jobs(self) -> None:
        self._test_keys('jobs')

    def test_every_value_at_each_key_of_sessions(self) -> None:
        self._test_keys('sessions')
