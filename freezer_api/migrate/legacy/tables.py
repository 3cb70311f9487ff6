# SPDX-License-Identifier: Apache-2.0
"""The tables of the old service, in all of their revisions, read page by page in one snapshot."""

import contextlib
import dataclasses
import datetime
import decimal
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from freezer_api.migrate.errors import SourceError, UsageError, plain
from freezer_api.migrate.records import KINDS

# Rows in one page; each has at most two texts of 64 KiB.
_PAGE = 200

# The first revision had all of these; what came or went later is in Tables.columns.
_NEEDED = {
    'clients': ('id', 'client_id', 'hostname', 'description', 'uuid'),
    'sessions': (
        *('id', 'session_tag', 'description', 'hold_off', 'schedule', 'job', 'status', 'result'),
        *('time_start', 'time_end', 'time_started', 'time_ended'),
    ),
    'actions': (
        *('id', 'action', 'backup_name', 'container', 'timeout', 'priority', 'log_file'),
        *('max_retries', 'max_retries_interval', 'mandatory', 'backup_metadata'),
    ),
    'jobs': ('id', 'schedule', 'client_id', 'session_id', 'session_tag', 'description'),
    'backups': ('id', 'job_id', 'backup_metadata'),
}
_TIMES = ('created_at', 'updated_at')
_EVERYWHERE = ('project_id', 'user_id', *_TIMES, 'deleted')
# Of this service, whatever else is in the database.
_OURS = 'action_attachments'
# Since a1b2c3d4e5f6 the actions of jobs are rows, before they are in a column of the job.
_LINKS = 'job_actions'
_CREDENTIALS = 'user_credentials'
_VERSIONS = {'alembic_version': 'version_num', 'migrate_version': 'version'}

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """One action of a job, where these are rows.

    :ivar action: none if it was deleted, or belongs to another project
    """

    action_id: str
    action: Row | None


class Tables:
    """The tables in one transaction that can only read.

    :ivar columns: names, by table
    """

    def __init__(self, connection: sa.Connection) -> None:
        """Look at what there is.

        :raises SourceError: these are not the tables of the old service
        """
        self._connection = connection
        inspector = sa.inspect(connection)
        there = set(inspector.get_table_names())
        if _OURS in there:
            raise SourceError('The source has the tables of this service, not of the one before.')
        missing = [name for name in KINDS if name not in there]
        if missing:
            raise SourceError(f'The source has no tables of the old service: {", ".join(missing)}.')
        names = (*KINDS, *(name for name in (_LINKS, _CREDENTIALS, *_VERSIONS) if name in there))
        self.columns = {
            name: [column['name'] for column in inspector.get_columns(name)] for name in names
        }
        for name, needed in _NEEDED.items():
            lacking = {*needed, *_EVERYWHERE} - set(self.columns[name])
            if lacking:
                raise SourceError(f'The table {name} of the source lacks {", ".join(sorted(lacking))}.')
        if self.has_links == (_LINKS in self.columns['jobs']):
            raise SourceError('The source is in the middle of an upgrade of its tables; finish that.')

    @property
    def has_links(self) -> bool:
        """Whether the actions of jobs are rows."""
        return _LINKS in self.columns

    def revision(self) -> str | None:
        """What the old service's own migrations say that the tables are at."""
        for name, column in _VERSIONS.items():
            if name in self.columns:
                table = sa.table(name, sa.column(column))
                found = self._connection.execute(sa.select(table.c[column])).scalars().first()
                if found is not None:
                    return str(found)
        return None

    def state(self, name: str) -> dict[str, Any]:
        """Numbers of rows, and when one was last written."""
        table = self._table(name)
        deleted = sa.case((self._is_there(table), 0), else_=1)
        row = self._connection.execute(
            sa.select(
                sa.func.count(),
                sa.func.coalesce(sa.func.sum(deleted), 0),
                sa.func.max(table.c.created_at),
                sa.func.max(table.c.updated_at),
            ).select_from(table)
        ).one()
        return {
            'rows': row[0],
            'deleted': int(row[1]),
            'last_written': max((str(time) for time in row[2:] if time is not None), default=None),
        }

    def bytes(self) -> int:
        """About how many bytes the tables take."""
        if self._connection.dialect.name == 'sqlite':
            pages = self._connection.exec_driver_sql('PRAGMA page_count').scalar_one()
            return int(pages * self._connection.exec_driver_sql('PRAGMA page_size').scalar_one())
        return int(
            self._connection.execute(
                sa.text(
                    'SELECT coalesce(sum(data_length), 0) FROM information_schema.tables'
                    ' WHERE table_schema = database()'
                )
            ).scalar_one()
        )

    def pages(self, name: str) -> Iterator[list[Row]]:
        """Rows that were not deleted, by the order of their keys."""
        table = self._table(name)
        statement = sa.select(table).where(self._is_there(table)).order_by(table.c.id).limit(_PAGE)
        last: str | None = None
        while True:
            after = statement if last is None else statement.where(table.c.id > last)
            rows = list(self._connection.execute(after).mappings())
            if rows:
                yield [_plain(row) for row in rows]
            if len(rows) < _PAGE:
                return
            last = rows[-1]['id']

    def links(self, jobs: Iterable[Row]) -> dict[str, list[Link]]:
        """The actions of jobs, in their order, by the id of the job."""
        projects = {row['id']: row['project_id'] for row in jobs}
        table, found = self._table(_LINKS), defaultdict(list)
        rows = list(
            self._connection.execute(
                sa.select(table.c.job_id, table.c.action_id)
                .where(table.c.job_id.in_(projects), self._is_there(table))
                .order_by(table.c.job_id, table.c.position, table.c.id)
            )
        )
        actions = self._by_id('actions', {row.action_id for row in rows})
        for row in rows:
            job_id, action_id = _value(row.job_id), _value(row.action_id)
            action = actions.get(action_id)
            if action is not None and action['project_id'] != projects.get(job_id):
                action = None
            found[job_id].append(Link(action_id, action))
        return found

    def with_credentials(self, jobs: Iterable[Row]) -> set[str]:
        """Those jobs, by id, that act with a trust; what that is, is not read."""
        if _CREDENTIALS not in self.columns:
            return set()
        table = self._table(_CREDENTIALS)
        statement = sa.select(table.c.job_id).where(
            table.c.job_id.in_([row['id'] for row in jobs]), self._is_there(table)
        )
        return set(self._connection.execute(statement).scalars())

    def _by_id(self, name: str, ids: Iterable[str]) -> dict[str, Row]:
        table = self._table(name)
        statement = sa.select(table).where(table.c.id.in_(list(ids)), self._is_there(table))
        rows = map(_plain, self._connection.execute(statement).mappings())
        return {row['id']: row for row in rows}

    def _table(self, name: str) -> Any:
        # Without types: values come as the driver has them, whatever a revision declared.
        return sa.table(name, *(sa.column(column) for column in self.columns[name]))

    @staticmethod
    def _is_there(table: Any) -> Any:
        # The old service did not show rows where this is NULL either.
        return table.c.deleted == sa.literal_column('0')


