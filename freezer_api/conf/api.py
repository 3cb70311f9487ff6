# SPDX-License-Identifier: Apache-2.0
"""Options of [api]: limits of requests and how strictly documents are read."""

from oslo_config import cfg

GROUP = 'api'

OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        'default_limit',
        default=10,
        min=1,
        help='Number of entries in a list if the request names no limit.',
    ),
    cfg.IntOpt(
        'max_limit',
        default=1000,
        min=1,
        help='Largest number of entries in a list. A request for more gets this many.',
    ),
    cfg.IntOpt(
        'max_depth',
        default=32,
        min=8,
        max=200,
        help='How deep objects and lists of a request may be nested.',
    ),
    cfg.BoolOpt(
        'strict_schedules',
        default=True,
        help=(
            'Refuse schedules that no agent can run, or that would stop an agent. If false, they are'
            ' stored and a warning is logged.'
        ),
    ),
    cfg.BoolOpt(
        'schedule_zones',
        default=False,
        help=(
            'Take start and end dates of schedules with a zone or a fraction of a second. Agents'
            ' read them since release 19.0.0; a single job with such a date stops all polling of an'
            ' earlier one.'
        ),
    ),
]
