# SPDX-License-Identifier: Apache-2.0
"""What is asked of the data set: every list, search and poll that the published clients send, and each indexed key."""

from typing import Any

from dataset import BIG_CLIENT, CENTRAL, LARGE, SERVICES, SMALL, Dataset
from harness import Request

_SERVICE = 'service'


def _poll(client_id: str) -> dict[str, Any]:
    return {'match': [{'client_id': client_id}], 'match_not': [{'status': 'completed'}]}


def _match(**values: Any) -> dict[str, Any]:
    return {'match': [{key: value} for key, value in values.items()]}


def make(data: Dataset) -> list[Request]:
    """The requests for a data set."""
    return [*_jobs(data), *_backups(data), *_others(data)]


def make_writes(data: Dataset) -> dict[str, tuple[Request, ...]]:
    """Writes of a job, to send in turn: each changes what the one before left."""
    own = {'client_id': data.names.small_client, 'job_schedule': {'schedule_interval': '1 days'}}
    entries = [{'action_id': data.names.action_id}, {'action_id': data.names.action_id}]

    def writes(name: str, method: str, row: str | None, *bodies: dict[str, Any]) -> tuple[Request, ...]:
        return tuple(
            Request(f'jobs: {name}', 'jobs', LARGE, body, row=row, method=method) for body in bodies
        )

    found = (
        # First, as it makes the job that the others change.
        writes(
            'replacement', 'POST', 'written',
            *({**own, 'description': text, 'job_actions': entries} for text in ('one', 'two')),
        ),
        writes(
            'report', 'PATCH', 'written',
            *(
                {
                    'job_schedule': {'event': '', 'status': status, 'result': ''},
                    'session_id': '',
                    'session_tag': 0,
                }
                for status in ('scheduled', 'running')
            ),
        ),
        writes(
            'change of the actions', 'PATCH', 'written',
            *({'job_actions': entries[:count]} for count in (1, 2)),
        ),
        writes('new', 'POST', None, {**own, 'job_actions': entries}),
    )
    return {requests[0].name: requests for requests in found}


