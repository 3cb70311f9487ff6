# SPDX-License-Identifier: Apache-2.0
"""A data set of any size, the same for the same size: what a deployment with one large project looks like.

For 100,000 jobs: 60,000 of them in the project ``large``, 50,000 on one of its clients and ten on each of the others;
the rest in forty small projects, a tenth of it on a central client. Besides 100,000 backups, 20,000 actions,
10,000 clients and 1,000 sessions of six jobs.
"""

import dataclasses
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from freezer_api.db import actions, backups, clients, jobs, models, search
from freezer_api.db.documents import dump
from freezer_api.domain import definitions
from freezer_api.schemas import clients as clients_schema

Row = dict[str, Any]

LARGE = 'large'
SMALL = tuple(f'small{number:02}' for number in range(40))
SERVICES = 'services'
CENTRAL = 'central_1'
BIG_CLIENT = f'{LARGE}_big'
USER = 'alice'

_START = 1_800_000_000
_BATCH = 1000
_PER_CLIENT = 10
_PER_SESSION = 6
# Of twenty jobs.
_STATUSES = ('completed',) * 14 + ('scheduled',) * 3 + ('running',) * 2 + ('',)


@dataclasses.dataclass
class Names:
    """Things in the data set that requests can ask for."""

    job_id: str = ''
    session_id: str = ''
    action_id: str = ''
    backup_id: str = ''
    client_uuid: str = ''
    small_client: str = ''
    backup: Row = dataclasses.field(default_factory=dict)


