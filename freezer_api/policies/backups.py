# SPDX-License-Identifier: Apache-2.0
"""Rules of backup metadata."""

from oslo_policy import policy

from freezer_api.policies import base


def list_rules() -> list[policy.RuleDefault]:
    """The rules of backup metadata."""
    return [
        base.rule(
            'backups:create',
            base.ADMIN_OR_OWNER_OR_SERVICE,
            'Store the metadata of a backup.',
            ('POST', '/backups'),
        ),
        base.rule(
            'backups:get_all',
            base.ADMIN_OR_READER_OR_SERVICE,
            'List backups.',
            ('GET', '/backups'),
        ),
        base.rule(
            'backups:get',
            base.ADMIN_OR_READER_OR_SERVICE,
            'Show a backup.',
            ('GET', '/backups/{backup_id}'),
        ),
        base.rule(
            'backups:update',
            base.ADMIN_OR_OWNER_OR_SERVICE,
            'Change parts of the metadata of a backup.',
            ('PATCH', '/backups/{backup_id}'),
            v1=False,
        ),
        base.rule(
            'backups:delete',
            base.ADMIN_OR_OWNER_OR_SERVICE,
            'Remove the metadata of a backup.',
            ('DELETE', '/backups/{backup_id}'),
        ),
    ]
