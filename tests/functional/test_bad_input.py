# SPDX-License-Identifier: Apache-2.0
"""Every route with every kind of bad input: a precise error, never a 5xx, and nothing stored.

The routes are those of the controllers; one without a sample in tests/routes.py fails the first test.
"""

import copy
import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import fixtures
import webtest

from freezer_api.api.controllers import root
from freezer_api.schemas import actions, backups, clients, jobs, sessions
from tests import base, routes
from tests.routes import Sample

Path = tuple[str, ...]

# --- keys -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Key:
    """A key of a body.

    :ivar kinds: of JSON values that may be accepted; all others get 400
    :ivar refused: values of these kinds that get 400 all the same
    """

    kinds: str
    refused: tuple[Any, ...] = ()


KINDS: dict[str, tuple[Any, ...]] = {
    'null': (None,),
    'boolean': (True, False),
    'integer': (0, -1, 2**31, 2**63 - 1, -(2**63)),
    'number': (1.5, -0.0, 1e308),
    'text': ('', 'x' * 300, 'ünï ☃ \U0001f4a5\n', '\'"\\%_;--$.{}'),
    'list': ([], [1], [None], [{}]),
    'object': ({}, {'free': 1}, {'': {}, 'a.b"\'\\': None}),
}
_ANY = Key(' '.join(KINDS))
_NONE = Key('')
_BOOLEAN = Key('boolean')
_INTEGER = Key('integer')
_TEXT = Key('text')
_TEXT_NULL = Key('text null')
_OBJECT = Key('object')

_NO_IDENTIFIERS = ('x' * 65, 'x' * 300, 'a/b', 'a\n', 'ü', ' ', '..', "a'")
_ID = Key('text null', _NO_IDENTIFIERS)
_CLIENT_ID = Key('text', ('', 'x' * 321, 'a\n', 'a/b', 'ü', '.', '-', 'a..b'))
_COUNT = Key('integer null', (-1, 2**31, 2**63 - 1))
_TAG = Key('integer', (-1, 2**63 - 1, -(2**63)))
_HOLD_OFF = Key('integer', (-1, -(2**63)))
_WORD = Key('text', ('x' * 65, 'x' * 300))
_DATE = Key('text', ('', 'soon', '2030-01-01', '2030-13-01T00:00:00', '2030-01-01T00:00:00\n'))


def _below(prefix: str, keys: Mapping[str, Key]) -> dict[str, Key]:
    return {f'{prefix}.{name}': key for name, key in keys.items()}


