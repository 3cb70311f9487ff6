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
]
