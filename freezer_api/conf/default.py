# SPDX-License-Identifier: Apache-2.0
"""Options of [DEFAULT]: the server and who may call it."""

import os

from oslo_config import cfg

GROUP = 'DEFAULT'

OPTS: list[cfg.Opt] = [
    cfg.HostAddressOpt(
        'bind_host',
        default='0.0.0.0',
        help='Address that freezer-api listens on.',
    ),
    cfg.PortOpt(
        'bind_port',
        default=9090,
        help='Port that freezer-api listens on.',
    ),
    cfg.IntOpt(
        'workers',
        default=min(os.cpu_count() or 1, 8),
        sample_default='<number of CPUs, at most 8>',
        min=1,
        help='Number of processes of freezer-api that answer requests.',
    ),
    cfg.IntOpt(
        'threads',
        default=4,
        min=1,
        help='Number of threads in each process of freezer-api. Each of them may use one '
        'connection to the database.',
    ),
    cfg.IntOpt(
        'max_request_line',
        default=8190,
        min=1024,
        # The most that gunicorn takes.
        max=8190,
        help='How many bytes the first line of a request to freezer-api may have: method, path and query.',
    ),
    cfg.IntOpt(
        'max_header_size',
        default=16_384,
        min=4096,
        help='How many bytes a header of a request to freezer-api may have. Tokens may have some thousand.',
    ),
    cfg.StrOpt(
        'auth_strategy',
        default='keystone',
        choices=[
            ('keystone', 'every request carries a token, which Keystone validates'),
            (
                'noauth',
                'identity is taken from the headers X-User-Id, X-Project-Id and X-Roles; for '
                'trying the service out on a loopback address only',
            ),
        ],
        help='How callers are identified.',
    ),
]
