# SPDX-License-Identifier: Apache-2.0
"""Documents judged by schemas, and what is told of those that break them.

fastjsonschema compiles schemas to Python code; jsonschema takes twenty times as long for each write of an agent.
"""

import json
import re
from collections.abc import Iterable, Mapping

import fastjsonschema

from freezer_api import exceptions
from freezer_api.domain import merge
from freezer_api.schemas.common import Document, Schema, partial, types_of

Positions = Mapping[merge.Path, list[int]]

_NAME_IN_ERROR = 64
_PATH = re.compile(r'\.([^.\[\]]+)|\[(\d+)\]')


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
    return ' or '.join(_WORDS[name].format(_limits(name, schema)) for name in types_of(schema))


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
