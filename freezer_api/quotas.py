# SPDX-License-Identifier: Apache-2.0
"""How much projects may have: limits of Keystone, by oslo.limit.

How much they do have is counted in the transaction that adds to it, see ``db/quotas.py``.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from oslo_config import cfg
from oslo_log import log

from freezer_api import discretion, exceptions
from freezer_api.conf import SERVICE_TYPE

LOG = log.getLogger(__name__)

# Limits that are kept, of a few resources for each project.
MAX_ENTRIES = 10_000


class Quotas:
    """The limits of projects. Those of Keystone's model "flat": for each project alone, whatever is above it."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Get ready to ask Keystone, at the first request.

        :raises RuntimeError: oslo.limit is not installed
        """
        try:
            from oslo_limit import limit
        except ImportError as error:
            raise RuntimeError('[quotas] enabled needs oslo.limit: freezer-api[quotas]') from error
        self._library = limit
        # oslo.limit 2 reads the global configuration alone, so that one reads the files that ours was made of.
        limit.CONF(
            args=[],
            project='freezer',
            default_config_files=conf.config_file or [],
            default_config_dirs=conf.config_dir or [],
        )
        limit.CONF.set_default('endpoint_service_type', SERVICE_TYPE, group='oslo_limit')
        self._cache_time = conf.quotas.cache_time
        self._enforcer: Any = None
        self._kept: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def limits(self, project_id: str, resources: Collection[str]) -> Mapping[str, int]:
        """The limit on each of the resources; -1 is none.

        :raises ServiceUnavailable: Keystone cannot tell
        """
        now = time.monotonic()
        with self._lock:
            kept = {name: self._kept.get((project_id, name), (0.0, 0)) for name in resources}
        if all(expires > now for expires, _ in kept.values()):
            return {name: limit for name, (_, limit) in kept.items()}
        found = self._ask(project_id, resources)
        with self._lock:
            for name, limit in found.items():
                self._kept[project_id, name] = (now + self._cache_time, limit)
                self._kept.move_to_end((project_id, name))
            while len(self._kept) > MAX_ENTRIES:
                self._kept.popitem(last=False)
        return found

    def _ask(self, project_id: str, resources: Collection[str]) -> dict[str, int]:
        try:
            if self._enforcer is None:
                # It asks for our endpoint, so not before there is a need. Two at once do no harm.
                self._enforcer = self._library.Enforcer(_count, cache=False)
            return dict(self._enforcer.get_project_limits(project_id, list(resources)))
        except Exception as error:
            # Of Keystone, of its clients' library, of sockets, of the configuration: they share no class.
            LOG.error('The limits of a project could not be read: %s', discretion.name(error))
            raise exceptions.ServiceUnavailable(
                'The limits of the project cannot be read now; try again.'
            ) from None


def _count(project_id: str | None, resources: Collection[str]) -> NoReturn:
    # Asked for by the library's own comparison alone, which knows no transactions.
    raise NotImplementedError
