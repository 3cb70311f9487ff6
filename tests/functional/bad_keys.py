# SPDX-License-Identifier: Apache-2.0
"""The keys of every body, and what each of them may and may not hold."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from freezer_api.schemas import actions, backups, clients, jobs, sessions


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
            'end.current_tag': _ANY,
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

# Every key that a schema names is among these.
SCHEMAS: list[tuple[Mapping[str, Any], Mapping[str, Key]]] = [
    (actions.SCHEMA, _ACTION_KEYS),
    (backups.SCHEMA, _BACKUP_KEYS),
    (backups.SCHEMA_V1, _BACKUP_KEYS),
    (clients.SCHEMA, _CLIENT_KEYS),
    (jobs.SCHEMA, _JOB_KEYS),
    (sessions.SCHEMA, _SESSION_PATCH_KEYS),
]
