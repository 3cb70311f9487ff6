# SPDX-License-Identifier: Apache-2.0
"""A good request for every route of the API, and a test case that sends such requests and judges the answers."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any
from urllib import parse as urlparse

import webtest

from freezer_api.api.controllers import root
from freezer_api.api.expose import Route
from freezer_api.db.models import Base
from tests import base, databases

_DEFINITION = {
    'action': 'backup',
    'mode': 'fs',
    'path_to_backup': '/srv',
    'backup_name': 'www',
    'container': 'vault',
    'restore_abs_path': '/tmp',
    'cindernative_freezer_only': False,
    'storage': 'local',
    'engine': 'tar',
    'free': 'text',
}
_OPTIONS = {'max_retries': 2, 'max_retries_interval': 30, 'mandatory': True}
_ACTION = {**_OPTIONS, 'freezer_action': _DEFINITION, 'action_id': '', 'free': 'text'}
_SCHEDULE = {
    'time_created': 1,
    'time_started': -1,
    'time_ended': -1,
    'event': '',
    'status': '',
    'result': '',
    'current_pid': 1,
    'schedule_date': '2030-01-01T02:00:00',
    'schedule_start_date': '2030-01-01T02:00:00',
    'schedule_end_date': '2031-01-01T02:00:00',
    'schedule_interval': '1 days',
    'schedule_year': '2030',
    'schedule_month': '1',
    'schedule_day': '1',
    'schedule_week': '1',
    'schedule_day_of_week': '1',
    'schedule_hour': '1',
    'schedule_minute': '1',
    'schedule_second': '1',
}
_JOB = {
    'job_id': '',
    'client_id': 'web01',
    'user_id': 'somebody',
    'project_id': 'p9',
    'description': 'nightly',
    'job_actions': [_ACTION],
    'job_schedule': _SCHEDULE,
    'session_id': '',
    'session_tag': 0,
    'session_name': 'all',
    '_version': 1,
    'action_defaults': {'container': 'vault'},
    'user_credentials': {'trust_id': 'x', 'trustor_user_id': 'y'},
}
PART = {'client_id': 'web01', 'status': '', 'result': '', 'time_started': '', 'time_ended': 1}
_SESSION = {
    'session_id': 'given',
    'user_id': 'somebody',
    'project_id': 'p9',
    'description': 'all',
    'schedule': _SCHEDULE,
    'session_tag': 0,
    'hold_off': 30,
    'status': 'active',
    'result': '',
    'time_start': -1,
    'time_end': -1,
    'time_started': -1,
    'time_ended': -1,
    'free': 'text',
}
_SESSION_WITH_JOBS = {**_SESSION, 'jobs': {'j1': PART}}
_CLIENT = {
    'client_id': 'web09',
    'hostname': 'web09',
    'description': 'a host',
    'uuid': 'abc',
    'supported_actions': ['backup'],
    'supported_modes': ['fs'],
    'supported_storages': ['local'],
    'supported_engines': ['tar'],
    'is_central': False,
    'config_id': 'text',
    'free': 'text',
}
_BACKUP = {
    'status': 'available',
    'backup_name': 'www',
    'container': 'vault',
    'hostname': 'web01',
    'job_id': 'j1',
    'client_id': 'web01',
    'time_stamp': 1893456000,
    'level': 0,
    'curr_backup_level': 0,
    'free': 'text',
}
_SEARCH = {
    'match': [{'free': 'text', 'description': 'text', '_all': 'text'}],
    'match_not': [{'status': 'completed', 'project_id': 'p1', 'deep.key': 1}],
    'time_after': 1,
    'time_before': 2,
}


@dataclasses.dataclass(frozen=True)
class Sample:
    """A request that its route accepts.

    :ivar body: None: the route reads no body
    :ivar empty: the status when there is no body
    """

    status: int
    body: Any = None
    empty: int = 400

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return b'' if self.body is None else json.dumps(self.body).encode()


_LIST = Sample(200, _SEARCH, empty=200)

# By method and path below the project, or the version where that is v1.
ROUTES: dict[str, list[Sample]] = {
    'GET /actions': [_LIST],
    'POST /actions': [Sample(201, _ACTION)],
    'GET /actions/{action_id}': [Sample(200)],
    'PATCH /actions/{action_id}': [Sample(200, {**_ACTION, 'action_id': 'a1'}, empty=200)],
    'POST /actions/{action_id}': [Sample(201, _ACTION)],
    'DELETE /actions/{action_id}': [Sample(204)],
    'GET /backups': [_LIST],
    'POST /backups': [Sample(201, _BACKUP)],
    'GET /backups/{backup_id}': [Sample(200)],
    'PATCH /backups/{backup_id}': [
        Sample(200, {'status': 'error', 'backup_metadata': {'free': 'other'}}),
        # As the scheduler sends it.
        Sample(200, {**_BACKUP, 'status': 'error'}),
    ],
    'DELETE /backups/{backup_id}': [Sample(204)],
    'GET /clients': [_LIST],
    'POST /clients': [Sample(201, _CLIENT)],
    'GET /clients/{client_id}': [Sample(200)],
    'DELETE /clients/{client_id}': [Sample(204)],
    'GET /jobs': [_LIST],
    'POST /jobs': [Sample(201, _JOB)],
    'GET /jobs/{job_id}': [Sample(200)],
    'PATCH /jobs/{job_id}': [Sample(200, _JOB, empty=200)],
    'POST /jobs/{job_id}': [Sample(201, _JOB)],
    'DELETE /jobs/{job_id}': [Sample(204)],
    'POST /jobs/{job_id}/event': [Sample(202, {'start': None, 'free': 'text'})],
    'GET /sessions': [_LIST],
    'POST /sessions': [Sample(201, _SESSION)],
    'GET /sessions/{session_id}': [Sample(200)],
    'PATCH /sessions/{session_id}': [Sample(200, _SESSION_WITH_JOBS, empty=200)],
    'POST /sessions/{session_id}': [Sample(201, _SESSION_WITH_JOBS)],
    'DELETE /sessions/{session_id}': [Sample(204)],
    'POST /sessions/{session_id}/action': [
        Sample(202, {'start': {'job_id': 'j1', 'current_tag': 3}}),
        Sample(202, {'end': {'job_id': 'j1', 'current_tag': 3, 'result': 'success'}}),
    ],
    'PUT /sessions/{session_id}/jobs/{job_id}': [Sample(204)],
    'DELETE /sessions/{session_id}/jobs/{job_id}': [Sample(204)],
}


def served(version: str = 'v2') -> Iterator[tuple[str, Route]]:
    """Every route of the controllers in a version, by its name in :data:`ROUTES`."""
    for collection, controller in root.COLLECTIONS.items():
        for route, _ in controller.routes:
            if route.v1 or version != 'v1':
                yield f'{route.method} /' + '/'.join((collection, *route.segments)), route


def places(route: str) -> list[str]:
    """The places of a route's path, such as ``{job_id}``."""
    return [segment for segment in route.split('/') if segment.startswith('{')]


