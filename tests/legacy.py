# SPDX-License-Identifier: Apache-2.0
"""Databases as freezer-api 7.1.0 to 19.0.0 left them, without the service; in SQLite, which it could use, too."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_COMMON = ('user_id', 'project_id', 'created_at', 'updated_at', 'deleted_at', 'deleted')
_CAPABILITIES = ('supported_actions', 'supported_modes', 'supported_storages', 'supported_engines')

# Revisions after which tables had other columns.
REVISIONS = ('2', '3', '23c8ad2655a6', '7a3b9c1d2e4f')

CREATED = '2026-01-02 03:04:05.000000'


def _columns(revision: str) -> dict[str, tuple[str, ...]]:
    age = REVISIONS.index(revision)
    path = 'path_to_backup' if age else 'src_file'
    tables: dict[str, tuple[str, ...]] = {
        'clients': (
            *('id', 'client_id', 'hostname', 'description', 'uuid'),
            *(_CAPABILITIES if age > 1 else ()),
            *(('is_central',) if age > 2 else ()),
        ),
        'sessions': (
            *(
                'id',
                'session_tag',
                'description',
                'hold_off',
                'schedule',
                'job',
                'status',
                'result',
            ),
            *('time_start', 'time_end', 'time_started', 'time_ended'),
        ),
        'actions': (
            *(
                'id',
                'action',
                'actionmode',
                path,
                'backup_name',
                'container',
                'timeout',
                'priority',
            ),
            *('max_retries', 'max_retries_interval', 'mandatory', 'log_file', 'backup_metadata'),
        ),
        'jobs': (
            *('id', 'schedule', 'client_id', 'session_id', 'session_tag', 'description'),
            *(('job_actions',) if age < 3 else ()),
        ),
        'backups': ('id', 'job_id', 'backup_metadata', 'status' if age > 2 else 'user_name'),
        'action_reports': ('id', 'result', 'time_elapsed', 'report_date', 'log'),
    }
    if age > 2:
        tables['job_actions'] = ('id', 'job_id', 'action_id', 'position')
        tables['user_credentials'] = ('id', 'trust_id', 'trustor_user_id', 'job_id')
    return tables


class LegacyDatabase:
    """A database at one revision, whose rows are alice's in project p1 unless they say otherwise.

    :ivar path: of the file
    """

    def __init__(
        self, folder: Path, revision: str = REVISIONS[-1], name: str = 'old.sqlite'
    ) -> None:
        self.path = folder / name
        self.url = f'sqlite:///{self.path}'
        self._columns = _columns(revision)
        self._links = 0
        statements = [
            f'CREATE TABLE {table} (id TEXT PRIMARY KEY, {", ".join((*columns[1:], *_COMMON))})'
            for table, columns in self._columns.items()
        ]
        table = 'migrate_version' if revision.isdigit() else 'alembic_version'
        column = 'version' if revision.isdigit() else 'version_num'
        self.execute(*statements, f'CREATE TABLE {table} ({column})')
        self.execute(f'INSERT INTO {table} VALUES (?)', values=(revision,))

    @property
    def has_links(self) -> bool:
        """Whether the actions of jobs are rows."""
        return 'job_actions' in self._columns

    def execute(self, *statements: str, values: tuple[Any, ...] = ()) -> None:
        """Change the database."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute('PRAGMA synchronous = OFF')
            for statement in statements:
                connection.execute(statement, values)

    def add(self, table: str, row_id: str, **values: Any) -> None:
        """Insert a row; objects and lists become JSON, in bytes as the service wrote it."""
        row: Row = {
            'user_id': 'alice',
            'project_id': 'p1',
            'created_at': CREATED,
            'deleted': 0,
            **values,
            'id': row_id,
        }
        for name, value in row.items():
            if isinstance(value, dict | list):
                row[name] = json.dumps(value).encode()
        unknown = row.keys() - {*self._columns[table], *_COMMON}
        if unknown:
            raise AssertionError(f'{table} has no {", ".join(unknown)} at this revision')
        marks = ', '.join('?' * len(row))
        self.execute(
            f'INSERT INTO {table} ({", ".join(row)}) VALUES ({marks})', values=(*row.values(),)
        )

    def add_client(self, client_id: str = 'p1_web01', row_id: str = 'u1', **values: Any) -> None:
        self.add(
            'clients',
            row_id,
            **{'client_id': client_id, 'hostname': 'web01', 'uuid': row_id, **values},
        )

    def add_action(self, action_id: str = 'a1', **values: Any) -> None:
        definition = {'action': 'backup', 'mode': 'fs', 'container': 'c'}
        columns = {'action': 'backup', 'actionmode': 'fs', 'container': 'c', 'mandatory': 0}
        options = {'max_retries': 5, 'max_retries_interval': 6, 'backup_metadata': definition}
        self.add('actions', action_id, **{**columns, **options, **values})

    def add_job(self, job_id: str = 'j1', **values: Any) -> None:
        columns = {'client_id': 'p1_web01', 'session_id': '', 'session_tag': 0, 'description': ''}
        self.add('jobs', job_id, **{**columns, 'schedule': {}, **values})

    def link(self, job_id: str, action_id: str, position: int = 0, **values: Any) -> None:
        """Make an action one of a job, at the newest revision."""
        self._links += 1
        columns = {'job_id': job_id, 'action_id': action_id, 'position': position, **values}
        # These have no owner.
        owner = {'user_id': None, 'project_id': None}
        self.add('job_actions', f'l{self._links}', **owner, **columns)

    def add_session(self, session_id: str = 's1', **values: Any) -> None:
        times = dict.fromkeys(('time_start', 'time_end', 'time_started', 'time_ended'), -1)
        columns = {'session_tag': 0, 'hold_off': 30, 'status': 'active', 'schedule': {}}
        self.add('sessions', session_id, **{**columns, **times, **values})

    def add_backup(self, backup_id: str = 'b1', **values: Any) -> None:
        metadata = {
            'container': 'c',
            'hostname': 'web01',
            'backup_name': 'n',
            'time_stamp': 1767323045,
        }
        self.add('backups', backup_id, **{'backup_metadata': metadata, **values})

    def digest(self) -> bytes:
        """The file, to compare with later."""
        return self.path.read_bytes()
