# SPDX-License-Identifier: Apache-2.0
"""Sessions. Keys that are not named here are free."""

from freezer_api.schemas import common, validation

# A time, or "" where there was none yet.
_TIME: common.Schema = {
    **common.integer(),
    'type': ['integer', 'string'],
    'maxLength': 0,
    'description': 'an integer of at most 64 bits, or ""',
}

JOB: common.Schema = common.closed(
    {
        'client_id': {'type': 'string', 'maxLength': 320},
        'status': common.WORD,
        'result': common.WORD,
        'time_started': _TIME,
        'time_ended': _TIME,
    }
)

SCHEMA: common.Schema = {
    'type': 'object',
    'required': ['schedule'],
    'properties': {
        'session_id': common.nullable(common.TEXT),
        'user_id': common.nullable(common.TEXT),
        'project_id': common.nullable(common.TEXT),
        'description': common.nullable(common.TEXT),
        'schedule': common.SCHEDULE,
        'session_tag': common.TAG,
        'hold_off': common.integer(0),
        'status': common.WORD,
        'result': common.nullable(common.WORD),
        'time_start': common.integer(),
        'time_end': common.integer(),
        'time_started': common.integer(),
        'time_ended': common.integer(),
        'jobs': {
            'type': 'object',
            'patternProperties': {common.IDENTIFIER_KEY: JOB},
            'additionalProperties': False,
        },
    },
}

_resource = validation.Resource(
    # A new session has no jobs, whatever the caller says of them; clients send {} and lists.
    create=common.variant(SCHEMA, jobs={}),
    replace=common.variant(SCHEMA, 'session_tag', session_id=common.IDENTIFIER),
)

check_create = _resource.check_create
check_replace = _resource.check_replace
check_update = _resource.check_update
