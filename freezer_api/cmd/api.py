# SPDX-License-Identifier: Apache-2.0
"""freezer-api: serve the API."""

import multiprocessing
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from oslo_config import cfg
from oslo_log import log

from freezer_api import conf as configuration
from freezer_api import discretion
from freezer_api.addresses import is_loopback
from freezer_api.db import migration
from freezer_api.db.strangers import ForeignTables

PROGRAM = 'freezer-api'
LOG = log.getLogger(__name__)

# Seconds that an application may take to be built.
_PATIENCE = 60


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn is untyped
    """Messages of the server go where oslo.log sends all others; requests are not logged."""

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.error_log.propagate = True

    def _set_handler(self, *args: Any, **kwargs: Any) -> None:
        """No handlers besides those of oslo.log."""


class Refused(Exception):
    """The configuration cannot be served; the text says why."""


class Master(Arbiter):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's, which would end with its workers if new ones cannot start."""

    def reload(self) -> None:
        """On SIGHUP: go on with the files as they are now; if they are wrong, with the workers there are."""
        if self.app.take_up():
            super().reload()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn with our options in place of its command line and environment."""

    def __init__(self, args: Sequence[str]) -> None:
        self._args = args
        self._conf = _read(args)
        _set_up_log(self._conf)
        super().__init__(prog=PROGRAM)

    def run(self) -> None:
        Master(self).run()

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

    def take_up(self) -> bool:
        """Whether the files as they are now can be served; from now on they are."""
        try:
            conf = _read(self._args)
            _try(conf)
            _set_up_log(conf)
        except Refused as error:
            LOG.error('Nothing is taken up, the service goes on as before. %s', error)
            return False
        self._conf = conf
        return True


def _try(conf: cfg.ConfigOpts) -> None:
    """Build the application in a process of its own, which leaves nothing behind.

    :raises Refused: no worker could start
    """
    context = multiprocessing.get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_build, args=(conf, sender))
    process.start()
    sender.close()
    try:
        reason = receiver.recv() if receiver.poll(_PATIENCE) else 'It takes too long to start.'
    except EOFError:
        reason = 'The service ended at its start.'
    receiver.close()
    process.join(_PATIENCE)
    process.kill()
    process.join()
    if reason:
        raise Refused(reason)


def _build(conf: cfg.ConfigOpts, sender: Connection) -> None:
    # Those of gunicorn do no more than note what came.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    reason = ''
    try:
        _set_up_log(conf)
        from freezer_api.api import app

        app.build(conf)
    except Refused as error:
        reason = str(error)
    except Exception as error:
        reason = f'The service could not start: {discretion.reason(error)}\n{discretion.outline(error)}'
    sender.send(reason)


def _read(args: Sequence[str]) -> cfg.ConfigOpts:
    """The configuration.

    :raises Refused: it cannot be served
    """
    try:
        conf = configuration.new(args, program=PROGRAM)
    except cfg.Error as error:
        raise _wrong(error) from error
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


def _set_up_log(conf: cfg.ConfigOpts) -> None:
    """Log as the configuration says.

    :raises Refused: it cannot be done
    """
    try:
        discretion.set_up_log(conf, PROGRAM)
    except cfg.Error as error:
        raise _wrong(error) from error


def _wrong(error: cfg.Error) -> Refused:
    return Refused(f'The configuration is wrong: {configuration.explain(error)}')


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
        Server(sys.argv[1:] if args is None else args).run()
    except (Refused, RuntimeError) as error:
        # The latter of gunicorn, about its settings.
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
