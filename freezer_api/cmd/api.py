# SPDX-License-Identifier: Apache-2.0
"""freezer-api: serve the API."""

import sys
from collections.abc import Sequence
from typing import Any

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from oslo_config import cfg
from oslo_log import log

from freezer_api import conf as configuration
from freezer_api import discretion
from freezer_api.addresses import is_loopback
from freezer_api.db import migration
from freezer_api.db.strangers import ForeignTables

PROGRAM = 'freezer-api'
LOG = log.getLogger(__name__)


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn is untyped
    """Messages of the server go where oslo.log sends all others; requests are not logged."""

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.error_log.propagate = True

    def _set_handler(self, *args: Any, **kwargs: Any) -> None:
        """No handlers besides those of oslo.log."""


class Refused(Exception):
    """The configuration cannot be served; the text says why."""


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn with our options in place of its command line and environment."""

    def __init__(self, args: Sequence[str]) -> None:
        self._args = args
        self._conf = _configure(args)
        super().__init__(prog=PROGRAM)

    def load_config(self) -> None:
        for name, value in _settings(self._conf).items():
            # Older releases lack the newer ones.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        # In each worker after the fork: connections cannot be shared by processes.
        from freezer_api.api import app

        try:
            return app.build(self._conf)
        except Exception as error:
            reason = discretion.reason(error)
            LOG.error('The service cannot start: %s\n%s', reason, discretion.outline(error))
            # gunicorn prints the text of what it gets.
            raise RuntimeError(reason) from None

    def reload(self) -> None:
        """On SIGHUP: go on with the files as they are now, unless they are wrong."""
        try:
            self._conf = _configure(self._args)
        except Refused as error:
            LOG.error('%s The configuration stays as it was.', error)
        super().reload()


def _configure(args: Sequence[str]) -> cfg.ConfigOpts:
    try:
        conf = configuration.new(args, program=PROGRAM)
        discretion.set_up_log(conf, PROGRAM)
    except cfg.Error as error:
        raise Refused(f'The configuration is wrong: {configuration.explain(error)}') from error
    if conf.auth_strategy == 'noauth' and not is_loopback(conf.bind_host):
        raise Refused(
            'auth_strategy = noauth believes every caller, so it is refused unless bind_host is '
            f'a loopback address such as 127.0.0.1; it is {conf.bind_host}.'
        )
    try:
        migration.refuse_foreign(conf)
    except ForeignTables as error:
        raise Refused(str(error)) from None
    return conf


def _settings(conf: cfg.ConfigOpts) -> dict[str, Any]:
    host = f'[{conf.bind_host}]' if ':' in conf.bind_host else conf.bind_host
    return {
        'bind': f'{host}:{conf.bind_port}',
        'workers': conf.workers,
        'threads': conf.threads,
        'worker_class': 'freezer_api.cmd.worker.Worker',
        'logger_class': Logger,
        # The start and end of each worker are worth a line to debuggers only.
        'loglevel': 'debug' if conf.debug else 'warning',
        'proc_name': PROGRAM,
        'when_ready': _ready,
        # Longer than the idle time of common load balancers, so that they close first.
        'keepalive': 75,
        'graceful_timeout': 30,
        # Searches may be part of the query string; tokens are part of the header.
        'limit_request_line': conf.max_request_line,
        'limit_request_field_size': conf.max_header_size,
        'limit_request_fields': 100,
        # Forwarded headers are oslo.middleware's business, see [oslo_middleware].
        'forwarded_allow_ips': '',
        'secure_scheme_headers': {},
        # No socket beside the one that is configured.
        'control_socket_disable': True,
    }


def _ready(arbiter: Any) -> None:
    addresses = ', '.join(str(listener) for listener in arbiter.LISTENERS)
    print(f'freezer-api listens on {addresses}', flush=True)


def main(args: Sequence[str] | None = None) -> int:
    """Serve until told to end; returns the exit code."""
    try:
        server = Server(sys.argv[1:] if args is None else args)
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    server.run()
    return 0


if __name__ == '__main__':
    sys.exit(main())
