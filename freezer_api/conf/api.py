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
        help='Refuse schedules that the agents cannot run. If false, they are stored, and a '
        'warning is logged.',
    ),
    cfg.BoolOpt(
        'schedule_zones',
        default=False,
        help='Accept a time zone or a fraction of a second in schedule_start_date and '
        'schedule_end_date. Enable this when every freezer-scheduler is of release 19.0.0 or '
        'later: one such job stops an older scheduler from polling at all.',
    ),
]
