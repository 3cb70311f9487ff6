# SPDX-License-Identifier: Apache-2.0
"""What the schemas of the resources have in common.

Schemas are JSON Schema, draft 4: 1.0 and true are no integers. A ``description`` says what a value
must be, in words that complete "must be ..."; it becomes the text of the error.
"""

from typing import Any

from freezer_api.domain import events

Document = dict[str, Any]
Schema = dict[str, Any]

ACTIONS = ('backup', 'restore', 'info', 'admin', 'exec')
MODES = ('fs', 'mongo', 'mysql', 'sqlserver', 'cinder', 'glance', 'cindernative', 'nova')
STORAGES = ('local', 'swift', 'ssh', 's3', 'ftp', 'ftps')
ENGINES = ('tar', 'rsync', 'rsyncv2', 'nova', 'osbrick', 'glance')


def types_of(schema: Schema) -> list[str]:
    """The types that a value may have."""
    names = schema['type']
    return [names] if isinstance(names, str) else list(names)


def integer(minimum: int = -(2**63), maximum: int = 2**63 - 1) -> Schema:
    """An integer that a column can hold; 64 bits if nothing else is said."""
    return {'type': 'integer', 'minimum': minimum, 'maximum': maximum}


def enum(*words: str) -> Schema:
    """One of the words."""
    return {'type': 'string', 'enum': list(words)}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    result = {**schema, 'type': [*types_of(schema), 'null']}
    if 'enum' in schema:
        result['enum'] = [*schema['enum'], None]
    if 'description' in schema:
        result['description'] = f'{schema["description"]}, or null'
    return result


def closed(properties: Schema) -> Schema:
    """An object with no other keys."""
    return {'type': 'object', 'properties': properties, 'additionalProperties': False}


def variant(schema: Schema, *required: str, **properties: Schema) -> Schema:
    """The schema with more required keys, or with other rules for some keys."""
    return {
        **schema,
        'required': sorted({*schema.get('required', ()), *required}),
        'properties': {**schema['properties'], **properties},
    }


def partial(schema: Schema) -> Schema:
    """The schema for a part of a document: no key is required in anything that PATCH merges.

    Entries of lists stay complete, because PATCH replaces lists.
    """
    result = {keyword: value for keyword, value in schema.items() if keyword != 'required'}
    for keyword in ('properties', 'patternProperties'):
        if keyword in schema:
            result[keyword] = {key: partial(value) for key, value in schema[keyword].items()}
    return result


# Each run of a session raises its tag by one, which must not lead beyond the column.
TAG: Schema = integer(0, 2**53)
TEXT: Schema = {'type': 'string'}
WORD: Schema = {'type': 'string', 'maxLength': 64}
FILLED: Schema = {'type': 'string', 'minLength': 1, 'description': 'a string that is not empty'}
BOOLEAN: Schema = {'type': 'boolean'}
OBJECT: Schema = {'type': 'object'}

# ASCII on purpose, where older services took any letter: ids are compared and sorted by databases.
IDENTIFIER: Schema = {
    'type': 'string',
    'pattern': '^[A-Za-z0-9_-]{1,64}$',
    'description': '1 to 64 ASCII letters, digits, "_" and "-"',
}
# Clients send "" and null for "none".
OPTIONAL_IDENTIFIER: Schema = {
    'type': ['string', 'null'],
    'pattern': '^[A-Za-z0-9_-]{0,64}$',
    'description': 'up to 64 ASCII letters, digits, "_" and "-", or null',
}
# As a pattern of keys, which fastjsonschema 2.22 lets end with a line break at "$".
IDENTIFIER_KEY = r'^[A-Za-z0-9_-]{1,64}(?![\s\S])'

_LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
CLIENT_ID: Schema = {
    'type': 'string',
    'maxLength': 320,
    'pattern': rf'^(?:[A-Za-z0-9_-]+_)?{_LABEL}(?:\.{_LABEL})*$',
    'description': (
        'a host name, alone or after a project id and "_", of at most 320 ASCII characters'
    ),
}

_DATE: Schema = {
    'type': 'string',
    'pattern': (
        '^(-?(?:[1-9][0-9]*)?[0-9]{4})-(1[0-2]|0[1-9])-(3[01]|0[1-9]|[12][0-9])'
        'T(2[0-3]|[01][0-9]):([0-5][0-9]):([0-5][0-9])'
        r'(\.[0-9]+)?(Z|[+-](?:2[0-3]|[01][0-9]):[0-5][0-9])?$'
    ),
    'description': 'a date and time like 2030-01-31T02:00:00',
}
_CRON: Schema = {'type': 'string', 'description': 'a string in the syntax of cron fields'}

SCHEDULE: Schema = closed(
    {
        'time_created': integer(),
        'time_started': integer(),
        'time_ended': integer(),
        'event': enum(*events.STORED),
        'status': enum('', 'completed', 'stop', 'scheduled', 'running', 'aborting', 'removed'),
        'result': enum('', 'success', 'fail', 'aborted'),
        'current_pid': integer(),
        'schedule_date': _DATE,
        'schedule_start_date': _DATE,
        'schedule_end_date': _DATE,
        'schedule_interval': {
            'type': 'string',
            'pattern': '^(continuous|([0-9]+ +(weeks|days|hours|minutes|seconds)))$',
            'description': (
                '"continuous" or a number and one of weeks, days, hours, minutes, seconds,'
                ' like "2 days"'
            ),
        },
        'schedule_year': {
            'type': 'string',
            'pattern': '^[0-9]{4}$',
            'description': 'a string of four digits',
        },
        'schedule_month': _CRON,
        'schedule_day': _CRON,
        'schedule_week': _CRON,
        'schedule_day_of_week': _CRON,
        'schedule_hour': _CRON,
        'schedule_minute': _CRON,
        'schedule_second': _CRON,
    }
)

# What actions and the entries of a job have in common. Null counts as absent: the dashboard sends
# it for an emptied field.
ACTION: Schema = {
    'freezer_action': {
        'type': 'object',
        'required': ['action'],
        'properties': {
            'action': enum(*ACTIONS),
            'mode': nullable(enum(*MODES)),
            'path_to_backup': nullable(TEXT),
            'backup_name': nullable(TEXT),
            'container': nullable(TEXT),
            'restore_abs_path': nullable(TEXT),
            'cindernative_freezer_only': nullable(BOOLEAN),
        },
    },
    'action_id': OPTIONAL_IDENTIFIER,
    'max_retries': nullable(integer(0, 2**31 - 1)),
    'max_retries_interval': nullable(integer(0, 2**31 - 1)),
    'mandatory': nullable(BOOLEAN),
}
