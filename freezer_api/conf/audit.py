# SPDX-License-Identifier: Apache-2.0
"""Options of [audit]: events of keystonemiddleware's audit filter."""

from oslo_config import cfg

GROUP = 'audit'

MAP_FILE = 'api_audit_map.conf'

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enabled',
        default=False,
        help=(
            'Send an event in the format of CADF before and after each request, as'
            ' [audit_middleware_notifications] says. The records of the logger freezer_api.audit are'
            ' written in any case.'
        ),
    ),
    cfg.StrOpt(
        'map_file',
        default=MAP_FILE,
        help=(
            'File that maps paths to actions and resources, absolute or below the folders of the'
            ' configuration. The default is in the package too, for where no such folder has it.'
        ),
    ),
    cfg.ListOpt(
        'ignored_methods',
        default=['GET', 'HEAD'],
        help='Methods of requests that no events are sent of.',
    ),
]
