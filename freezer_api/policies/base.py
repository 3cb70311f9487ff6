# SPDX-License-Identifier: Apache-2.0
"""Personas: the helper rules that the rules of the resources are made of."""

from oslo_policy import policy

ADMIN_OR_OWNER = 'rule:admin_or_owner'
ADMIN_OR_SERVICE = 'rule:admin_or_service'
ADMIN_OR_OWNER_OR_SERVICE = 'rule:admin_or_owner_or_service'
ADMIN_OR_READER_OR_SERVICE = 'rule:admin_or_reader_or_service'


def list_rules() -> list[policy.RuleDefault]:
    """The personas."""
    return [
        policy.RuleDefault('context_is_admin', 'role:admin', 'Administrators, in every project.'),
        policy.RuleDefault(
            'project_member',
            'role:member and project_id:%(project_id)s',
            'Members of the project.',
        ),
        policy.RuleDefault(
            'project_manager',
            'role:manager and project_id:%(project_id)s',
            'Managers of the project.',
        ),
        policy.RuleDefault(
            'project_reader',
            'role:reader and project_id:%(project_id)s',
            'Readers of the project.',
        ),
        policy.RuleDefault(
            'admin_or_owner',
            'rule:context_is_admin or rule:project_manager or rule:project_member',
            'Administrators, and managers and members of the project.',
        ),
        policy.RuleDefault(
            'admin_or_service',
            'role:admin or role:service',
            'Administrators and services, in every project.',
        ),
        policy.RuleDefault(
            'admin_or_owner_or_service',
            'rule:admin_or_service or rule:admin_or_owner',
            'Administrators, services, and managers and members of the project.',
        ),
        policy.RuleDefault(
            'admin_or_reader_or_service',
            'rule:admin_or_owner_or_service or rule:project_reader',
            'Administrators, services, and managers, members and readers of the project.',
        ),
    ]


def rule(
    name: str, check: str, description: str, *routes: tuple[str, str], v1: bool = True
) -> policy.DocumentedRuleDefault:
    """A documented rule.

    :param routes: (method, path below the project) of each route that asks the rule
    :param v1: whether the first version of the API has these routes too
    """
    operations: list[policy.Operation] = []
    for method, path in routes:
        operations.append({'method': method, 'path': '/v2/{project_id}' + path})
        if v1:
            operations.append({'method': method, 'path': '/v1' + path})
    return policy.DocumentedRuleDefault(name, check, description, operations)
