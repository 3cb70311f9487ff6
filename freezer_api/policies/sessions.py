# SPDX-License-Identifier: Apache-2.0
"""Rules of sessions."""

from oslo_policy import policy

from freezer_api.policies import base


def list_rules() -> list[policy.RuleDefault]:
    """The rules of sessions."""
    return [
        base.rule(
            'sessions:create',
            base.ADMIN_OR_OWNER,
            'Create a session.',
            ('POST', '/sessions'),
        ),
        base.rule(
            'sessions:get_all',
            base.ADMIN_OR_READER_OR_SERVICE,
            'List sessions.',
            ('GET', '/sessions'),
        ),
        base.rule(
            'sessions:get',
            base.ADMIN_OR_READER_OR_SERVICE,
            'Show a session.',
            ('GET', '/sessions/{session_id}'),
        ),
        base.rule(
            'sessions:update',
            base.ADMIN_OR_OWNER,
            'Change parts of a session.',
            ('PATCH', '/sessions/{session_id}'),
        ),
        base.rule(
            'sessions:replace',
            base.ADMIN_OR_OWNER,
            'Replace a session, or create it under a given id.',
            ('POST', '/sessions/{session_id}'),
        ),
        base.rule(
            'sessions:delete',
            base.ADMIN_OR_OWNER,
            'Remove a session.',
            ('DELETE', '/sessions/{session_id}'),
        ),
        base.rule(
            'sessions:action:create',
            base.ADMIN_OR_OWNER,
            'Start or end the run of a job in a session.',
            ('POST', '/sessions/{session_id}/action'),
        ),
        base.rule(
            'sessions:job:add',
            base.ADMIN_OR_OWNER,
            'Add a job to a session.',
            ('PUT', '/sessions/{session_id}/jobs/{job_id}'),
        ),
        base.rule(
            'sessions:job:remove',
            base.ADMIN_OR_OWNER,
            'Take a job out of a session.',
            ('DELETE', '/sessions/{session_id}/jobs/{job_id}'),
        ),
    ]
