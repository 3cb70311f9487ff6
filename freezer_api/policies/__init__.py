# SPDX-License-Identifier: Apache-2.0
"""Who may do what, unless the operator's policy file says otherwise."""

from oslo_policy import policy

from freezer_api.policies import (
    actions,
    backups,
    base,
    clients,
    cross_project,
    documents,
    jobs,
    sessions,
)


def list_rules() -> list[policy.RuleDefault]:
    """Every rule with its default, the personas first."""
    of_routes = [
        *clients.list_rules(),
        *actions.list_rules(),
        *jobs.list_rules(),
        *sessions.list_rules(),
        *backups.list_rules(),
    ]
    return [
        *base.list_rules(),
        *documents.list_rules(),
        *cross_project.list_rules(of_routes),
        *of_routes,
    ]
