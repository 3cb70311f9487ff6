# SPDX-License-Identifier: Apache-2.0
"""Rules that lead out of the project of the caller's token."""

from collections.abc import Iterable

from oslo_policy import policy

from freezer_api.policies import base

ACCESS = 'cross_project:access'

# A right to go elsewhere that everybody has is a mistake in a policy file: these rules hold for nobody who would pass
# them without roles too; see freezer_api.policy.Policy.allows.
NEVER_FOR_ALL = frozenset({ACCESS, 'clients:create_central', 'jobs:get_all_projects'})


def list_rules(rules: Iterable[policy.RuleDefault]) -> list[policy.RuleDefault]:
    """The rule that is asked besides that of a route if the URL names another project than the token.

    :param rules: of the routes, whose paths it documents
    """
    operations = {
        (operation['path'], operation['method']): operation
        for rule in rules
        for operation in getattr(rule, 'operations', ())
        if operation['path'].startswith('/v2/')
    }
    return [
        policy.DocumentedRuleDefault(
            ACCESS,
            base.ADMIN_OR_SERVICE,
            'Act in a project that the token is not for; asked after the rule of the route. '
            'It is refused to everybody if it would allow callers without any role.',
            list(operations.values()),
        )
    ]