_DEFINITION_KEYS = {
    'action': Key('text', ('', 'text', 'backup\n')),
    'mode': Key('text null', ('', 'text', 'fs\n')),
    **dict.fromkeys(('path_to_backup', 'backup_name', 'container', 'restore_abs_path'), _TEXT_NULL),
    'cindernative_freezer_only': Key('boolean null'),
    # Free keys, also those that a client's capabilities are compared with.
    **dict.fromkeys(('storage', 'engine', 'free', 'report_date', 'timeout', ''), _ANY),
}
_ACTION_KEYS = {
    'action_id': _ID,
    'max_retries': _COUNT,
    'max_retries_interval': _COUNT,
    'mandatory': Key('boolean null'),
    'freezer_action': Key('object', ({}, {'free': 1})),
    **_below('freezer_action', _DEFINITION_KEYS),
    **dict.fromkeys(('free', 'user_id', 'project_id', 'timeout'), _ANY),
}
_CRON = (
    'schedule_month',
    'schedule_day',
    'schedule_week',
    'schedule_day_of_week',
    'schedule_hour',
    'schedule_minute',
    'schedule_second',
)
_SCHEDULE_KEYS = {
    **dict.fromkeys(('time_created', 'time_started', 'time_ended', 'current_pid'), _INTEGER),
    **dict.fromkeys(('event', 'status', 'result'), Key('text', ('text', 'start\n'))),
    **dict.fromkeys(('schedule_date', 'schedule_start_date', 'schedule_end_date'), _DATE),
    'schedule_interval': Key('text', ('', 'text', '1 days\n', 'days')),
    'schedule_year': Key('text', ('', 'text', '2030\n')),
    **dict.fromkeys(_CRON, _TEXT),
    'unknown': _NONE,
}
# Null takes such a key away.
_SCHEDULE_PATCH_KEYS = {
    name: dataclasses.replace(key, kinds=f'{key.kinds} null')
    if name.startswith('schedule_')
    else key
    for name, key in _SCHEDULE_KEYS.items()
}
_JOB_KEYS = {
    'job_id': _ID,
    'client_id': _CLIENT_ID,
    'description': _TEXT_NULL,
    'job_actions': Key('list', ([1], [None], [{}])),
    'job_actions.0': Key('object', ({}, {'free': 1})),
    **_below('job_actions.0', _ACTION_KEYS),
    'job_schedule': _OBJECT,
    **_below('job_schedule', _SCHEDULE_KEYS),
    'session_id': _ID,
    'session_tag': _TAG,
    'session_name': _TEXT_NULL,
    'action_defaults': Key('object null'),
    **_below('action_defaults', _DEFINITION_KEYS),
    # Never taken from a caller, so of any type.
    **dict.fromkeys(('user_id', 'project_id', '_version', 'user_credentials'), _ANY),
    'unknown': _NONE,
}
# The id of the path wins.
_JOB_REPLACE_KEYS = {**_JOB_KEYS, 'job_id': _ANY}
_JOB_PATCH_KEYS = {**_JOB_KEYS, **_below('job_schedule', _SCHEDULE_PATCH_KEYS)}
_TIME = Key('integer text', ('text', 'x' * 300, ' '))
_PART_KEYS = {
    'client_id': _TEXT,
    'status': _WORD,
    'result': _WORD,
    'time_started': _TIME,
    'time_ended': _TIME,
    'unknown': _NONE,
}
_SESSION_KEYS = {
    'session_id': _TEXT_NULL,
    'user_id': _TEXT_NULL,
    'project_id': _TEXT_NULL,
    'description': _TEXT_NULL,
    'schedule': _OBJECT,
    **_below('schedule', _SCHEDULE_KEYS),
    'session_tag': _TAG,
    'hold_off': _HOLD_OFF,
    'status': _WORD,
    'result': Key('text null', _WORD.refused),
    **dict.fromkeys(('time_start', 'time_end', 'time_started', 'time_ended'), _INTEGER),
    # A new session has no jobs, whatever the caller says of them.
    'jobs': _ANY,
    **dict.fromkeys(('free', '_version', 'last_start', 'id', 'deleted'), _ANY),
}
_JOBS_OF_SESSION_KEYS = {
    'jobs.j1': _OBJECT,
    **_below('jobs.j1', _PART_KEYS),
    'jobs.absent': Key('object', ({},)),
    'jobs.a/b': _NONE,
    'jobs.ü': _NONE,
}
_SESSION_REPLACE_KEYS = {**_SESSION_KEYS, **_JOBS_OF_SESSION_KEYS, 'session_id': _ANY}
_SESSION_PATCH_KEYS = {
    **_SESSION_KEYS,
    **_below('schedule', _SCHEDULE_PATCH_KEYS),
    **_JOBS_OF_SESSION_KEYS,
    'jobs': _OBJECT,
}
_WORDS = Key('list', ([1], [None], [{}]))
_CLIENT_KEYS = {
    'client_id': _CLIENT_ID,
    'hostname': Key('text', ('', ' ', 'x' * 300)),
    'description': _TEXT_NULL,
    'uuid': Key('text', ('', *_NO_IDENTIFIERS)),
    'is_central': _BOOLEAN,
    **dict.fromkeys(
        ('supported_actions', 'supported_modes', 'supported_storages', 'supported_engines'), _WORDS
    ),
    **dict.fromkeys(('free', 'config_id', 'project_id', 'user_id', 'version'), _ANY),
}
_BACKUP_KEYS = {
    'status': Key('text', ('', 'text', 'available\n')),
    'backup_name': Key('text', ('',)),
    'container': Key('text', ('',)),
    'hostname': Key('text', ('',)),
    'job_id': Key('text integer number boolean null'),
    **dict.fromkeys(
        (
            'free',
            'client_id',
            'time_stamp',
            'timestamp',
            'level',
            'curr_backup_level',
            'host_name',
            'backup_id',
            'project_id',
            'user_id',
            'user_name',
        ),
        _ANY,
    ),
}
_FLAT_KEYS = dict.fromkeys(_BACKUP_KEYS, _ANY) | {'status': _BACKUP_KEYS['status']}
_SCALAR = Key('text integer number boolean null')
_EPOCH = Key('integer text null', tuple(v for v in KINDS['text'] if v))
_SEARCH_KEYS = {
    'match': Key('list null', ([1], [None])),
    'match_not': Key('list null', ([1], [None])),
    'match.0': Key('object', ({'': {}, 'a.b"\'\\': None})),
    'match_not.0': Key('object', ({'': {}, 'a.b"\'\\': None})),
    'time_after': _EPOCH,
    'time_before': _EPOCH,
    **dict.fromkeys(('free', 'limit'), _ANY),
    'match_not.0._all': _NONE,
    **{
        f'match.0.{key}': _SCALAR
        for key in (
            *('free', 'status', 'project_id', 'session_tag', 'is_central', 'mandatory', 'level'),
            *('time_stamp', 'current_pid', 'action_id', 'session_id', 'deep.key'),
        )
    },
    **{f'match_not.0.{key}': _SCALAR for key in ('free', 'status', 'time_created', 'deep.key')},
    'match.0._all': _SCALAR,
}

