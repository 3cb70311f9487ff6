# SPDX-License-Identifier: Apache-2.0
"""Rules of the catalogue of actions."""

from oslo_policy import policy

from freezer_api.policies import base


def list_rules() -> list[policy.RuleDefault]:
    """The rules of the catalogue of actions."""
    return [
        base.rule(
            'actions:create',
            base.ADMIN_OR_OWNER,
            'Create an action.',
            ('POST', '/actions'),
        ),
        base.rule(
            'actions:get_all',
            base.ADMIN_OR_READER_OR_SERVICE,
            'List actions.',
            ('GET', '/actions'),
        ),
        base.rule(
            'actions:get',
            base.ADMIN_OR_READER_OR_SERVICE,
            'Show an action.',
            ('GET', '/actions/{action_id}'),
        ),
        base.rule(
            'actions:update',
            base.ADMIN_OR_OWNER,
            'Change parts of an action.',
            ('PATCH', '/actions/{action_id}'),
        ),
        base.rule(
            'actions:replace',
            base.ADMIN_OR_OWNER,
            'Replace an action, or create it under a given id.',
            ('POST', '/actions/{action_id}'),
        ),
        base.rule(
            'actions:delete',
            base.ADMIN_OR_OWNER,
            'Remove an action.',
            ('DELETE', '/actions/{action_id}'),
        ),
    ]
