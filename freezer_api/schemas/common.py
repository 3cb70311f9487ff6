# SPDX-License-Identifier: Apache-2.0
"""What the schemas of the resources have in common.

Schemas are JSON Schema, draft 4: 1.0 and true are no integers. A ``description`` says what a value
must be, in words that complete "must be ..."; it becomes the text of the error. fastjsonschema
compiles them to Python code; jsonschema takes twenty times as long for each write of an agent.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import fastjsonschema

from freezer_api import exceptions
from freezer_api.domain import events, merge

Document = dict[str, Any]
Schema = dict[str, Any]
Positions = Mapping[merge.Path, list[int]]

ACTIONS = ('backup', 'restore', 'info', 'admin', 'exec')
MODES = ('fs', 'mongo', 'mysql', 'sqlserver', 'cinder', 'glance', 'cindernative', 'nova')
STORAGES = ('local', 'swift', 'ssh', 's3', 'ftp', 'ftps')
ENGINES = ('tar', 'rsync', 'rsyncv2', 'nova', 'osbrick', 'glance')

_NAME_IN_ERROR = 64
_PATH = re.compile(r'\.([^.\[\]]+)|\[(\d+)\]')


def _types(schema: Schema) -> list[str]:
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
    result = {**schema, 'type': [*_types(schema), 'null']}
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


class Validator:
    """A compiled schema."""

    def __init__(self, schema: Schema) -> None:
        self._check = fastjsonschema.compile(
            {'$schema': 'http://json-schema.org/draft-04/schema#', **schema},
            use_default=False,
            use_formats=False,
        )

    def check(self, document: object, positions: Positions | None = None) -> None:
        """Make sure that the document obeys the schema.

        :param positions: where the entries of shortened lists are in the document of the caller
        :raises BadRequest: it does not; the text names the key and the rule, never the value
        """
        try:
            self._check(document)
        except fastjsonschema.JsonSchemaValueException as error:
            raise exceptions.BadRequest(_explain(error, positions or {})) from None


class Resource:
    """The checks of one resource, all derived from one schema.

    :param replace: the schema for POST to an id; PATCH is judged by it too
    """

    def __init__(self, create: Schema, replace: Schema) -> None:
        self._replace_schema = replace
        self._replace = Validator(replace)
        self._create = self._replace if create is replace else Validator(create)
        self._partial = Validator(partial(replace))

    def check_create(self, document: Document) -> None:
        """Make sure that the document can be stored as a new one.

        :raises BadRequest: it cannot
        """
        self._create.check(document)

    def check_replace(self, document: Document) -> None:
        """Make sure that the document can take the place of any stored one.

        :raises BadRequest: it cannot
        """
        self._replace.check(document)

    def check_update(self, stored: Document, merged: Document) -> None:
        """Make sure that the result of a PATCH is good where it is new.

        What was stored before passes, whatever it is: imported documents may break rules, and
        agents send back what they were given.

        :raises BadRequest: a part that changed breaks a rule, or a required key went missing
        """
        changes = merge.changes(stored, merged)
        self._partial.check(changes.document, changes.positions)
        _check_required(self._replace_schema, stored, merged, '')


def _check_required(schema: Schema, stored: object, merged: Document, path: str) -> None:
    """An object that is new must be complete; one that was stored must keep what it had."""
    before = stored if isinstance(stored, dict) else None
    for key in schema.get('required', ()):
        if key not in merged and (before is None or key in before):
            raise exceptions.BadRequest(_missing(path, [key]))
    for key, rule in schema.get('properties', {}).items():
        value = merged.get(key)
        if isinstance(value, dict):
            below = (before or {}).get(key)
            _check_required(rule, below, value, _join(path, key))


def _explain(error: fastjsonschema.JsonSchemaValueException, positions: Positions) -> str:
    path = _path(error.name or '', positions)
    schema: Schema = error.definition
    if error.rule == 'required':
        return _missing(path, [key for key in schema['required'] if key not in error.value])
    if error.rule == 'additionalProperties':
        return _unknown(path, _unexpected(schema, error.value))
    subject = f'"{path}"' if path else 'The document'
    return f'{subject} must be {_expected(schema)}.'


def _path(name: str, positions: Positions) -> str:
    """The keys to a value, as the caller knows them, from the name that fastjsonschema gives it."""
    path = ''
    keys: merge.Path = ()
    for key, index in _PATH.findall(name):
        if key:
            keys = (*keys, key)
            path = _join(path, key)
        else:
            number = int(index)
            path += f'[{positions[keys][number] if keys in positions else number}]'
            keys = (*keys, index)
    return path


def _join(path: str, key: str) -> str:
    return f'{path}.{key}' if path else key


def _names(path: str, keys: Iterable[str]) -> str:
    # As JSON, so that no key of a caller brings line breaks into a message or a log.
    return ', '.join(json.dumps(_join(path, key[:_NAME_IN_ERROR])) for key in keys)


def _missing(path: str, keys: list[str]) -> str:
    return f'Required, but missing: {_names(path, keys)}.'


def _unknown(path: str, keys: list[str]) -> str:
    return f'Not known here: {_names(path, keys[:5])}.'


def _unexpected(schema: Schema, value: Document) -> list[str]:
    patterns = [re.compile(pattern) for pattern in schema.get('patternProperties', ())]
    return [
        key
        for key in value
        if key not in schema.get('properties', ())
        and not any(pattern.search(key) for pattern in patterns)
    ]


def _expected(schema: Schema) -> str:
    """What a value must be, to complete a sentence."""
    if 'description' in schema:
        return str(schema['description'])
    if 'enum' in schema:
        return 'one of ' + ', '.join(json.dumps(word) for word in schema['enum'])
    return ' or '.join(_WORDS[name].format(_limits(name, schema)) for name in _types(schema))


_WORDS = {
    'array': 'a list{}',
    'boolean': 'a boolean',
    'integer': 'an integer{}',
    'null': 'null',
    'number': 'a number',
    'object': 'an object',
    'string': 'a string{}',
}


def _limits(name: str, schema: Schema) -> str:
    if name == 'integer' and 'minimum' in schema:
        return f' from {schema["minimum"]} to {schema["maximum"]}'
    if name == 'string' and 'maxLength' in schema:
        return f' of at most {schema["maxLength"]} characters'
    if name == 'array' and 'maxItems' in schema:
        return f' of at most {schema["maxItems"]} entries'
    return ''