class Dataset:
    """The rows of all tables for a number of jobs."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.names = Names()
        self._random = random.Random(size)
        self._clients: dict[str, list[str]] = defaultdict(list)
        self._actions: dict[str, list[Row]] = defaultdict(list)
        self._sessions: dict[str, list[str]] = defaultdict(list)
        self._jobs: list[tuple[str, str, str]] = []

    def load(self, engine: sa.Engine) -> None:
        """Fill empty tables, and let the database count what it got."""
        with engine.connect() as connection:
            for model, rows in (
                (models.Client, self._client_rows()),
                (models.Action, self._action_rows()),
                (models.Session, self._session_rows()),
            ):
                _insert(connection, model, rows)
            self._load_jobs(connection)
            _insert(connection, models.Backup, self._backup_rows())
            for name in models.Base.metadata.tables:
                connection.exec_driver_sql(f'ANALYZE TABLE {name}').fetchall()

    def _id(self) -> str:
        return f'{self._random.getrandbits(128):032x}'

    def _project(self, number: int) -> str:
        if number % 10 < 6:
            return LARGE
        return SMALL[number % 10 - 6 + number // 10 % 10 * 4]

    # --- rows ---------------------------------------------------------------------------------------------------

    def _client_rows(self) -> Iterator[Row]:
        yield self._client(SERVICES, CENTRAL, 0, central=True)
        for number in range(1, 5):
            yield self._client(SERVICES, f'central_{number + 1}', number, central=True)
        yield self._client(LARGE, BIG_CLIENT, 5)
        for number in range(6, max(self.size // 10, 110)):
            project_id = self._project(number)
            client_id = f'{project_id}_host{number:05}.example'
            self._clients[project_id].append(client_id)
            yield self._client(project_id, client_id, number)
        self.names.small_client = self._clients[LARGE][0]

    def _client(self, project_id: str, client_id: str, number: int, central: bool = False) -> Row:
        capabilities = {name: dump(clients_schema.DEFAULTS[name]) for name in clients.CAPABILITIES}
        uuid = self._id()
        if number == 50:
            self.names.client_uuid = uuid
        hostname = client_id.removeprefix(f'{project_id}_')
        description = f'web server of row {number % 40}'
        return {
            **_owned(project_id, client_id, number),
            'uuid': uuid,
            'config_id': f'config{number % 100}',
            'hostname': hostname,
            'description': description,
            'is_central': central,
            'central_id': client_id if central else None,
            'document': dump({'config_id': f'config{number % 100}'}),
            'search_text': search.text_of(hostname, description, f'config{number % 100}'),
            'last_seen': _time(number),
            **capabilities,
        }

    def _action_rows(self) -> Iterator[Row]:
        for number in range(max(self.size // 5, 100)):
            project_id = self._project(number)
            action_id = self._id()
            document = {'freezer_action': self._definition(number), 'mandatory': number % 3 == 0}
            row = {
                **actions.new_row(project_id, USER, action_id, document),
                'created_at': _time(number),
                'updated_at': _time(number),
            }
            self._actions[project_id].append(row)
            self.names.action_id = self.names.action_id or action_id
            yield row

    def _definition(self, number: int) -> Row:
        return {
            'action': 'backup' if number % 5 else 'restore',
            'mode': ('fs', 'mysql', 'cinder')[number % 3],
            'storage': 'swift',
            'backup_name': f'backup{number % 500}',
            'container': f'vault{number % 50}',
            'path_to_backup': f'/srv/data/{number % 1000}',
            'engine_name': 'tar',
            'compression': 'gzip',
            'max_segment_size': 33554432,
            'max_level': 14,
            'log_file': f'/var/log/freezer/{number % 1000}.log',
            'exclude': '*.tmp,*.cache,lost+found',
            'hostname': False,
        }

    def _session_rows(self) -> Iterator[Row]:
        for number in range(max(self.size // 100, 10)):
            project_id = self._project(number)
            session_id = self._id()
            self._sessions[project_id].append(session_id)
            self.names.session_id = self.names.session_id or session_id
            status = ('active', 'running', 'completed', 'completed')[number % 4]
            description = f'night of floor {number % 9}'
            yield {
                **_owned(project_id, session_id, number),
                'description': description,
                'scheduling': dump({'schedule_interval': '1 days'}),
                'session_tag': number % 7,
                'hold_off': 30,
                'status': status,
                'result': 'success' if status == 'completed' else '',
                'time_start': -1,
                'time_end': -1,
                'time_started': -1,
                'time_ended': -1,
                'document': '{}',
                'search_text': search.text_of(description, '1 days'),
            }

    def _load_jobs(self, connection: sa.Connection) -> None:
        placed: dict[str, int] = defaultdict(int)
        for start in range(0, self.size, _BATCH):
            batch: dict[Any, list[Row]] = defaultdict(list)
            for number in range(start, min(start + _BATCH, self.size)):
                project_id = self._project(number)
                self._add_job(batch, number, project_id, placed[project_id])
                placed[project_id] += 1
            for model in (models.Job, models.JobAttachment, models.ActionAttachment):
                _insert(connection, model, batch[model])

    def _client_of(self, number: int, project_id: str, place: int) -> str:
        if project_id == LARGE:
            if place % 6:
                return BIG_CLIENT
            place //= 6
        elif place % 10 == 0:
            return CENTRAL
        own = self._clients[project_id]
        # Ten in a row, so that the oldest client has its ten at any size.
        return own[place // _PER_CLIENT % len(own)]

    def _add_job(
        self, batch: dict[Any, list[Row]], number: int, project_id: str, place: int
    ) -> None:
        job_id = self._id()
        client_id = self._client_of(number, project_id, place)
        self.names.job_id = self.names.job_id or job_id
        self._jobs.append((project_id, job_id, client_id))
        status = _STATUSES[self._random.randrange(len(_STATUSES))]
        schedule = {
            'schedule_interval': f'{number % 30 + 1} days',
            'schedule_start_date': '2030-01-01T02:00:00',
            'event': '',
            'status': status,
            'result': 'success' if status == 'completed' else '',
            'time_created': _START + number,
            'time_started': -1,
            'time_ended': -1,
        }
        job, state = jobs.to_values(
            {'description': f'nightly run {number % 5000}', 'job_schedule': schedule}
        )
        sessions = self._sessions[project_id]
        index = place // _PER_SESSION
        session_id = sessions[index] if index < len(sessions) else None
        batch[models.Job].append(
            {
                'project_id': project_id,
                'id': job_id,
                'user_id': USER,
                'created_at': _time(number),
                **job,
            }
        )
        batch[models.JobAttachment].append(
            {
                'project_id': project_id,
                'job_id': job_id,
                'client_id': client_id,
                'central_client_id': client_id if client_id == CENTRAL else None,
                'session_id': session_id,
                'session_tag': 0,
                'attached_at': _time(number) if session_id else None,
                'session_client_id': client_id if session_id else None,
                'created_at': _time(number),
                'updated_at': _time(number),
                'version': 1,
                **state,
            }
        )
        for priority in range(2 if number % 3 == 0 else 1):
            batch[models.ActionAttachment].append(
                self._entry(project_id, job_id, number, priority)
            )

    def _entry(self, project_id: str, job_id: str, number: int, priority: int) -> Row:
        own_actions = self._actions[project_id]
        action = own_actions[(number * 7 + priority) % len(own_actions)]
        # Every fourth has a definition of its own, as migrated ones do.
        own = self._definition(number + 1) if number % 4 == 0 else None
        return {
            'project_id': project_id,
            'id': self._id(),
            'job_id': job_id,
            'action_id': action['id'],
            'follows': None if own else action['id'],
            'priority': priority,
            'retries': 2 if own else None,
            'retry_interval': 30 if own else None,
            'mandatory': False if own else None,
            'freezer_action': dump(own) if own else None,
            'digest': definitions.digest(own) if own else None,
            'document': dump({'user_id': USER}),
            'search_text': search.text_of(own) if own else '',
        }

    def _backup_rows(self) -> Iterator[Row]:
        for number in range(self.size):
            project_id, job_id, client_id = self._jobs[number * 7 % len(self._jobs)]
            metadata = {
                'backup_name': f'backup{number % 500}',
                'container': f'vault{number % 50}',
                'hostname': client_id.removeprefix(f'{project_id}_'),
                'job_id': job_id,
                'client_id': client_id,
                'time_stamp': _START + number * 60,
                'level': number % 14,
                'curr_backup_level': number % 14,
                'max_level': 14,
                'mode': 'fs',
                'action': 'backup',
                'fs_real_path': f'/srv/data/{number % 1000}',
                'vol_snap_path': f'/srv/data/{number % 1000}',
                'remove_older_than': 60,
                'compression': 'gzip',
                'broken_links': False,
                'excluded_files': ['*.tmp', '*.cache', 'lost+found'],
                'end_time_stamp': _START + number * 60 + 40,
                'result': 'success',
            }
            row = {
                **_owned(project_id, self._id(), number),
                'user_name': USER,
                'status': 'error' if number % 50 == 0 else 'available',
                **backups.to_values(metadata),
            }
            if project_id == LARGE and client_id != BIG_CLIENT and not self.names.backup:
                self.names.backup = metadata
                self.names.backup_id = row['id']
            yield row


def _time(number: int) -> int:
    return (_START + number) * 1_000_000


def _owned(project_id: str, row_id: str, number: int) -> Row:
    return {
        'project_id': project_id,
        'id': row_id,
        'user_id': USER,
        'created_at': _time(number),
        'updated_at': _time(number),
        'version': 1,
    }


def _insert(connection: sa.Connection, model: Any, rows: Iterable[Row]) -> None:
    statement = sa.insert(model.__table__)
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            connection.execute(statement, batch)
            batch = []
    if batch:
        connection.execute(statement, batch)
    connection.commit()