# Of the samples of each route that reads a body.
KEYS: dict[str, list[Mapping[str, Key]]] = {
    'GET /actions': [_SEARCH_KEYS],
    'POST /actions': [_ACTION_KEYS],
    # An empty part of a definition changes nothing.
    'PATCH /actions/{action_id}': [{**_ACTION_KEYS, 'freezer_action': _OBJECT}],
    'POST /actions/{action_id}': [{**_ACTION_KEYS, 'action_id': _ANY}],
    'GET /backups': [_SEARCH_KEYS],
    'POST /backups': [_BACKUP_KEYS],
    'PATCH /backups/{backup_id}': [
        {
            'status': _BACKUP_KEYS['status'],
            'backup_metadata': _OBJECT,
            **_below('backup_metadata', dict.fromkeys(_BACKUP_KEYS, _ANY)),
            'free': _ANY,
        },
        _FLAT_KEYS,
    ],
    'GET /clients': [_SEARCH_KEYS],
    'POST /clients': [_CLIENT_KEYS],
    'GET /jobs': [_SEARCH_KEYS],
    'POST /jobs': [_JOB_KEYS],
    'PATCH /jobs/{job_id}': [_JOB_PATCH_KEYS],
    'POST /jobs/{job_id}': [_JOB_REPLACE_KEYS],
    # The value of an event means nothing.
    'POST /jobs/{job_id}/event': [{'start': _ANY, 'free': _ANY}],
    'GET /sessions': [_SEARCH_KEYS],
    'POST /sessions': [_SESSION_KEYS],
    'PATCH /sessions/{session_id}': [_SESSION_PATCH_KEYS],
    'POST /sessions/{session_id}': [_SESSION_REPLACE_KEYS],
    'POST /sessions/{session_id}/action': [
        {
            'start': Key('object', ({}, {'free': 1})),
            'start.job_id': Key('text', KINDS['text']),
            'start.current_tag': Key('integer text', (-1, -(2**63), 2**63 - 1, *KINDS['text'])),
            'start.free': _ANY,
            'free': _ANY,
        },
        {
            'end': Key('object', ({}, {'free': 1})),
            'end.job_id': Key('text', KINDS['text']),
            'end.current_tag': Key('integer text null', (-1, -(2**63), *KINDS['text'])),
            'end.result': Key('text', ('', 'x' * 300)),
            'end.free': _ANY,
            'free': _ANY,
        },
    ],
}

