# SPDX-License-Identifier: Apache-2.0
"""Registrations of clients. Keys that are not named here are free."""

from freezer_api.schemas import common, validation


def _capabilities(words: tuple[str, ...]) -> common.Schema:
    return {'type': 'array', 'maxItems': 100, 'items': common.enum(*words)}


SCHEMA: common.Schema = {
    'type': 'object',
    'required': ['client_id'],
    'properties': {
        'client_id': common.CLIENT_ID,
        'hostname': {
            'type': 'string',
            'maxLength': 255,
            # All that the pattern of older services asks for, as it is not anchored.
            'pattern': '[A-Za-z0-9]',
            'description': 'a host name of at most 255 characters',
        },
        'description': common.nullable(common.TEXT),
        'uuid': common.IDENTIFIER,
        'supported_actions': _capabilities(common.ACTIONS),
        'supported_modes': _capabilities(common.MODES),
        'supported_storages': _capabilities(common.STORAGES),
        'supported_engines': _capabilities(common.ENGINES),
        'is_central': common.BOOLEAN,
    },
}

# Of a registration that does not say.
DEFAULTS: dict[str, list[str]] = {
    'supported_actions': list(common.ACTIONS),
    'supported_modes': list(common.MODES),
    'supported_storages': list(common.STORAGES),
    'supported_engines': list(common.ENGINES),
}

check_create = validation.Validator(SCHEMA).check
