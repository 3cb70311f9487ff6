# SPDX-License-Identifier: Apache-2.0
"""Transactions.

A function of this package that is called from above is decorated with :func:`reader`, or with :func:`retry` and
:func:`writer`: one call is one transaction, and a write is repeated as a whole when the database asks for it.
"""

import contextlib
import functools
import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy
from oslo_config import cfg
from oslo_db import api as oslo_db_api
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import enginefacade
from sqlalchemy import event

from freezer_api import discretion, exceptions
from freezer_api.context import RequestContext
from freezer_api.db import urls
from freezer_api.db.documents import size_in_statement

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
R = TypeVar('R')

# Of a connection: the bytes that a statement may have; and those to leave for numbers and the like.
_PACKET = 'max_allowed_packet'
_BESIDES_TEXTS = 4096

# Of a row; it is to have one of them.
Versions = Collection[int]

# Options of [database] that enginefacade takes over from our configuration instead of the global one.
_OPTIONS = (
    'connection_debug',
    'connection_recycle_time',
    'connection_trace',
    'max_overflow',
    'max_pool_size',
    'mysql_sql_mode',
    'mysql_wsrep_sync_wait',
    'pool_timeout',
    'sqlite_synchronous',
)


class Database:
    """The engines of one application."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        options = {name: conf.database[name] for name in _OPTIONS}
        options = {name: value for name, value in options.items() if value is not None}
        url = urls.configured(conf)
        self._readers = _manager(url, options)
        self._writers = self._readers
        backend = url.get_backend_name()
        if backend in ('sqlite', 'postgresql'):
            self._writers = _manager(url, options)
        if backend == 'sqlite':
            # A transaction that reads and then writes fails at once on SQLite if another one wrote in between, whatever
            # the busy timeout. So writers have an engine of their own, whose transactions take the lock at their start.
            for engine in self.engines:
                event.listen(engine, 'connect', _set_up_sqlite)
            event.listen(self._writing_engine, 'before_cursor_execute', _lock_sqlite, retval=True)
        elif backend == 'postgresql':
            # Each statement of its default isolation sees another state. An answer is made of two or three statements,
            # so readers have an engine of their own that sees one; SQLite does so by itself.
            event.listen(self._readers.writer.get_engine(), 'connect', _set_up_postgresql_reader)
        else:
            event.listen(self._writing_engine, 'connect', _set_up_mysql)
            event.listen(self._writing_engine, 'before_cursor_execute', _check_packet)
            event.listen(self._writing_engine, 'handle_error', _pass_on, insert=True)

    @property
    def _writing_engine(self) -> sqlalchemy.Engine:
        engine: sqlalchemy.Engine = self._writers.writer.get_engine()
        return engine

    @property
    def engines(self) -> list[sqlalchemy.Engine]:
        """Every engine, for tests and for shutting down."""
        engines = {manager.writer.get_engine() for manager in (self._readers, self._writers)}
        return list(engines)

    def reading(self, context: RequestContext) -> Any:
        """A context manager: ``context.connection`` within one transaction that only reads."""
        return self._readers.reader.connection.using(context)

    def writing(self, context: RequestContext) -> Any:
        """A context manager: ``context.connection`` within one transaction."""
        return self._writers.writer.connection.using(context)

    def dispose(self) -> None:
        for engine in self.engines:
            engine.dispose()


def _manager(url: sqlalchemy.URL, options: dict[str, Any]) -> Any:
    manager = enginefacade.transaction_context()
    # An engine is made within the first request, which should be told at once that the database is away, and not after
    # the minutes that oslo.db spends on trying.
    manager.configure(connection=url, sqlite_fk=True, max_retries=0, **options)
    manager.append_on_engine_create(_hide_values)
    return manager


class _Discreet(logging.Filter):
    """Keeps the rows that SQLAlchemy has read, and logs at level DEBUG, out of the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith('Row ')


_DISCREET = _Discreet()


def _hide_values(engine: sqlalchemy.Engine) -> None:
    # Documents hold passwords, which neither errors nor logs may show. For the rest there is no option.
    engine.hide_parameters = True
    logging.getLogger('sqlalchemy.engine.Engine').addFilter(_DISCREET)
    for name in ('oslo_db.api', 'oslo_db.sqlalchemy.exc_filters'):
        # Drivers quote values in the texts of errors; the library logs those that it does not know.
        logging.getLogger(name).addFilter(discretion.FILTER)


def _set_up_sqlite(connection: Any, record: Any) -> None:
    connection.execute('PRAGMA journal_mode=WAL')
    connection.execute('PRAGMA busy_timeout=30000')


def _set_up_postgresql_reader(connection: Any, record: Any) -> None:
    connection.set_session(isolation_level='REPEATABLE READ', readonly=True)


def _set_up_mysql(connection: Any, record: Any) -> None:
    # The isolation is its own default; but a server may be configured otherwise, since other services ask for that.
    with connection.cursor() as cursor:
        cursor.execute('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ')
        cursor.execute('SELECT @@max_allowed_packet')
        (record.info[_PACKET],) = cursor.fetchone()


