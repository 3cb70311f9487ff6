# SPDX-License-Identifier: Apache-2.0
"""Options of [quotas]: how much a project may have."""

from oslo_config import cfg

GROUP = 'quotas'

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enabled',
        default=False,
        help=(
            'Keep projects within the limits on jobs, actions, clients, sessions and backups that'
            ' Keystone has for them. Needs oslo.limit and the options of [oslo_limit]; what has no'
            ' registered limit cannot be created at all.'
        ),
    ),
    cfg.IntOpt(
        'cache_time',
        default=30,
        min=0,
        max=3600,
        help='Seconds that a limit is used for before Keystone is asked again.',
    ),
]
