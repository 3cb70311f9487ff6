# SPDX-License-Identifier: Apache-2.0
"""What callers do not own, no route lets them set: by the body at any depth, the query, or a header.

Each request is sent twice, without and with such fields. What is stored in columns afterwards has to be the same; a
request that was refused must have stored nothing.
"""

import copy
import re
import time
from collections.abc import Iterator
from typing import Any

import webtest

from tests import databases, report, routes

Document = dict[str, Any]

# What the service alone writes, and what it must not become.
FIELDS: Document = {
    'project_id': 'p2',
    'tenant_id': 'p2',
    'user_id': 'mallory',
    'user_name': 'mallory',
    'owner_id': 'mallory',
    'id': 'planted',
    'version': 99,
    '_version': 99,
    'created_at': 99,
    'updated_at': 99,
    'deleted_at': 99,
    'last_seen': 99,
    'seen': 99,
    'attached_at': 99,
    'run_tag': 99,
    'deleted': True,
    'completed': True,
    'central_id': 'web02',
    'central_client_id': 'web02',
    'central_project_id': 'p2',
    'follows': 'a2',
    'trust_id': 'planted',
    'handle': 'planted',
    'user_credentials': {'trust_id': 'planted', 'trustor_user_id': 'mallory'},
    'search_text': 'planted',
    'document': {'user_id': 'mallory', 'project_id': 'p2'},
}

# Ids that a body must not replace: those of the path, and those that the service makes.
IDS = {
    'PATCH /actions/{action_id}': {'action_id': 'a2'},
    'POST /actions/{action_id}': {'action_id': 'a2'},
    'PATCH /jobs/{job_id}': {'job_id': 'j2'},
    'POST /jobs/{job_id}': {'job_id': 'j2'},
    'POST /jobs/{job_id}/event': {'job_id': 'j2', 'client_id': 'web02'},
    'PATCH /sessions/{session_id}': {'session_id': 's2'},
    'POST /sessions/{session_id}': {'session_id': 's2'},
    'POST /sessions': {'session_id': 's2'},
    'POST /sessions/{session_id}/action': {'session_id': 's2'},
    'POST /backups': {'backup_id': 'planted'},
    'PATCH /backups/{backup_id}': {'backup_id': 'planted'},
}

HEADERS = {
    # Identity, in the words of services and libraries of other times. Who calls is told by those that auth_token sets.
    'X-Tenant-Id': 'p2',
    'X-Tenant': 'p2',
    'X-Tenant-Name': 'p2',
    'X-Project': 'p2',
    'X-Project-Name': 'p2',
    'X-User': 'mallory',
    'X-Owner': 'mallory',
    'X-Role': 'admin',
    'X-Service-User-Id': 'mallory',
    'X-Service-Project-Id': 'p2',
    'X-Service-Roles': 'admin,service',
    'X-Is-Admin-Project': 'True',
    'OpenStack-System-Scope': 'all',
    'Remote-User': 'mallory',
    # Another place for the request.
    'X-HTTP-Method-Override': 'DELETE',
    'X-Original-URL': '/v2/p2/jobs/j2',
    'X-Rewrite-URL': '/v2/p2/jobs/j2',
    'X-Script-Name': '/v2/p2',
    # Fields.
    'ETag': '"99"',
    'Version': '99',
    'Last-Modified': 'Thu, 01 Jan 1970 00:00:00 GMT',
}

# Columns for the caller to fill as he likes, and what is made of them.
_FREE = {
    'backup_metadata',
    'digest',
    'document',
    'former',
    'freezer_action',
    'scheduling',
    'search_text',
}

_NEW_ID = re.compile(r'[0-9a-f]{32}\Z')


def without_fields(value: Any) -> Any:
    """The sample without what some of them contain of the fields, as answers do that come back."""
    if isinstance(value, dict):
        return {key: without_fields(item) for key, item in value.items() if key not in FIELDS}
    if isinstance(value, list):
        return [without_fields(item) for item in value]
    return value


def with_fields(value: Any, fields: Document) -> Any:
    """The fields in every object within."""
    if isinstance(value, dict):
        return {key: with_fields(item, fields) for key, item in value.items()} | fields
    if isinstance(value, list):
        return [with_fields(item, fields) for item in value]
    return value


