# SPDX-License-Identifier: Apache-2.0
"""Options of [centralized_scheduler]: trusts for the jobs of central clients."""

from oslo_config import cfg

GROUP = 'centralized_scheduler'

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enabled',
        default=True,
        help='Whether jobs of central clients are given a Keystone trust, by which their scheduler '
        'acts in the project of the job.',
    ),
    cfg.BoolOpt(
        'enforce_trusts',
        default=False,
        help='Whether jobs of all clients are given a trust, not only those of central ones.',
    ),
    cfg.StrOpt(
        'auth_section',
        default='keystone_authtoken',
        help='The group of options with the identity that the trusts are for: the user of the '
        'central scheduler.',
    ),
    cfg.ListOpt(
        'trusts_delegated_roles',
        default=['member'],
        help='Names of the roles that a trust delegates. If empty, those of the token that the '
        'trust is made with.',
    ),
    cfg.FloatOpt(
        'timeout',
        default=10.0,
        min=0.1,
        help='Seconds that Keystone has for an answer about a trust.',
    ),
]
