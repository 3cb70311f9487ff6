# SPDX-License-Identifier: Apache-2.0
"""Base classes of the tests, and the HTTP client they use."""

import contextlib
import dataclasses
import functools
import json as _json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar
from urllib import parse as urlparse

import fixtures
import testscenarios
import testtools
import webtest
from oslo_config import cfg
from sqlalchemy import Connection, Engine, event

from freezer_api import conf as freezer_conf
from freezer_api.api import app as api_app
from tests import databases

# Seconds; a test that takes longer hangs.
TIMEOUT = 300

_UNSET: Any = object()

# Not statements in the sense of a budget: limits of transactions, and the ping of a pool.
_UNCOUNTED = re.compile(
    r'\s*(BEGIN|START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|RELEASE SAVEPOINT|SELECT 1\s*$)', re.I
)


class TestCase(testtools.TestCase):
    """A test with a time limit, whose log is shown when it fails."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.Timeout(TIMEOUT, gentle=True))
        self.log = self.useFixture(fixtures.FakeLogger())


@dataclasses.dataclass(frozen=True)
class Client:
    """A caller of the service. Its methods return the response of WebTest: status_int, headers, json, body.

    :ivar roles: separated by commas
    :ivar version: of the API, for :meth:`url`
    """

    app: webtest.TestApp
    user: str = 'alice'
    project: str = 'p1'
    roles: str = 'member,reader'
    version: str = 'v2'

    def url(self, *segments: object) -> str:
        """The path of a resource in the caller's version; segments are quoted."""
        return self.v1(*segments) if self.version == 'v1' else self.v2(*segments)

    def v1(self, *segments: object) -> str:
        """The path of a resource in v1; segments are quoted."""
        return _path('v1', *segments)

    def v2(self, *segments: object) -> str:
        """The path of a resource of the caller's project in v2; segments are quoted."""
        return _path('v2', self.project, *segments)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = _UNSET,
        body: bytes = b'',
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        status: int | str | None = None,
    ) -> webtest.TestResponse:
        """Send a request.

        :param json: a document to send as the body; with any method
        :param body: a body to send as it is
        :param params: the query
        :param headers: besides those that identify the caller; they win over them
        :param status: the status to insist on; None is any of success or redirection, '*' any
        """
        sent = {
            'X-User-Id': self.user,
            'X-Project-Id': self.project,
            'X-Roles': self.roles,
            'Accept': 'application/json',
        }
        if json is not _UNSET:
            # Not orjson: NaN and integers beyond 64 bits must get through to the service.
            body = _json.dumps(json).encode()
            sent['Content-Type'] = 'application/json'
        if params:
            path = f'{path}?{urlparse.urlencode(params)}'
        sent.update(headers or {})
        # With no body there must be no Content-Length either, as with real clients.
        content = {'body': body} if body else {}
        return self.app.request(path, method=method, headers=sent, status=status, **content)

    def create_job(self, document: Mapping[str, Any]) -> str:
        """Store a job, under the id that it may have; return its id."""
        job_id = document.get('job_id')
        path = self.url('jobs')
        if job_id and self.version == 'v1':
            # There POST to the collection makes an id in any case, and POST to an id leaves the times to the caller.
            path = self.url('jobs', job_id)
            times = {'time_created': 1, 'time_started': -1, 'time_ended': -1}
            schedule = {**times, **document.get('job_schedule', {})}
            document = {**document, 'job_schedule': schedule}
        return str(self.post(path, json=document, status=201).json['job_id'])

    def get(self, path: str, **options: Any) -> webtest.TestResponse:
        return self.request('GET', path, **options)

    def head(self, path: str, **options: Any) -> webtest.TestResponse:
        return self.request('HEAD', path, **options)

    def post(self, path: str, **options: Any) -> webtest.TestResponse:
        return self.request('POST', path, **options)

    def patch(self, path: str, **options: Any) -> webtest.TestResponse:
        return self.request('PATCH', path, **options)

    def put(self, path: str, **options: Any) -> webtest.TestResponse:
        return self.request('PUT', path, **options)

    def delete(self, path: str, **options: Any) -> webtest.TestResponse:
        return self.request('DELETE', path, **options)


def _path(*segments: object) -> str:
    return '/' + '/'.join(urlparse.quote(str(segment), safe='') for segment in segments)


Test = TypeVar('Test', bound=Callable[..., None])


def only(*versions: str) -> Callable[[Test], Test]:
    """Run a test for these versions of the API alone, not for all of its class."""

    def decorate(test: Test) -> Test:
        test.versions = versions  # type: ignore[attr-defined]
        return test

    return decorate


def once(test: Test) -> Test:
    """Run a test on one database alone: what it looks at lies above all of them."""
    test.one_database = True  # type: ignore[attr-defined]
    return test


