# SPDX-License-Identifier: Apache-2.0
"""Jobs. Every key that an answer shows is accepted: the dashboard sends whole answers back."""

from freezer_api.schemas import common, validation

ENTRY: common.Schema = {
    'type': 'object',
    'properties': common.ACTION,
    'description': 'an object with "freezer_action", or with an "action_id" that is not empty',
    'anyOf': [
        {'required': ['freezer_action']},
        {
            'required': ['action_id'],
            'properties': {'action_id': {'type': 'string', 'minLength': 1}},
        },
    ],
}

SCHEMA: common.Schema = {
    **common.closed(
        {
            'job_id': common.OPTIONAL_IDENTIFIER,
            'client_id': common.CLIENT_ID,
            'user_id': common.nullable(common.TEXT),
            'project_id': common.nullable(common.TEXT),
            'description': common.nullable(common.TEXT),
            'job_actions': {'type': 'array', 'items': ENTRY},
            'job_schedule': common.SCHEDULE,
            'session_id': common.OPTIONAL_IDENTIFIER,
            'session_tag': common.TAG,
            'session_name': common.nullable(common.TEXT),
            '_version': common.nullable(common.integer()),
            'action_defaults': common.nullable(common.partial(common.ACTION['freezer_action'])),
            'user_credentials': common.nullable(common.OBJECT),
        }
    ),
    'required': ['client_id', 'job_actions'],
}

_resource = validation.Resource(create=SCHEMA, replace=SCHEMA)

check_create = _resource.check_create
check_replace = _resource.check_replace
check_update = _resource.check_update