# v1 makes the ids of new jobs itself, and has no status of backups.
_NOT_EMPTY = Key('text integer number boolean null', ('',))
KEYS_OF_V1: dict[str, list[Mapping[str, Key]]] = {
    **{route: tables for route, tables in KEYS.items() if route != 'PATCH /backups/{backup_id}'},
    'POST /jobs': [{**_JOB_KEYS, 'job_id': _ANY}],
    'POST /backups': [
        {
            **_BACKUP_KEYS,
            'status': _ANY,
            **dict.fromkeys(('backup_name', 'container', 'hostname'), _NOT_EMPTY),
        }
    ],
    # An empty list is how a session without jobs was shown once.
    'PATCH /sessions/{session_id}': [
        {**_SESSION_PATCH_KEYS, 'jobs': Key('object list', ([1], [None], [{}]))}
    ],
}

# --- bad bodies -------------------------------------------------------------------------------------------------

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
    'integer of 5000 digits': '9' * 5000,
    'NUL': '"a\\u0000b"',
    'NUL in a key': '{"a\\u0000b": 1}',
    'lone surrogate': '"\\ud800"',
    '40 lists': '[' * 40 + ']' * 40,
    '40 objects': '{"a":' * 40 + '1' + '}' * 40,
}

# --- bad ids ----------------------------------------------------------------------------------------------------

# As they stand in a URL. No row has such an id.
UNPRINTABLE = {
    'newline': 'a%0Ab',
    'newline at the end': '{id}%0A',
    'carriage return': 'a%0D',
    'NUL': 'a%00b',
    'NUL at the end': '{id}%00',
    'not UTF-8': '%FF',
    'blank at the end': '{id}%20',
    'blank': '%20',
    'line separator': 'a%E2%80%A8b',
}
NO_IDENTIFIER = {
    '300 characters': 'x' * 300,
    '4000 characters': 'x' * 4000,
    'non-ASCII': 'j%C3%B6b%E2%98%83',
    'outside of the basic plane': '%F0%9F%92%A5',
    'dot': '.',
    'dots': '..',
    'percent': '%25',
    'quotes': '%27%22%60',
    'comment': "1'--",
    'star': '*',
    'null': 'null~',
}
STRANGE = {
    'of another case': '{ID}',
    'absent': 'absent',
    'number': '9' * 30,
    'underscores': '__class__',
    'a method': 'get_all',
}
SLASHES = {'slash': 'a%2Fb', 'slash at the start': '%2Fa', 'slashes': '%2F%2Fa'}

BAD_PROJECTS = {
    'newline': 'p1%0A',
    'NUL': 'p1%00',
    '300 characters': 'p' * 300,
    'non-ASCII': 'p%C3%BC',
    'slash': 'p1%2F',
    'blank': 'p%201',
    'empty': '',
}

BAD_QUERIES = (
    *('limit=abc', 'limit=0', 'limit=-1', 'limit=1.5', 'limit=%2B1', 'limit=%EF%BC%91'),
    *('limit=1,2', 'limit=1&limit=1', 'limit=1&limit=2', 'limit=0x1', 'limit=--1', 'limit=1e3'),
    *('limit=%201', 'limit=1%0A', f'limit={2**63}', f'limit={"9" * 5000}', 'limit=%00'),
    *('offset=abc', 'offset=-1', 'offset=1.5', f'offset={2**63}', f'offset={"9" * 5000}'),
    *('offset=1&offset=1', 'all_projects=true&all_projects=true', 'unknown=%FF', 'unknown=%00'),
    *('a=1&a=1', 'match=x', 'match={}'),
    *('match=[1]', 'match=%5B%7B%22a%22:%20NaN%7D%5D', 'match_not="x"', 'time_after=x'),
    *('time_before=1.5', f'time_after={2**63}', 'match=' + '[' * 40 + ']' * 40),
)
# v1 does not look at it.
BAD_FOR_JOBS = ('all_projects=maybe', 'all_projects=2')
GOOD_QUERIES = (
    *('limit=', 'offset=', f'limit={2**63 - 1}', f'offset={2**63 - 1}', 'unknown=1', 'limit'),
    *('_method=DELETE', 'marker=a', 'match=', 'time_after=', '%3D=1'),
)

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


