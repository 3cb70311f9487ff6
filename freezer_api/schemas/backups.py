# SPDX-License-Identifier: Apache-2.0
"""Backups. The metadata is free but for the keys that say what was saved, and where."""

from freezer_api import exceptions
from freezer_api.schemas import common, validation

AVAILABLE = 'available'
STATUSES = ('creating', AVAILABLE, 'error', 'deleting', 'deleted', 'restoring')

_STATUS = common.enum(*STATUSES)
_NOT_NULL: common.Schema = {'not': {'type': 'null'}}

SCHEMA: common.Schema = {
    'type': 'object',
    'required': ['backup_name'],
    'properties': {
        'status': _STATUS,
        'backup_name': common.FILLED,
        'container': common.nullable(common.FILLED),
        'hostname': common.nullable(common.FILLED),
        'job_id': {'type': ['string', 'number', 'boolean', 'null']},
    },
    'description': (
        'an object with a "container" and a "hostname", unless its "status" is creating,'
        ' error or deleting'
    ),
    # Agents record a backup before they know all of it.
    'anyOf': [
        {
            'required': ['container', 'hostname'],
            'properties': {'container': _NOT_NULL, 'hostname': _NOT_NULL},
        },
        {
            'required': ['status'],
            'properties': {'status': common.enum('creating', 'error', 'deleting')},
        },
    ],
}

# v1 has no status, and never looked at types: agents of its time write null and numbers. The first documents of the
# project spell the host name in two words.
_NOT_EMPTY: common.Schema = {
    'type': ['string', 'number', 'boolean', 'null'],
    'minLength': 1,
    'description': 'a string that is not empty, a number, a boolean or null',
}
SCHEMA_V1: common.Schema = {
    'type': 'object',
    'required': ['backup_name', 'container'],
    'properties': {
        'backup_name': _NOT_EMPTY,
        'container': _NOT_EMPTY,
        'hostname': _NOT_EMPTY,
        'job_id': SCHEMA['properties']['job_id'],
    },
    'description': 'an object with a "hostname"',
    'anyOf': [
        {'required': ['hostname']},
        {'required': ['host_name'], 'properties': {'host_name': _NOT_EMPTY}},
    ],
}

PATCH_SCHEMA: common.Schema = {
    'type': 'object',
    'properties': {'status': _STATUS, 'backup_metadata': common.OBJECT},
}

_patch = validation.Validator(PATCH_SCHEMA)

check_create = validation.Validator(SCHEMA).check
check_create_v1 = validation.Validator(SCHEMA_V1).check


def check_update(patch: common.Document) -> None:
    """Make sure that a PATCH can be taken.

    The metadata in it is free: agents answer a refusal by recording the backup a second time.

    :raises BadRequest: it is empty, or ``status`` or ``backup_metadata`` is wrong
    """
    if not patch:
        raise exceptions.BadRequest('The body must name something to change.')
    _patch.check(patch)
