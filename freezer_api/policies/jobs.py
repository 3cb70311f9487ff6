# SPDX-License-Identifier: Apache-2.0
"""Rules of jobs."""

from oslo_policy import policy

from freezer_api.policies import base


def list_rules() -> list[policy.RuleDefault]:
    """The rules of jobs."""
    return [
        base.rule(
            'jobs:create',
            base.ADMIN_OR_OWNER,
            'Create a job, or replace one.',
            ('POST', '/jobs'),
            ('POST', '/jobs/{job_id}'),
        ),
        base.rule(
            'jobs:get_all',
            base.ADMIN_OR_READER_OR_SERVICE,
            'List jobs.',
            ('GET', '/jobs'),
        ),
        base.rule(
            'jobs:get_all_projects',
            base.ADMIN_OR_SERVICE,
            'See the jobs of all projects.',
            ('GET', '/jobs'),
            ('GET', '/jobs/{job_id}'),
            v1=False,
        ),
        base.rule(
            'jobs:get',
            base.ADMIN_OR_READER_OR_SERVICE,
            'Show a job.',
            ('GET', '/jobs/{job_id}'),
        ),
        base.rule(
            'jobs:update',
            base.ADMIN_OR_OWNER,
            'Change parts of a job.',
            ('PATCH', '/jobs/{job_id}'),
        ),
        base.rule(
            'jobs:delete',
            base.ADMIN_OR_OWNER,
            'Remove a job.',
            ('DELETE', '/jobs/{job_id}'),
        ),
        base.rule(
            'jobs:event:create',
            base.ADMIN_OR_OWNER,
            'Start, stop or abort a job.',
            ('POST', '/jobs/{job_id}/event'),
        ),
    ]