def _jobs(data: Dataset) -> list[Request]:
    names = data.names
    deep = data.size // 2
    page = {'limit': 10, 'offset': 0, 'all_projects': 'False'}
    everywhere = {**page, 'all_projects': 'True'}

    def jobs(name: str, search: Any = None, query: Any = None, **options: Any) -> Request:
        return Request(f'jobs: {name}', 'jobs', LARGE, search, query or {}, **options)

    return [
        jobs('list'),
        jobs('list 100', query={'limit': 100}),
        jobs('list 1000', query={'limit': 1000}),
        jobs('deep page', query={'offset': deep}),
        Request('jobs: list of a small project', 'jobs', SMALL[0]),
        jobs('list, all projects', query=everywhere, roles=_SERVICE),
        jobs('deep page, all projects', query={**everywhere, 'offset': deep}, roles=_SERVICE),
        jobs('poll of a client of 10', _poll(names.small_client), page),
        jobs('poll of the large client', _poll(BIG_CLIENT), page),
        jobs('poll, second page', _poll(BIG_CLIENT), {**page, 'offset': 10}),
        jobs('poll, offset in the middle', _poll(BIG_CLIENT), {**page, 'offset': deep // 5}),
        jobs('poll, page behind it', _poll(BIG_CLIENT), {**page, 'offset': deep // 5 + 10}),
        jobs('poll of no client', _poll('nobody'), page),
        Request(
            'jobs: poll of a central client', 'jobs', SERVICES, _poll(CENTRAL), everywhere,
            roles=_SERVICE,
        ),
        jobs('poll of the large client, all projects', _poll(BIG_CLIENT), everywhere, roles=_SERVICE),
        jobs(
            'poll, second page, all projects',
            _poll(BIG_CLIENT),
            {**everywhere, 'offset': 10},
            roles=_SERVICE,
        ),
        jobs('poll of no client, all projects', _poll('nobody'), everywhere, roles=_SERVICE),
        jobs('by client', _match(client_id=BIG_CLIENT)),
        jobs('by client of 10', _match(client_id=names.small_client)),
        jobs('by job', _match(job_id=names.job_id)),
        jobs('by project', _match(project_id=LARGE)),
        jobs('by status running', _match(status='running')),
        jobs('by status completed', _match(status='completed')),
        jobs('by job_schedule.status', _match(**{'job_schedule.status': 'scheduled'})),
        jobs(
            'by status, all projects',
            _match(status='running'),
            everywhere,
            roles=_SERVICE,
            text=True,
        ),
        jobs('by client, all projects', _match(client_id=BIG_CLIENT), everywhere, roles=_SERVICE),
        jobs('by job, all projects', _match(job_id=names.job_id), everywhere, roles=_SERVICE, text=True),
        jobs('by client and status', _match(client_id=BIG_CLIENT, status='running')),
        jobs('not completed', {'match_not': [{'status': 'completed'}]}),
        jobs('by session', _match(session_id=names.session_id)),
        jobs('by no session', _match(session_id='')),
        jobs('by action', _match(action_id=names.action_id), few=True),
        jobs('by event', _match(event='stop'), text=True),
        jobs('by result', _match(result='success'), text=True),
        jobs('by result none has', _match(result='aborted'), text=True),
        jobs('by time_created', _match(time_created=1_800_000_000), text=True),
        jobs('by session_tag', _match(session_tag=3), text=True),
        jobs('by user', _match(user_id='alice'), text=True),
        jobs('by user none is', _match(user_id='bob'), text=True),
        jobs('by description', _match(description='nightly run 7'), text=True),
        jobs('by schedule_interval', _match(schedule_interval='3 days'), text=True),
        jobs('by a key of the actions', _match(backup_name='backup7'), text=True),
        jobs('by a key none has', _match(colour='green'), text=True),
        jobs('_all, many hits', _match(_all='nightly'), text=True),
        jobs('_all, in actions', _match(_all='/srv/data/77'), text=True),
        jobs('_all, no hit', _match(_all='no such text'), text=True),
        jobs('_all, exact id', _match(_all=names.job_id), text=True),
        jobs('_all and client', _match(_all='nightly', client_id=BIG_CLIENT), text=True),
        jobs('_all and client of 10', _match(_all='backup7', client_id=names.small_client), text=True),
        jobs('_all, all projects', _match(_all='no such text'), everywhere, roles=_SERVICE, text=True),
        jobs('one', row=names.job_id),
        jobs('one, by a service', row=names.job_id, roles=_SERVICE),
    ]


def _backups(data: Dataset) -> list[Request]:
    names = data.names
    one = names.backup
    begin = one['time_stamp']

    def backups(name: str, search: Any = None, query: Any = None, **options: Any) -> Request:
        return Request(f'backups: {name}', 'backups', LARGE, search, query or {}, **options)

    return [
        backups('list'),
        backups('list 500', query={'limit': 500}),
        backups('deep page', query={'offset': data.size // 2}),
        backups('by id', _match(backup_id=names.backup_id), {'limit': 1}),
        backups('by hostname', _match(hostname=one['hostname'])),
        backups('by the largest hostname', _match(hostname='big')),
        backups('by container', _match(container=one['container'])),
        backups('by backup_name', _match(backup_name=one['backup_name'])),
        backups(
            'by host, container and name',
            _match(
                hostname=one['hostname'],
                container=one['container'],
                backup_name=one['backup_name'],
            ),
        ),
        backups('by job', _match(job_id=one['job_id'])),
        backups('by client', _match(client_id=one['client_id'])),
        backups('by status', _match(status='error')),
        backups('by common status', _match(status='available')),
        backups('by time_stamp', _match(time_stamp=begin)),
        backups('in an hour', {'time_after': begin, 'time_before': begin + 3600}),
        backups('after', {'time_after': begin}),
        backups('before', {'time_before': begin + 3600}),
        backups('by host after', {**_match(hostname='big'), 'time_after': begin + 600_000}),
        backups('by level', _match(level=3), text=True),
        backups('by user_name', _match(user_name='alice'), text=True),
        backups('by another key', _match(fs_real_path='/srv/data/77'), text=True),
        backups('by a key none has', _match(colour='green'), text=True),
        backups('_all, many hits', _match(_all='vault'), text=True),
        backups('_all, no hit', _match(_all='no such text'), text=True),
        backups('_all, exact host', _match(_all=one['hostname']), text=True),
        backups('_all, exact id', _match(_all=names.backup_id), text=True),
        backups('one', row=names.backup_id),
    ]


def _others(data: Dataset) -> list[Request]:
    names = data.names

    def clients(name: str, search: Any = None, query: Any = None, **options: Any) -> Request:
        return Request(f'clients: {name}', 'clients', LARGE, search, query or {}, **options)

    def actions(name: str, search: Any = None, query: Any = None, **options: Any) -> Request:
        return Request(f'actions: {name}', 'actions', LARGE, search, query or {}, **options)

    def sessions(name: str, search: Any = None, query: Any = None, **options: Any) -> Request:
        return Request(f'sessions: {name}', 'sessions', LARGE, search, query or {}, **options)

    return [
        clients('list'),
        clients('list 500', query={'limit': 500}),
        clients('deep page', query={'offset': data.size // 20}),
        clients('by id', _match(client_id=names.small_client)),
        clients('by central id', _match(client_id=CENTRAL)),
        clients('by hostname', _match(hostname='big')),
        clients('by uuid', _match(uuid=names.client_uuid)),
        clients('central', _match(is_central=True)),
        clients('not central', _match(is_central=False)),
        clients('by config', _match(config_id='config7'), text=True),
        clients('by description', _match(description='web server of row 7'), text=True),
        clients('by another key', _match(colour='green'), text=True),
        clients('_all, uuid', _match(_all=names.client_uuid), text=True),
        clients('_all, id', _match(_all=names.small_client), text=True),
        clients('_all, many hits', _match(_all='web server'), text=True),
        clients('_all, no hit', _match(_all='no such text'), text=True),
        clients('one', row=names.small_client),
        clients('one, central', row=CENTRAL),
        actions('list'),
        actions('list 500', query={'limit': 500}),
        actions('deep page', query={'offset': data.size // 10}),
        actions('by id', _match(action_id=names.action_id)),
        actions('by backup_name', _match(backup_name='backup7')),
        actions('by container', _match(container='vault7')),
        actions('by action', _match(action='restore'), text=True),
        actions('by mode', _match(mode='cinder'), text=True),
        actions('by path_to_backup', _match(path_to_backup='/srv/data/77'), text=True),
        actions('by mandatory', _match(mandatory=True), text=True),
        actions('by another key', _match(log_file='/var/log/freezer/77.log'), text=True),
        actions('_all, no hit', _match(_all='no such text'), text=True),
        actions('_all, exact id', _match(_all=names.action_id), text=True),
        actions('one', row=names.action_id),
        sessions('list'),
        sessions('list 100', query={'limit': 100}),
        sessions('deep page', query={'offset': data.size // 200}),
        sessions('by id', _match(session_id=names.session_id)),
        sessions('by status', _match(status='running')),
        sessions('by common status', _match(status='completed')),
        sessions('by result', _match(result='success'), text=True),
        sessions('by another key', _match(schedule_interval='1 days'), text=True),
        sessions('_all, no hit', _match(_all='no such text'), text=True),
        sessions('one', row=names.session_id),
    ]
