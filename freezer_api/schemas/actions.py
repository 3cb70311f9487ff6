# SPDX-License-Identifier: Apache-2.0
"""Actions of the catalogue. Keys that are not named here are free."""

from freezer_api.schemas import common, validation

SCHEMA: common.Schema = {
    'type': 'object',
    'required': ['freezer_action'],
    'properties': common.ACTION,
}

_resource = validation.Resource(create=SCHEMA, replace=SCHEMA)

check_create = _resource.check_create
check_replace = _resource.check_replace
check_update = _resource.check_update
