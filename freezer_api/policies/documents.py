# SPDX-License-Identifier: Apache-2.0
"""Rules of all documents."""

from oslo_policy import policy

from freezer_api.policies import base

SECRETS = 'documents:get_secrets'


def list_rules() -> list[policy.RuleDefault]:
    """The rules that are asked besides that of a route."""
    return [
        base.rule(
            SECRETS,
            base.ADMIN_OR_OWNER_OR_SERVICE,
            'See passwords and keys in documents; others see "***" in their place.',
            *(
                ('GET', path)
                for collection in ('actions', 'backups', 'clients', 'jobs', 'sessions')
                for path in (f'/{collection}', f'/{collection}/{{{collection[:-1]}_id}}')
            ),
        ),
    ]
