# SPDX-License-Identifier: Apache-2.0
"""Answers of Keystone about tokens, kept in this process where there is no memcached.

The cache of keystonemiddleware 13 for this case has no end, and looks at all its entries whenever it is asked for one:
a caller who takes a new token for each request makes it grow, and every request of everybody slower.
"""

import importlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from oslo_config import cfg

WSGI = Callable[..., Iterable[bytes]]

# Name of the cache in the environment of a request.
ENVIRON = 'freezer.token_cache'

# Some KiB each, most of it the catalogue of services.
MAX_ENTRIES = 2000


class TokenCache:
    """As much of a client of memcached as auth_token uses. What was not asked for longest makes room."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """The value, unless its time is over."""
        with self._lock:
            expires, value = self._entries.get(key, (0.0, b''))
            if _now() >= expires:
                self._entries.pop(key, None)
                return None
            self._entries.move_to_end(key)
            return value

    def set(self, key: str, value: bytes, time: int) -> None:
        """Keep a value for so many seconds."""
        with self._lock:
            self._entries[key] = (_now() + time, value)
            self._entries.move_to_end(key)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)


def _now() -> float:
    return time.monotonic()


def check_client(options: cfg.ConfigOpts.GroupAttr) -> None:
    """Return if the library is there by which keystonemiddleware asks memcached.

    It would find out at the first request, and fail at each.

    :param options: of [keystone_authtoken]
    :raises RuntimeError: it is not
    """
    module, package = 'memcache', 'python-memcached: freezer-api[memcached]'
    if options.memcache_tls_enabled or options.memcache_sasl_enabled:
        module, package = 'bmemcached', 'python-binary-memcached'
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise RuntimeError(f'[keystone_authtoken] memcached_servers needs {package}') from error


class WithTokenCache:
    """Middleware that shows the cache to auth_token."""

    def __init__(self, application: WSGI) -> None:
        self._application = application
        self._cache = TokenCache(MAX_ENTRIES)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[ENVIRON] = self._cache
        return self._application(environ, start_response)