class ApiTestCase(testscenarios.WithScenarios, TestCase):
    """A test of the service through HTTP, once per database, which is empty at its start.

    :cvar versions: of the API, to run each test for; they are asked through ``url``
    :cvar one_database: whether one database is enough; :func:`once` says so of a single test
    :cvar v1_everywhere: whether v1 runs on every database; where the database hardly matters, the first is enough
    """

    versions: ClassVar[tuple[str, ...]] = ('v2',)
    one_database: ClassVar = False
    v1_everywhere: ClassVar = True
    database_name: str
    api_version: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        test = getattr(self, self._testMethodName)
        versions = getattr(test, 'versions', self.versions)
        names = databases.names()
        if getattr(test, 'one_database', self.one_database):
            names = names[:1]
        self.scenarios = [
            (f'{name},{version}', {'database_name': name, 'api_version': version})
            for name in names
            for version in versions
            if version != 'v1' or self.v1_everywhere or name == names[0]
        ]

    def setUp(self) -> None:
        super().setUp()
        self.database = databases.get(self.database_name)
        self.database.clear()
        # Callers on this host are the only ones that auth_strategy noauth serves.
        self.webtest = webtest.TestApp(_app(self.database_name), _ENVIRONMENT)
        self.api = self.as_()

    def as_(self, user: str = 'alice', project: str = 'p1', roles: str = 'member,reader') -> Client:
        """The same service for another caller."""
        return Client(self.webtest, user, project, roles, self.api_version)

    def url(self, *segments: object) -> str:
        """The path of a resource of the default caller in the version of the test; segments are quoted."""
        return self.api.url(*segments)

    def owner(self, user: str = 'alice', project: str = 'p1') -> dict[str, str]:
        """What a document says of its owner."""
        if self.api_version == 'v1':
            return {'user_id': user}
        return {'user_id': user, 'project_id': project}

    @property
    def deleted_nothing(self) -> int:
        """The status of a DELETE where there is nothing; for backups it is 404 in both versions."""
        return 404 if self.api_version == 'v1' else 204

    def v1(self, *segments: object) -> str:
        """The path of a resource in v1; segments are quoted."""
        return self.api.v1(*segments)

    def v2(self, *segments: object) -> str:
        """The path of a resource of the default caller's project in v2; segments are quoted."""
        return self.api.v2(*segments)

    def build_app(self, **options: Any) -> Any:
        """A WSGI application of this test alone, on the same database.

        :param options: 'group.option', or 'option' of [DEFAULT], to value
        """
        application = api_app.build(new_conf(self.database.url, **options))
        self.addCleanup(application.database.dispose)
        return application

    def client_of(
        self,
        application: Any,
        user: str = 'alice',
        project: str = 'p1',
        roles: str = 'member,reader',
    ) -> Client:
        """A caller of an application from :meth:`build_app`."""
        app = webtest.TestApp(application, _ENVIRONMENT)
        return Client(app, user, project, roles, self.api_version)

    def rows(self) -> databases.Snapshot:
        """Everything that is stored, to compare with later."""
        return self.database.rows()

    def assert_nothing_stored(
        self, method: str, path: str, status: int, caller: Client | None = None, **options: Any
    ) -> webtest.TestResponse:
        """A request is refused with an error of this status, and changes nothing that is stored; the answer.

        :param options: of :meth:`Client.request`
        """
        before = self.rows()
        answer = (caller or self.api).request(method, path, status=status, **options)
        self.assertEqual({'title', 'description', 'code'}, set(answer.json))
        self.assertEqual(before, self.rows())
        return answer

    @contextlib.contextmanager
    def count_statements(self) -> Iterator[list[str]]:
        """Collect the SQL statements that this thread sends within, limits of transactions apart.

        What the test itself reads, by :meth:`rows`, is not among them.
        """
        statements: list[str] = []
        thread = threading.get_ident()

        def collect(
            connection: Connection,
            cursor: Any,
            statement: str,
            parameters: Any,
            context: Any,
            executemany: bool,
        ) -> None:
            if (
                threading.get_ident() == thread
                and connection.engine is not self.database.engine
                and not _UNCOUNTED.match(statement)
            ):
                statements.append(statement)

        event.listen(Engine, 'before_cursor_execute', collect)
        try:
            yield statements
        finally:
            event.remove(Engine, 'before_cursor_execute', collect)


_ENVIRONMENT = {'REMOTE_ADDR': '127.0.0.1'}


def new_conf(url: str, **options: Any) -> cfg.ConfigOpts:
    """A configuration that reads no file: the database, no Keystone, and the options given.

    :param options: 'group.option', or 'option' of [DEFAULT], to value
    """
    conf = freezer_conf.new(args=[], default_config_files=[])
    values = {
        'auth_strategy': 'noauth',
        'database.connection': url,
        # Nothing has to outlive a crash, and waiting for the disk would take most of the time.
        'database.sqlite_synchronous': False,
        **options,
    }
    for name, value in values.items():
        group, _, option = name.rpartition('.')
        conf.set_override(option, value, group=group or None)
    return conf


@functools.cache
def _app(database_name: str) -> Any:
    # Building takes longer than most tests, and each application holds pools of connections.
    return api_app.build(new_conf(databases.get(database_name).url))