def _check_packet(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    """Refuse a statement that makes the server close the connection, as it does whenever that is repeated."""
    room = connection.info[_PACKET] - _BESIDES_TEXTS - 4 * len(statement)
    # Of many rows those that are large have statements of their own.
    for row in parameters if executemany else [parameters]:
        values = row.values() if isinstance(row, dict) else row
        texts = [value for value in values if isinstance(value, str)]
        # A letter takes at most four bytes.
        if 4 * sum(map(len, texts)) > room and sum(map(size_in_statement, texts)) > room:
            raise exceptions.TooLarge(
                'What is to be stored, with its copy for searches, is larger than max_allowed_packet of the database.'
            )


def _pass_on(context: sqlalchemy.ExceptionContext) -> None:
    # Before oslo.db sees the error, which takes it for one of the database.
    if isinstance(context.original_exception, exceptions.FreezerError):
        raise context.original_exception


def _lock_sqlite(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    return ('BEGIN IMMEDIATE' if statement == 'BEGIN' else statement), parameters


def reader(
    function: Callable[Concatenate[RequestContext, P], R],
) -> Callable[Concatenate[RequestContext, P], R]:
    """Run the function in a transaction that only reads."""

    @functools.wraps(function)
    def wrapper(context: RequestContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with context.database.reading(context):
            return function(context, *args, **kwargs)

    return wrapper


def writer(
    function: Callable[Concatenate[RequestContext, P], R],
) -> Callable[Concatenate[RequestContext, P], R]:
    """Run the function in one transaction, committed when it returns."""

    @functools.wraps(function)
    def wrapper(context: RequestContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with context.database.writing(context):
            return function(context, *args, **kwargs)

    return wrapper


def _is_lost_race(error: Exception) -> bool:
    # What is referred to was there when this transaction read it, so somebody has deleted it since.
    return isinstance(error, db_exception.DBReferenceError)


# More than this an operator should hear of.
_MANY_TRIES = 10

_retry = oslo_db_api.wrap_db_retry(
    max_retries=30,
    retry_interval=0.005,
    max_retry_interval=0.5,
    inc_retry_interval=True,
    jitter=True,
    retry_on_deadlock=True,
    exception_checker=_is_lost_race,
)


def retry(
    function: Callable[Concatenate[RequestContext, P], R],
) -> Callable[Concatenate[RequestContext, P], R]:
    """Repeat the transaction after a deadlock, a failed certification or a lost race; goes outside of :func:`writer`.

    Everything within runs again, so nothing within may have an effect outside of the database. ``context.tries`` tells
    it how often it was begun.
    """

    @functools.wraps(function)
    def begin(context: RequestContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
        context.tries += 1
        return function(context, *args, **kwargs)

    repeated: Callable[Concatenate[RequestContext, P], R] = _retry(begin)

    @functools.wraps(function)
    def wrapper(context: RequestContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
        context.tries = 0
        try:
            return repeated(context, *args, **kwargs)
        finally:
            if context.tries > _MANY_TRIES:
                name = f'{function.__module__}.{function.__name__}'
                LOG.warning('%s was begun %d times, as others wrote meanwhile', name, context.tries)

    return wrapper


def lost_race() -> db_exception.RetryRequest:
    """The error to raise when a compare-and-swap found another version than the one read before."""
    return db_exception.RetryRequest(
        exceptions.ServiceUnavailable('Too many writers change this at once; try again.')
    )


@contextlib.contextmanager
def replacing(context: RequestContext) -> Iterator[None]:
    """Store a new row for a caller who would replace one that is there.

    Who finds that the id was taken meanwhile begins again, and replaces that row.
    """
    try:
        yield
    except exceptions.IdTaken:
        if context.scope.user_id is not None:
            # v1: it may be the row of another user, which this one never sees.
            raise
        raise lost_race() from None


def check_version(expected: Versions | None, stored: int) -> None:
    """Compare with the versions that the caller named in ``If-Match``, if any.

    :param stored: 0 if there is no row
    :raises PreconditionFailed: the stored one is none of them
    """
    if expected is not None and stored not in expected:
        raise exceptions.PreconditionFailed('The stored version is none of those in If-Match.')


def swapped(result: sqlalchemy.CursorResult[Any], count: int = 1) -> None:
    """Make sure that an update guarded by a version hit its row, or so many rows.

    :raises RetryRequest: another writer was faster; the transaction is repeated
    """
    if result.rowcount != count:
        raise lost_race()


def microseconds() -> int:
    """Now, in microseconds since the epoch."""
    return time.time_ns() // 1000


def seconds() -> int:
    """Now, in seconds since the epoch."""
    return int(time.time())


def new_id() -> str:
    """A fresh id: 32 hexadecimal digits."""
    return uuid.uuid4().hex