class BadInputTest(routes.RouteTestCase):
    # It takes the longest of all, and v1 differs from v2 before a database is asked.
    v1_everywhere = False

    def setUp(self) -> None:
        super().setUp()
        self.keys = KEYS_OF_V1 if self.api_version == 'v1' else KEYS

    # --- the tables are complete --------------------------------------------------------------------------------

    def test_every_route_has_a_sample(self) -> None:
        served = sorted(name for name, _ in routes.served(self.api_version))
        self.assertEqual(served, sorted(self.routes))
        self.assertEqual(sorted({route for route, _ in self.bodies()}), sorted(self.keys))

    def test_every_key_of_every_schema_is_tried(self) -> None:
        tables: list[tuple[Mapping[str, Any], Mapping[str, Key]]] = [
            (actions.SCHEMA, _ACTION_KEYS),
            (backups.SCHEMA, _BACKUP_KEYS),
            (backups.SCHEMA_V1, _BACKUP_KEYS),
            (clients.SCHEMA, _CLIENT_KEYS),
            (jobs.SCHEMA, _JOB_KEYS),
            (sessions.SCHEMA, _SESSION_PATCH_KEYS),
        ]
        for schema, keys in tables:
            self.assertEqual([], sorted(set(_known(schema)) - set(keys)))

    def test_every_sample_is_accepted(self) -> None:
        for route, sample in self.samples():
            self.check(route, self.send(route, sample.content), sample.status)
            self.restore()
        self.finish()

    # --- bodies -------------------------------------------------------------------------------------------------

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

    # --- ids and projects ---------------------------------------------------------------------------------------

    def _test_ids(self, ids: Mapping[str, str], *expected: int, created: bool = True) -> None:
        """Put each id at each place of a path.

        :param expected: statuses; none: those for a thing that is missing
        :param created: also of routes that create what is missing
        """
        for route, samples in self.routes.items():
            if not created and self.missing(route) is None:
                continue
            body = samples[0].content
            for place in routes.places(route):
                for name, text in ids.items():
                    own = self.ids[place]
                    text = text.replace('{id}', own).replace('{ID}', own.upper())
                    answer = self.send(route, body, self.path(route, **{place: text}))
                    statuses = expected or (self.missing(route) or 400,)
                    self.check(f'{route} {place} {name}', answer, *statuses)
            self.check_untouched(route)
        self.finish()

    def test_ids_with_characters_that_no_id_has(self) -> None:
        self._test_ids(UNPRINTABLE, 404)

    def test_ids_that_are_no_identifiers(self) -> None:
        self._test_ids(NO_IDENTIFIER)

    def test_ids_of_nothing(self) -> None:
        self._test_ids(STRANGE, created=False)

    def test_ids_with_slashes_are_other_paths(self) -> None:
        self._test_ids(SLASHES, 404, 405)

    @base.only('v2')
    def test_projects_that_cannot_be(self) -> None:
        for route, samples in self.routes.items():
            body = samples[0].content
            for name, project in BAD_PROJECTS.items():
                answer = self.send(route, body, self.path(route, project=project))
                self.check(f'{route} {name}', answer, 404, 405)
            self.check_untouched(route)
        self.finish()

    @base.only('v2')
    def test_project_of_others(self) -> None:
        for route, samples in self.routes.items():
            body = samples[0].content
            for ids in (self.foreign, self.ids):
                for text in (body, b'{', b''):
                    answer = self.send(route, text, self.path(route, project='p2', **ids))
                    self.check(f'{route} {text[:10]!r}', answer, 403)
            self.check_untouched(route)
        self.finish()

    def test_ids_of_another_project(self) -> None:
        """As if there were no such thing."""
        for route, samples in self.routes.items():
            body = samples[0].content
            for place in routes.places(route):
                path = self.path(route, **{place: self.foreign[place]})
                answer = self.send(route, body, path)
                if self.missing(route) is None:
                    # Ids are names inside a project, so this makes one of our own.
                    self.check(f'{route} {place}', answer, 201)
                    self._check_others(route)
                    self.restore()
                else:
                    self.check(f'{route} {place}', answer, self.missing(route) or 0)
            self.check_untouched(route)
        self.finish()

    def _check_others(self, case: str) -> None:
        for table, rows in self.rows().items():
            for row in self.stored[table]:
                if row.get('project_id') == 'p2' and row not in rows:
                    self.wrong.append(f'{case}: {table} of another project has changed')

    def test_ids_of_another_project_in_bodies(self) -> None:
        entry = {'freezer_action': {'action': 'backup'}}
        job = {'client_id': 'web01', 'job_actions': [entry]}
        unknown = 400 if self.api_version == 'v1' else 422
        cases: list[tuple[str, dict[str, Any], int]] = [
            ('POST /jobs', {**job, 'client_id': 'web02'}, 422),
            ('POST /jobs', {**job, 'job_actions': [{'action_id': 'a2'}]}, unknown),
            ('POST /jobs', {**job, 'session_id': 's2'}, 400),
            ('PATCH /jobs/{job_id}', {'client_id': 'web02'}, 422),
            ('PATCH /jobs/{job_id}', {'job_actions': [{'action_id': 'a2'}]}, unknown),
            ('PATCH /jobs/{job_id}', {**job, 'job_actions': [{'action_id': 'a2'}]}, unknown),
            ('POST /jobs/{job_id}', {**job, 'client_id': 'web02'}, 422),
            ('POST /jobs/{job_id}', {**job, 'job_actions': [{'action_id': 'a2'}]}, unknown),
            ('POST /jobs/{job_id}', {**job, 'session_id': 's2'}, 400),
            ('PATCH /sessions/{session_id}', {'jobs': {'j2': routes.PART}}, 400),
            (
                'POST /sessions/{session_id}',
                {'schedule': {}, 'session_tag': 1, 'jobs': {'j2': routes.PART}},
                400,
            ),
            (
                'POST /sessions/{session_id}/action',
                {'start': {'job_id': 'j2', 'current_tag': 3}},
                400,
            ),
            (
                'POST /sessions/{session_id}/action',
                {'end': {'job_id': 'j2', 'current_tag': 3, 'result': 'fail'}},
                400,
            ),
        ]
        for route, document, status in cases:
            answer = self.send(route, json.dumps(document).encode())
            self.check(f'{route} {document}', answer, status)
            self.check_untouched(f'{route} {document}')
        document = {**job, 'job_actions': [{**entry, 'action_id': 'a2'}]}
        answer = self.send('POST /jobs', json.dumps(document).encode())
        # v1 makes an action of our own.
        self.check('POST /jobs', answer, 201 if self.api_version == 'v1' else 422)
        self._check_others('POST /jobs')
        self.restore()
        # Another's session is not told from none; agents send back what they were given, so it is not an error.
        answer = self.send('PATCH /jobs/{job_id}', b'{"session_id": "s2"}')
        self.check('PATCH session_id', answer, 200)
        self._check_others('PATCH session_id')
        self.restore()
        for collection in root.COLLECTIONS:
            search = {'match': [{'project_id': 'p2'}]}
            answer = self.send(f'GET /{collection}', json.dumps(search).encode())
            if answer.json != {collection: []}:
                self.wrong.append(f'{collection} of another project were found')
        self.finish()

    # --- queries ------------------------------------------------------------------------------------------------

    def test_bad_queries_of_lists(self) -> None:
        for route in self.routes:
            if routes.is_list(route):
                bad, good = BAD_QUERIES, GOOD_QUERIES
                if 'jobs' in route and self.api_version == 'v2':
                    bad += BAD_FOR_JOBS
                elif 'jobs' in route:
                    good += BAD_FOR_JOBS
                for query in bad:
                    self.check(f'{route}?{query[:40]}', self.send(route, query=query), 400)
                for query in good:
                    self.check(f'{route}?{query}', self.send(route, query=query), 200)
            self.check_untouched(route)
        self.finish()

    def test_queries_of_other_routes_mean_nothing(self) -> None:
        queries = ('limit=abc', 'limit=0', 'offset=-1', 'a=1&a=1', 'x=%FF', 'x=%00', '_method=GET')
        for route, samples in self.routes.items():
            if not routes.is_list(route):
                body = samples[0].content
                for query in queries:
                    answer = self.send(route, body, query=query)
                    self.check(f'{route}?{query}', answer, samples[0].status)
                    self.restore()
        self.finish()

    def test_queries_do_not_replace_ids_or_bodies(self) -> None:
        for name, value in self.foreign.items():
            query = f'{name[1:-1]}={value}&project_id=p2&client_id=web02'
            for route, samples in self.routes.items():
                if route.startswith('GET') and name in route:
                    plain = self.send(route)
                    answer = self.send(route, query=query)
                    self.check(f'{route}?{query}', answer, samples[0].status)
                    self.assertEqual(plain.body, answer.body)
        self.finish()

    def test_searches(self) -> None:
        """Odd keys and values: found, not found or refused, but never a failure."""
        keys = [
            *('', '.', '..', 'a.', '.a', 'a..b', '*', '$', '[0]', 'a[0]', '%s', ':x', "'", '"'),
            *('\\', 'a b', 'ü', '☃', '\U0001f4a5', 'x' * 300, 'x' * 5000, 'a\nb', '\x7f', '**'),
            *('.'.join('a' * 40), '.'.join('a' * 200), 'job_schedule', 'job_schedule.', 'client.'),
            *('freezer_action.', 'backup_metadata.x', '__class__', 'id', '-1', '0', 'a-b', '?'),
        ]
        values = [None, True, 0, 1.5, -(2**63), 2**63 - 1, 1e308, '', '%', '\\', "'", 'x' * 5000]
        values += ['ü☃\U0001f4a5', '[]', '[{}]', '[{"a": 1}]', '[1', '[' * 200, 'null', '{}', ' ']
        values += ['[{"a": "\\u0000"}]', '[{"\\u0000": 1}]', '[{"_all": "x"}]', '[{"a": [1]}]']
        values += [f'[{{"session_tag": {"9" * 30}}}]', '[{"a": NaN}]', '[{"a": "\\ud800"}]']
        for collection in root.COLLECTIONS:
            route = f'GET /{collection}'
            for name in ('match', 'match_not'):
                for key in keys:
                    for value in ('x', 1, None):
                        self._search(route, {name: [{key: value}]})
                for value in values:
                    self._search(route, {name: [{'free': value}]})
                    self._search(route, {name: [{'status': value}]})
                    self._search(route, {name: [{'session_tag': value, 'description': value}]})
            for value in values:
                self._search(route, {'match': [{'_all': value}]})
                self._search(route, {'match': [{'_all': value}]}, f'offset={2**63 - 1}')
                self._search(route, {'match': [{'_all': 'x'}, {'_all': value}]})
            for time in (0, -1, 2**63 - 1, -(2**63), '', '1', '-1', None):
                self._search(route, {'time_after': time, 'time_before': time})
            self._search(route, {'match': [{}, {}], 'match_not': []}, f'offset={2**63 - 1}')
        self.finish()

    def test_searches_for_very_much(self) -> None:
        """More conditions than a statement can have are refused."""
        for collection in root.COLLECTIONS:
            route = f'GET /{collection}'
            for number in (101, 20000):
                for entry in ({'status': 'x'}, {'free': 'x'}, {'_all': 'x'}):
                    answer = self._search(route, {'match': [entry] * number})
                    self.check(f'{route} {number} {entry}', answer, 400)
                keys = {f'key{n}': 'x' for n in range(number)}
                self.check(f'{route} {number}', self._search(route, {'match_not': [keys]}), 400)
        self.finish()

    def _search(self, route: str, search: dict[str, Any], query: str = '') -> webtest.TestResponse:
        answer = self.send(route, json.dumps(search).encode(), query=query)
        self.check(f'{route} {query} {json.dumps(search)[:100]}', answer, 200, 400)
        return answer

    # --- headers ------------------------------------------------------------------------------------------------

    def test_odd_conditions_on_versions(self) -> None:
        for header in ('x', '"', '""', '*x', '-1', '1.0', '"٣"', '9' * 300, '"1', 'W/"1"x', '\xff'):
            for route, samples in self.routes.items():
                if not routes.places(route):
                    continue
                body = {} if samples[0].body is None else {'json': samples[0].body}
                for name in ('If-Match', 'If-None-Match'):
                    answer = self.api.request(
                        route.split()[0],
                        self.path(route),
                        headers={name: header},
                        status='*',
                        **body,
                    )
                    self.check(f'{route} {name}: {header[:20]}', answer)
                    self.restore()
        self.finish()


