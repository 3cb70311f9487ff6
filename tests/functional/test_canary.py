# SPDX-License-Identifier: Apache-2.0
"""Secrets come out where they may, and nowhere else.

Marked texts stand in every field of every document that takes one, in tokens and in the configuration. All routes are
driven into success and into every kind of failure, and whatever comes out is searched: answers, logs of all libraries
at all levels, what goes to the terminal, and what commands print.
"""

import contextlib
import dataclasses
import io
import json
import logging
import types
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fixtures
import webtest
from keystonemiddleware import audit as cadf
from oslo_db import exception as db_exception
from oslo_log import formatters
from sqlalchemy import event

from freezer_api import conf as freezer_conf
from freezer_api import discretion
from freezer_api.api import app as api_app
from freezer_api.db import actions, backups, clients, jobs, sessions
from tests import base, canaries, report, routes
from tests.canaries import Kind
from tests.fake_keystone import FakeKeystone
from tests.routes import ROUTES

MAP = Path(__file__).parent.parent.parent / 'etc' / 'freezer' / 'api_audit_map.conf'

_CONFIGURATION = """\
[DEFAULT]
auth_strategy = keystone
[database]
connection = {connection}
connection_debug = 100
connection_trace = true
[keystone_authtoken]
auth_url = {url}
www_authenticate_uri = {url}
auth_type = password
username = freezer
password = {password}
project_name = services
user_domain_name = Default
project_domain_name = Default
[audit]
enabled = true
ignored_methods =
map_file = {map}
[audit_middleware_notifications]
driver = log
transport_url = fake:/
[healthcheck]
detailed = true
"""

# Libraries that are to be heard, so that silence is no success.
LIBRARIES = (
    *('freezer_api', 'keystoneauth', 'keystonemiddleware', 'oslo.messaging.notification'),
    *('sqlalchemy.engine', 'sqlalchemy.pool', 'urllib3'),
)

# What databases say when somebody else was faster.
_DEADLOCKS = {
    'mariadb': ('OperationalError', (1213, 'Deadlock found when trying to get lock')),
    'postgresql': ('OperationalError', ('deadlock detected\nDETAIL:  Process 1 waits.',)),
}