def _plain(row: Mapping[Any, Any]) -> Row:
    """A row whose values JSON has, whatever types somebody gave the columns."""
    return {name: _value(value, name in _TIMES) for name, value in row.items()}


def _value(value: Any, is_time: bool = False) -> Any:
    match value:
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode('utf-8', 'surrogateescape')
        case decimal.Decimal() if value.is_finite() and value == value.to_integral_value():
            return int(value)
        case decimal.Decimal() if value.is_finite():
            return float(value)
        case float() if not math.isfinite(value):
            return str(value)
        case None | str() | int() | float():
            return value
        case datetime.datetime() if is_time:
            return value
    return str(value)


@contextlib.contextmanager
def opened(url: sa.URL) -> Iterator[Tables]:
    """The tables of a database, in one snapshot that nothing can be written in.

    :raises SourceError: they cannot be read
    """
    is_file = url.drivername.startswith('sqlite')
    if is_file:
        place = Path(str(url.database)).absolute().as_uri()
        url = url.set(database=place, query={'mode': 'ro', 'uri': 'true'})
    try:
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    except (TypeError, ValueError):
        raise SourceError(_BAD_OPTION) from None
    except exc.ArgumentError:
        # Its text may show the URL and so a password.
        raise UsageError('The URL of the source names a driver that is not there.') from None
    try:
        with _connected(engine) as connection:
            _begin(connection, is_file)
            yield Tables(connection)
    except exc.DBAPIError as error:
        raise SourceError(f'The source cannot be read: {plain(error)}') from None


_BAD_OPTION = 'The URL of the source has an option that its driver does not know, or with no value of its kind.'


def _connected(engine: sa.Engine) -> sa.Connection:
    try:
        return engine.connect()
    except (TypeError, ValueError):
        # Options of a URL are arguments of the driver; the old service may have had another one.
        raise SourceError(_BAD_OPTION) from None


def _begin(connection: sa.Connection, is_file: bool) -> None:
    if is_file:
        connection.exec_driver_sql('PRAGMA query_only = ON')
        connection.exec_driver_sql('BEGIN')
        return
    connection.exec_driver_sql('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ')
    connection.exec_driver_sql('SET SESSION TRANSACTION READ ONLY')
    connection.commit()
    connection.exec_driver_sql('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY')