class ExtremesTest(base.ApiTestCase):
    """Values at the end of their range are as good as others."""

    HUGE: ClassVar = 2**63 - 1

    def test_a_session_with_the_largest_tag_goes_on(self) -> None:
        self.api.post(self.v2('clients'), json={'client_id': 'web01'})
        job = {'job_id': 'j1', 'client_id': 'web01', 'job_actions': []}
        self.api.post(self.v2('jobs'), json=job)
        session = {'schedule': {}, 'session_tag': self.HUGE, 'hold_off': self.HUGE}
        answer = self.api.post(self.v2('sessions', 's1'), json=session, status='*')
        if answer.status_int != 400:
            session['hold_off'] = 0
            self.api.post(self.v2('sessions', 's1'), json=session)
            self.api.put(self.v2('sessions', 's1', 'jobs', 'j1'))
            action = {'start': {'job_id': 'j1', 'current_tag': self.HUGE}}
            answer = self.api.post(self.v2('sessions', 's1', 'action'), json=action, status='*')
            self.assertLess(answer.status_int, 500)

    def test_a_job_with_very_many_actions(self) -> None:
        self.api.post(self.v2('clients'), json={'client_id': 'web01'})
        for entry in (
            {'freezer_action': {'action': 'info'}},
            {'action_id': 'absent'},
            {'action_id': 'absent', 'freezer_action': {'action': 'info'}},
        ):
            entries = [dict(entry) for _ in range(3000)]
            for number, each in enumerate(entries):
                if 'action_id' in each:
                    each['action_id'] = f'absent{number}'
            job = {'job_id': 'j1', 'client_id': 'web01', 'job_actions': entries}
            status = 422 if 'action_id' in entry else 201
            self.api.post(self.v2('jobs'), json=job, status=status)

    def test_a_document_does_not_grow_beyond_its_column(self) -> None:
        backup = {'backup_name': 'www', 'container': 'vault', 'hostname': 'web01'}
        path = self.v2('backups', self.api.post(self.v2('backups'), json=backup).json['backup_id'])
        self.useFixture(fixtures.MonkeyPatch('freezer_api.db.documents.MAX_SIZE', 100_000))
        for number, status in enumerate([200, 200, 200, 400]):
            before = self.rows()
            self.api.patch(path, json={f'key{number}': 'x' * 30_000}, status=status)
        self.assertEqual(before, self.rows())