class _Collector(logging.Handler):
    """Keeps what a formatter makes of records.

    :ivar lines: since somebody took them
    :ivar names: of loggers
    """

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.names: set[str] = set()
        self.setFormatter(formatter)
        discretion.protect(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.names.add(record.name)
        # Its records refer to themselves, which JSON cannot.
        if not record.name.startswith('stevedore'):
            self.lines.append(self.format(record))


class Log(fixtures.Fixture):
    """All that is logged, as text and as JSON, as the service's log is set up; the level of no logger is in the way."""

    def _setUp(self) -> None:  # noqa: N802  # name of fixtures
        conf = base.new_conf('sqlite://')
        self._collectors = [
            _Collector(formatters.ContextFormatter(config=conf)),
            _Collector(formatters.JSONFormatter()),
        ]
        root = logging.getLogger()
        loggers = [item for item in root.manager.loggerDict.values() if isinstance(item, logging.Logger)]
        for logger in (root, *loggers):
            for name, value in (('disabled', False), ('propagate', True)):
                self.addCleanup(setattr, logger, name, getattr(logger, name))
                setattr(logger, name, value)
            self.addCleanup(logger.setLevel, logger.level)
            logger.setLevel(1 if logger is root else logging.NOTSET)
        # In place of others, which would show all of it when a test fails.
        self.addCleanup(setattr, root, 'handlers', root.handlers)
        root.handlers = list(self._collectors)

    @property
    def names(self) -> set[str]:
        """Of loggers that were heard."""
        return self._collectors[0].names

    def take(self) -> str:
        """What was logged since the last time."""
        lines = [line for collector in self._collectors for line in collector.lines]
        for collector in self._collectors:
            collector.lines.clear()
        return '\n'.join(lines)


class Keystone(FakeKeystone):
    """Gives out marked ids of trusts."""

    def __init__(self, marks: canaries.Canaries) -> None:
        self._marks = marks
        super().__init__()
        self.service += '#' + marks.name(Kind.CREDENTIAL, 'token of the service')

    @property
    def next_id(self) -> str:
        return self._marks.name(Kind.TRUST, 'a trust')

    @next_id.setter
    def next_id(self, value: str) -> None:
        """Nobody else chooses."""


@dataclasses.dataclass(frozen=True)
class Persona:
    """A caller, and what of documents may be shown to it."""

    user: str
    project: str
    roles: str
    sees: frozenset[Kind]


_PLAIN = frozenset({Kind.TEXT})
_WHOLE = frozenset({Kind.TEXT, Kind.SECRET})
_ALL = frozenset({Kind.TEXT, Kind.SECRET, Kind.TRUST})

MEMBER = Persona('alice', 'p1', 'member', _WHOLE)
READER = Persona('alice', 'p1', 'reader', _PLAIN)
OWNER = Persona('root', 'ops', 'admin,member', _ALL)
PERSONAS = (
    MEMBER,
    READER,
    OWNER,
    Persona('alice', 'p1', 'manager', _WHOLE),
    Persona('alice', 'p1', 'admin', _WHOLE),
    Persona('guard', 'services', 'service', _ALL),
    Persona('alice', 'p1', 'none', frozenset()),
    Persona('eve', 'p3', 'member,reader', frozenset()),
)


class CanaryTest(routes.RouteTestCase):
    """Each test drives all routes in one way; what comes out where it may not is collected.

    :ivar searched: outputs of each sort
    :ivar shown: texts that came out where they may
    """

    v1_everywhere = False

    def setUp(self) -> None:
        super().setUp()
        self.marks = canaries.Canaries()
        self.searched: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.shown: set[str] = set()
        self.keystone = Keystone(self.marks)
        self.addCleanup(self.keystone.stop)
        self.tokens = {
            persona: f'{persona.user}:{persona.project}:{persona.roles}#'
            + self.marks.name(Kind.CREDENTIAL, f'token of {persona.roles}')
            for persona in PERSONAS
        }
        self.heard = self.useFixture(Log())
        self.terminal = io.StringIO()
        for name in ('stdout', 'stderr'):
            self.useFixture(fixtures.MonkeyPatch(f'sys.{name}', self.terminal))
        # Between two tries of a transaction.
        calm = types.SimpleNamespace(sleep=lambda seconds: None)
        self.useFixture(fixtures.MonkeyPatch('oslo_db.api.time', calm))
        self.application = self.start(self.database.url)
        self.plant()
        self.stored = self.rows()

    def start(self, connection: str) -> Any:
        """A service with everything switched on that could tell something."""
        path = Path(self.useFixture(fixtures.TempDir()).path, 'freezer-api.conf')
        path.write_text(
            _CONFIGURATION.format(
                connection=connection.replace('$', '$$'),
                url=self.keystone.url,
                map=MAP,
                password=self.marks.name(Kind.CREDENTIAL, '[keystone_authtoken] password'),
            )
        )
        conf = freezer_conf.new(default_config_files=[str(path)])
        for group, opts in cadf.list_opts():
            conf.register_opts(opts, group=group)
        if 'sqlite' in connection:
            conf.set_override('sqlite_synchronous', False, group='database')
        # What the test itself wrote.
        self.heard.take()
        conf.log_opt_values(logging.getLogger(__name__), logging.DEBUG)
        application = api_app.build(conf)
        self.addCleanup(application.database.dispose)
        self.search('log', self.heard.take())
        self.webtest = webtest.TestApp(application)
        return application

    # --- documents ------------------------------------------------------------------------------

    def plant(self) -> None:
        """Put texts into each field of one document of each kind."""
        text, secrets = self.marks.text, self.marks.secrets
        url = f'ftp://{self.marks.name(Kind.SECRET, "URL")}@host.example'
        action = {
            **ROUTES['POST /actions'][0].body,
            'freezer_action': {
                **ROUTES['POST /actions'][0].body['freezer_action'],
                **{
                    name: text(Kind.TEXT, f'freezer_action.{name}')
                    for name in ('path_to_backup', 'backup_name', 'restore_abs_path', 'free')
                },
                'container': url,
                **secrets('action.freezer_action'),
            },
            'free': text(Kind.TEXT, 'action.free'),
            **secrets('action'),
        }
        entry = {
            'freezer_action': {'action': 'backup', **secrets('job_actions.freezer_action')},
            'free': text(Kind.TEXT, 'job_actions.free'),
            **secrets('job_actions'),
        }
        job = {
            **ROUTES['POST /jobs'][0].body,
            'description': text(Kind.TEXT, 'job.description'),
            'session_name': text(Kind.TEXT, 'job.session_name'),
            'job_actions': [entry, {'freezer_action': {'action': 'info'}}],
            'action_defaults': secrets('action_defaults'),
            'user_credentials': secrets('job.user_credentials'),
        }
        session = {
            **ROUTES['POST /sessions'][0].body,
            'description': text(Kind.TEXT, 'session.description'),
            'free': text(Kind.TEXT, 'session.free'),
            **secrets('session'),
        }
        client = {
            **ROUTES['POST /clients'][0].body,
            'supported_actions': ['backup', 'info'],
            'description': text(Kind.TEXT, 'client.description'),
            'free': text(Kind.TEXT, 'client.free'),
            **secrets('client'),
        }
        backup = {
            **ROUTES['POST /backups'][0].body,
            'backup_name': text(Kind.TEXT, 'backup.backup_name'),
            'free': text(Kind.TEXT, 'backup.free'),
            'container': url,
            'hostname': url,
            **secrets('backup'),
        }
        key = secrets('search')
        self.bodies_of: dict[str, list[Any]] = {
            '/actions': [action],
            '/backups': [backup, {'status': 'error', 'backup_metadata': backup}],
            '/clients': [client],
            '/jobs': [job],
            '/sessions': [session],
            '/jobs/{job_id}/event': [{'start': secrets('event')}],
            '/sessions/{session_id}/action': [
                {'start': {'job_id': 'j1', 'current_tag': 3, **secrets('start')}},
                {'end': {'job_id': 'j1', 'current_tag': 3, 'result': 'success', **secrets('end')}},
            ],
            'search': [
                {'match': [{'free': text(Kind.TEXT, 'match')}]},
                {'match': [{'_all': text(Kind.TEXT, '_all')}]},
                {'match': [{name: value for name, value in key.items() if isinstance(value, str)}]},
                {'match_not': [{'freezer_action.container': url}]},
                {'match': [{'_all': url}]},
            ],
        }
        for path, document in (
            (('actions', 'a1'), action),
            (('clients',), {**client, 'client_id': 'web01'}),
            (('sessions', 's1'), session),
            (('jobs', 'j1'), job),
        ):
            self.api.post(self.api.v2(*path), json={**document}, status=201)
        path = self.api.v2('backups', self.ids['{backup_id}'])
        self.api.patch(path, json={'backup_metadata': backup}, status=200)
        self.api.put(self.api.v2('sessions', 's1', 'jobs', 'j1'))
        self.planted = set(self.marks.places) - {
            name
            for name, place in self.marks.places.items()
            if place.startswith(('job.user_credentials', 'event', 'start', 'end', 'search', 'match', '_all'))
            or name.startswith(Kind.CREDENTIAL)
        }
        # A trust, for a job of a central client.
        central = {'client_id': 'central', 'is_central': True}
        self.ask('central', OWNER, 'POST', '/v2/ops/clients', json.dumps(central).encode())
        job = {**job, 'job_id': 'jc', 'client_id': 'central'}
        answer = self.ask('trust', MEMBER, 'POST', '/v2/p1/jobs', json.dumps(job).encode())
        self.assertEqual(201, answer.status_int, answer.text)
        self.assertEqual(1, len(self.keystone.trusts))
        self.planted |= set(self.keystone.trusts)

    def contents(self, route: str) -> list[Any]:
        """Bodies with marked texts, which the route accepts; ``None`` for none."""
        method, path = route.split(' ')
        if ROUTES[route][0].body is None:
            return [None]
        if method == 'GET':
            return self.bodies_of['search']
        bodies = self.bodies_of.get(path) or self.bodies_of['/' + path.split('/')[1]]
        return bodies if method == 'PATCH' else [body for body in bodies if 'backup_metadata' not in body]

    # --- requests and the search ----------------------------------------------------------------

    def search(
        self, sort: str, output: str, allowed: frozenset[Kind] = frozenset(), case: str = ''
    ) -> None:
        """Search an output; note what may not be in it."""
        self.searched[sort] += 1
        for kind, names in canaries.find(output).items():
            if kind in allowed:
                self.shown |= names
            else:
                places = sorted({self.marks.places.get(name, name) for name in names})
                self.wrong.append(f'{case}: {kind.name} in {sort}: {places[:3]} {_around(output, kind)}')

    def ask(
        self,
        case: str,
        persona: Persona | None,
        method: str,
        path: str,
        body: bytes = b'',
        query: str = '',
        **headers: str,
    ) -> webtest.TestResponse:
        """Send a request, and search all that it brings about."""
        request = webtest.TestRequest.blank('/', method=method)
        request.environ['PATH_INFO'] = path
        request.environ['QUERY_STRING'] = query
        if persona is not None:
            request.headers['X-Auth-Token'] = self.tokens[persona]
        request.headers.update({name.replace('_', '-'): value for name, value in headers.items()})
        if body:
            request.body = body
        # What the test itself read and wrote.
        self.heard.take()
        answer = self.webtest.do_request(request, status='*', expect_errors=True)
        self.statuses[answer.status_int] += 1
        shows = answer.status_int == 200 and method in ('GET', 'PATCH') and persona is not None
        allowed = persona.sees if shows and persona else frozenset()
        self.search('answers', answer.text, allowed, f'{case}: {answer.status_int}')
        self.search('headers', f'{answer.status} {dict(answer.headers)}', case=case)
        self.search('logs', self.heard.take(), case=f'{case}: {answer.status_int}')
        return answer

    def all_routes(self, *personas: Persona, first: bool = False) -> None:
        """Send what routes accept.

        :param first: of the bodies of a route
        """
        for route in self.routes:
            for body in self.contents(route)[: 1 if first else None]:
                content = b'' if body is None else json.dumps(body).encode()
                for persona in personas:
                    case = f'{route} for {persona.roles}'
                    self.ask(case, persona, route.split()[0], self.path(route), content)
            if not route.startswith('GET'):
                self.restore()

    def end(self, name: str, *statuses: int) -> None:
        """Tell how much was searched, and what was wrong.

        :param statuses: that the test meant to see
        """
        self.search('terminal', self.terminal.getvalue())
        self.assertLessEqual(set(statuses), set(self.statuses))
        counts = ', '.join(f'{count} {sort}' for sort, count in self.searched.items())
        report.line(
            f'Secrets, {self.database_name}, {self.api_version}, {name}:'
            f' {sum(self.searched.values())} outputs searched ({counts}), {len(self.wrong)} leaks'
        )
        self.finish()

    # --- the tests ------------------------------------------------------------------------------

    def test_success(self) -> None:
        self.all_routes(*PERSONAS)
        for accept in ('text/plain', 'application/json', 'text/html'):
            self.ask('health', None, 'GET', '/healthcheck', Accept=accept)
        for path in ('/', '/v1', '/v2'):
            self.ask('discovery', MEMBER, 'GET', path)
        if self.api_version == 'v2':
            for persona in PERSONAS:
                self.ask('all projects', persona, 'GET', '/v2/p1/jobs', query='all_projects=true')
                self.ask('all projects', persona, 'GET', '/v2/ops/jobs', query='all_projects=true')
        for library in LIBRARIES:
            self.assertTrue(any(name.startswith(library) for name in self.heard.names), library)
        self.end('success', 200, 201, 202, 204, 400, 403)
        missing = sorted(self.marks.places[name] for name in self.planted - self.shown)
        # By v1 there are no central clients of others, and so nobody who sees trusts.
        self.assertEqual([], [place for place in missing if (self.api_version, place) != ('v1', 'a trust')])

    def test_refusal_of_callers(self) -> None:
        for route in self.routes:
            method, path = route.split()[0], self.path(route)
            content = json.dumps(self.contents(route)[0]).encode()
            bad = self.marks.name(Kind.CREDENTIAL, 'bad token')
            self.ask(f'{route}, no token', None, method, path, content)
            self.ask(f'{route}, bad token', None, method, path, content, X_Auth_Token=bad)
            self.ask(f'{route}, service', MEMBER, method, path, content, X_Service_Token=bad)
            self.ask(f'{route}, 406', MEMBER, method, path, content, Accept=f'text/{bad}')
            self.ask(f'{route}, 412', MEMBER, method, path, content, If_Match='"99"')
            self.ask(f'{route}, 405', MEMBER, 'PROPFIND', path, content)
            nothing = self.path(route, **dict.fromkeys(self.ids, 'absent'))
            self.ask(f'{route}, 404', MEMBER, method, nothing, content)
            self.ask(f'{route}, 304', MEMBER, method, path, content, If_None_Match='*')
            big = json.dumps([self.marks.text(Kind.SECRET, 'big')] * 50_000).encode()
            self.ask(f'{route}, 413', MEMBER, method, path, big)
            self.restore()
        self.keystone.url = 'http://127.0.0.1:1/v3'
        self.start(self.database.url)
        self.ask('Keystone away', MEMBER, 'GET', self.path('GET /jobs'))
        self.end('refusal', 304, 401, 404, 405, 406, 412, 413, 503)

    @base.once
    def test_wrong_bodies(self) -> None:
        for route in self.routes:
            sample = ROUTES[route][0].body
            if sample is None:
                continue
            method, path = route.split()[0], self.path(route)
            secret = self.marks.text(Kind.SECRET, f'wrong value by {route}')
            plain = json.dumps(self.contents(route)[0])
            wrong = [
                *(plain[:-2], plain.replace('"', '\\'), f'{plain}{secret}', f'[{plain}]', json.dumps(secret)),
                *('[' * 40 + plain + ']' * 40, plain.replace(': "', ': NaN "', 1), plain + '\ud800'),
                *(json.dumps({'x': value}) for value in (f'\0{secret}', f'\ud83d{secret}', secret * 30_000)),
            ]
            for way, _ in canaries.leaves(sample):
                for value in (secret, [secret], {'password': secret}, secret + 'x' * 400):
                    wrong.append(json.dumps(canaries.replaced(sample, way, value)))
            for body in wrong:
                content = body.encode(errors='surrogatepass')
                self.ask(f'{route} {body[:60]}', MEMBER, method, path, content)
            for name in ('limit', 'offset', 'match', 'all_projects', 'time_after'):
                query = f'{name}={canaries.quoted(secret)}'
                self.ask(f'{route} {name}', MEMBER, method, path, query=query)
            self.restore()
        self.end('wrong bodies', 400, 422)

    def test_failures_of_the_database(self) -> None:
        dbapi = self.application.database.engines[0].dialect.dbapi

        def quoting(kind: str) -> Callable[[str, Any], Exception]:
            # As PostgreSQL does in the details of errors.
            return lambda statement, values: getattr(dbapi, kind)(f'{statement}\nDETAIL: {values}')

        def deadlock(statement: str, values: Any) -> Exception:
            if self.database_name not in _DEADLOCKS:
                return db_exception.DBDeadlock()
            name, arguments = _DEADLOCKS[self.database_name]
            error: Exception = getattr(dbapi, name)(*arguments)
            return error

        makers = [quoting('DataError'), quoting('IntegrityError'), quoting('OperationalError')]
        makers += [lambda *failed: ValueError(repr(failed)), deadlock]
        for make in makers:
            for words in (('INSERT', 'UPDATE', 'DELETE'), ('SELECT',)):
                with self.failing(make, words):
                    self.all_routes(MEMBER, first=True)
        self.end('failures of the database', 500, 503)

    @contextlib.contextmanager
    def failing(
        self, make: Callable[[str, Any], Exception], words: tuple[str, ...]
    ) -> Iterator[None]:
        """Let statements of the service that begin with one of the words fail in the driver."""

        def execute(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
            if statement.startswith(words):
                raise make(statement, parameters)

        engines = self.application.database.engines
        for engine in engines:
            for moment in ('do_execute', 'do_executemany'):
                event.listen(engine, moment, execute)
        try:
            yield
        finally:
            for engine in engines:
                for moment in ('do_execute', 'do_executemany'):
                    event.remove(engine, moment, execute)

    def test_errors_that_nobody_thought_of(self) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            try:
                raise KeyError(repr((args, kwargs)))
            except KeyError as error:
                raise RuntimeError(f'{args} {kwargs}') from error

        for module in (actions, backups, clients, jobs, sessions):
            for name in ('create', 'update', 'replace', 'delete', 'get', 'find'):
                if hasattr(module, name):
                    self.useFixture(fixtures.MonkeyPatch(f'{module.__name__}.{name}', fail))
        self.all_routes(MEMBER)
        self.end('unexpected errors', 500)

    def test_a_database_that_is_away(self) -> None:
        password = self.marks.name(Kind.CREDENTIAL, '[database] connection')
        for url in (
            f'mysql+pymysql://freezer:{password}@127.0.0.1:1/freezer',
            f'postgresql+psycopg2://freezer:{password}@127.0.0.1:1/freezer',
            f'mysql+pymysql://127.0.0.1:1/freezer?user=freezer&password={password}',
        ):
            self.start(url)
            self.all_routes(MEMBER, first=True)
            self.ask('health', None, 'GET', '/healthcheck')
        self.end('database away', 503)


def _around(output: str, kind: Kind) -> str:
    """What stands around the first mark of a kind, for a message."""
    position = max(output.lower().find(kind), 0)
    return repr(output[max(position - 160, 0) : position + 30])
