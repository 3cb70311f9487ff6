# SPDX-License-Identifier: Apache-2.0
"""Rules of clients."""

from oslo_policy import policy

from freezer_api.policies import base


def list_rules() -> list[policy.RuleDefault]:
    """The rules of clients."""
    return [
        base.rule(
            'clients:create',
            base.ADMIN_OR_OWNER,
            'Register a client, or refresh its registration.',
            ('POST', '/clients'),
        ),
        base.rule(
            'clients:create_central',
            base.ADMIN_OR_SERVICE,
            'Register a central client, which serves every project; asked after clients:create.',
            ('POST', '/clients'),
        ),
        base.rule(
            'clients:get_all',
            base.ADMIN_OR_READER_OR_SERVICE,
            'List the clients of the project and the central ones.',
            ('GET', '/clients'),
        ),
        base.rule(
            'clients:get',
            base.ADMIN_OR_READER_OR_SERVICE,
            'Show a client.',
            ('GET', '/clients/{client_id}'),
        ),
        base.rule(
            'clients:delete',
            base.ADMIN_OR_OWNER,
            'Remove a client.',
            ('DELETE', '/clients/{client_id}'),
        ),
    ]