def is_list(route: str) -> bool:
    return route.startswith('GET') and not places(route)


class RouteTestCase(base.ApiTestCase):
    """Two projects with one of each. The tests send many requests, and collect what is wrong with the answers.

    :cvar foreign_user: who made what there is in the second project; alice made the first one's
    :ivar routes: samples of the routes of the test's version
    """

    foreign_user = 'bob'

    versions = ('v1', 'v2')
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        self.wrong: list[str] = []
        names = {name for name, _ in served(self.api_version)}
        self.routes = {name: ROUTES[name] for name in ROUTES if name in names}
        self.ids = {
            '{action_id}': 'a1',
            '{client_id}': 'web01',
            '{job_id}': 'j1',
            '{session_id}': 's1',
            '{backup_id}': self._populate(self.api, '1', tag=3),
        }
        other = self.as_(self.foreign_user, 'p2')
        self.foreign = {
            '{action_id}': 'a2',
            '{client_id}': 'web02',
            '{job_id}': 'j2',
            '{session_id}': 's2',
            '{backup_id}': self._populate(other, '2', tag=0),
        }
        self.stored = self.rows()

    def _populate(self, api: base.Client, number: str, tag: int) -> str:
        """One of each for the project; return the id of the backup."""
        job_id, session_id = f'j{number}', f's{number}'
        api.post(api.v2('clients'), json={'client_id': f'web0{number}'})
        definition = {'action': 'backup', 'backup_name': 'www', 'level': 1}
        api.post(api.v2('actions'), json={'action_id': f'a{number}', 'freezer_action': definition})
        entries = [{'action_id': f'a{number}'}, {'freezer_action': {'action': 'info'}}]
        job = {'job_id': job_id, 'client_id': f'web0{number}', 'job_actions': entries}
        api.post(api.v2('jobs'), json=job)
        api.post(api.v2('sessions', session_id), json={'schedule': {}, 'session_tag': tag})
        api.put(api.v2('sessions', session_id, 'jobs', job_id))
        backup = {'backup_name': 'www', 'container': 'vault', 'hostname': f'web0{number}'}
        answer = api.post(api.v2('backups'), json=backup)
        return str(answer.json['backup_id'])

    # --- requests and checks ------------------------------------------------------------------------------------

    def path(self, route: str, project: str = 'p1', **ids: str) -> str:
        """The path of a route; ``ids`` are as they stand in a URL."""
        path = route.split(' ', 1)[1]
        for name, value in {**{n: urlparse.quote(v) for n, v in self.ids.items()}, **ids}.items():
            path = path.replace(name, value)
        return f'/v1{path}' if self.api_version == 'v1' else f'/v2/{project}{path}'

    def missing(self, route: str) -> int | None:
        """The status for an id that nothing has; None if the route makes what is missing."""
        method, path = route.split(' ')
        if method == 'POST' and path.endswith('_id}'):
            return None
        if method == 'DELETE' and path.count('/') == 2 and 'backups' not in path:
            return self.deleted_nothing
        return 404

    def send(
        self,
        route: str,
        body: bytes = b'',
        path: str | None = None,
        query: str = '',
        api: base.Client | None = None,
    ) -> webtest.TestResponse:
        """Send a request; WebTest would quote paths again, so this goes below it."""
        path = self.path(route) if path is None else path
        request = webtest.TestRequest.blank(
            '/', method=route.split()[0], environ={'REMOTE_ADDR': '127.0.0.1'}
        )
        request.environ['PATH_INFO'] = urlparse.unquote_to_bytes(path).decode('latin-1')
        request.environ['QUERY_STRING'] = query
        api = api or self.api
        request.headers['X-User-Id'] = api.user
        request.headers['X-Project-Id'] = api.project
        request.headers['X-Roles'] = api.roles
        if body:
            request.body = body
        return self.webtest.do_request(request, status='*', expect_errors=True)

    def check(self, case: str, answer: webtest.TestResponse, *expected: int) -> None:
        """Note what is wrong with an answer, which must have one of the statuses, if any are given."""
        status = answer.status_int
        if status >= 500 or (expected and status not in expected):
            self.wrong.append(f'{case}: {status} {answer.text[:200]}')
        if not answer.headers.get('x-openstack-request-id', '').startswith('req-'):
            self.wrong.append(f'{case}: no request id')
        if status >= 400:
            problem = self._problem_of_error(answer)
            if problem:
                self.wrong.append(f'{case}: {status} {problem}')
        if status == 204 and (answer.body or answer.headers.get('Content-Type')):
            self.wrong.append(f'{case}: 204 with a body')

    def _problem_of_error(self, answer: webtest.TestResponse) -> str | None:
        try:
            document = json.loads(answer.body)
        except ValueError:
            return f'the body is no JSON: {answer.body[:100]!r}'
        if set(document) != {'title', 'description', 'code'}:
            return f'its keys are {sorted(document)}'
        if document['code'] != answer.status_int:
            return f'its code is {document["code"]}'
        for key in ('title', 'description'):
            if not isinstance(document[key], str) or not document[key].strip():
                return f'no {key}'
            if any(word in document[key] for word in ('Traceback', 'SELECT', 'freezer_api.')):
                return f'its {key} tells too much'
        if answer.headers['Content-Type'] != 'application/json':
            return 'its type is ' + answer.headers['Content-Type']
        return None

    def check_untouched(self, case: str) -> None:
        rows = self.rows()
        if rows != self.stored:
            self.wrong.append(f'{case}: the database has changed')
            self.restore(rows)

    def restore(self, rows: databases.Snapshot | None = None) -> None:
        """Go back to the rows of :meth:`setUp`; ``rows`` are those there are, if they were read already."""
        rows = self.rows() if rows is None else rows
        tables = Base.metadata.sorted_tables
        changed = {table.name for table in tables if rows[table.name] != self.stored[table.name]}
        for table in tables:
            if any(key.column.table.name in changed for key in table.foreign_keys):
                changed.add(table.name)
        tables = [table for table in tables if table.name in changed]
        with self.database.engine.begin() as connection:
            for table in reversed(tables):
                if rows[table.name]:
                    connection.execute(table.delete())
            for table in tables:
                if self.stored[table.name]:
                    connection.execute(table.insert(), self.stored[table.name])

    def finish(self) -> None:
        if self.wrong:
            self.fail(f'{len(self.wrong)} problems\n' + '\n'.join(self.wrong[:60]))

    def samples(self) -> Iterator[tuple[str, Sample]]:
        for route, samples in self.routes.items():
            for sample in samples:
                yield route, sample

    def bodies(self) -> Iterator[tuple[str, Sample]]:
        """The samples of routes that read a body."""
        return ((route, sample) for route, sample in self.samples() if sample.body is not None)
