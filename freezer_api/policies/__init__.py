# SPDX-License-Identifier: Apache-2.0
"""Who may do what, unless the operator's policy file says otherwise."""

from oslo_policy import policy

from freezer_api.policies import actions, backups, base, clients, documents, jobs, sessions


def list_rules() -> list[policy.RuleDefault]:
    """Every rule with its default, the personas first."""
    return [
        *base.list_rules(),
        *documents.list_rules(),
        *clients.list_rules(),
        *actions.list_rules(),
        *jobs.list_rules(),
        *sessions.list_rules(),
        *backups.list_rules(),
    ]