class OwnedFieldsTest(routes.RouteTestCase):
    v1_everywhere = False

    def setUp(self) -> None:
        self.began = int(time.time()) * 10**6
        super().setUp()
        self.plain: dict[str, databases.Snapshot] = {}
        self.stored_ids = {
            value for rows in self.stored.values() for row in rows for value in row.values()
        }
        self.tried = 0

    def writes(self) -> Iterator[tuple[str, str, Document | None]]:
        """Name, route and body of each good request that writes; the body has none of the fields."""
        for route, samples in self.routes.items():
            if route.startswith('GET'):
                continue
            for number, sample in enumerate(samples, 1):
                body: Document | None = copy.deepcopy(without_fields(sample.body))
                for key in IDS.get(route, {}) if body else ():
                    body.pop(key, None)  # type: ignore[union-attr]
                yield f'{route} {number}', route, body

    def request(
        self,
        route: str,
        body: Document | None,
        params: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> webtest.TestResponse:
        content = {} if body is None else {'json': body}
        return self.api.request(
            route.split()[0],
            self.path(route),
            params=params,
            headers=headers,
            status='*',
            **content,
        )

    def columns(self, since: int) -> databases.Snapshot:
        """What is stored beside free documents; times since then, in microseconds, are all the same."""
        now = time.time_ns() // 1000

        def plain(value: Any) -> Any:
            if isinstance(value, str) and _NEW_ID.match(value) and value not in self.stored_ids:
                return 'NEW'
            # Some times are in seconds, and may be the same as before.
            if type(value) is int and (since <= value <= now or self.began <= value * 10**6 <= now):
                return 'NOW'
            return value

        return {
            table: sorted(
                ({k: plain(v) for k, v in row.items() if k not in _FREE} for row in rows), key=repr
            )
            for table, rows in self.rows().items()
        }

    def send_and_restore(self, case: str, route: str, **content: Any) -> databases.Snapshot | None:
        """The columns that a request leaves; None if it was refused."""
        since = time.time_ns() // 1000
        answer = self.request(route, **content)
        if answer.status_int >= 500:
            self.wrong.append(f'{case}: {answer.status_int} {answer.text}')
        if answer.status_int >= 400:
            self.check_untouched(case)
            return None
        columns = self.columns(since)
        self.restore()
        return columns

    def compare(
        self, name: str, what: str, route: str, plain: Document | None, **planted: Any
    ) -> None:
        """Send the request with what is planted; note where it leaves other columns than without."""
        if name not in self.plain:
            columns = self.send_and_restore(name, route, body=plain)
            self.assertIsNotNone(columns, f'{name} is refused without any field')
            self.plain[name] = columns
        self.tried += 1
        case = f'{name} {what}'
        columns = self.send_and_restore(case, route, **{'body': plain, **planted})
        for table, rows in (columns or {}).items():
            if rows != self.plain[name][table]:
                self.wrong.append(f'{case}: {table}\n  {self.plain[name][table]}\n  {rows}')

    def end(self, what: str) -> None:
        report.line(
            f'Owned fields, {self.database_name}, {self.api_version}, {what}: '
            f'{self.tried} requests, {len(self.wrong)} failures'
        )
        self.assertGreaterEqual(self.tried, len(self.plain))
        self.finish()

    def test_bodies_set_none_of_them(self) -> None:
        for name, route, body in self.writes():
            if body is None:
                continue
            for key, value in {**FIELDS, **IDS.get(route, {})}.items():
                self.compare(name, key, route, body, body={**body, key: value})
                if key in FIELDS:
                    deep = with_fields(body, {key: value})
                    self.compare(name, f'{key} everywhere', route, body, body=deep)
        self.end('bodies')

    def test_queries_set_none_of_them(self) -> None:
        params = {key: value for key, value in FIELDS.items() if not isinstance(value, dict)}
        ids = {'action_id': 'a2', 'client_id': 'web02', 'job_id': 'j2', 'session_id': 's2'}
        for name, route, body in self.writes():
            for given in (params, ids, {'_method': 'DELETE'}):
                self.compare(name, str(given), route, body, params=given)
        self.end('queries')

    def test_headers_set_none_of_them(self) -> None:
        for name, route, body in self.writes():
            self.compare(name, 'headers', route, body, headers=HEADERS)
        self.end('headers')

    def test_what_is_shown_is_of_the_service_whatever_is_stored(self) -> None:
        """Free keys of a document never stand in for those that the service adds to answers."""
        for _, route, plain in self.writes():
            if plain is None:
                continue
            body = with_fields(plain, FIELDS)
            body |= IDS.get(route, {})
            if self.request(route, body).status_int >= 400:
                self.check_untouched(route)
                continue
            for collection in ('actions', 'backups', 'clients', 'jobs', 'sessions'):
                for document in self.api.get(self.url(collection)).json[collection]:
                    owner = {key: document[key] for key in self.owner()}
                    self.assertEqual(self.owner(), owner, f'{route} {document}')
            for job in self.api.get(self.url('jobs')).json['jobs']:
                self.assertNotIn('planted', str(job.get('user_credentials')), route)
            self.restore()
        self.finish()
