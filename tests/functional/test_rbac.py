# SPDX-License-Identifier: Apache-2.0
"""The tenant wall: every route, every persona, and every place where an id may stand, as rbac.yaml says.

Each cell is a request with the id of something of the project, of another project, and of nothing. The latter two must
not be told apart, by status, body, headers or statements; and no request may touch a row of another project. All of it
once more with a policy file that allows everybody everything.
"""

import dataclasses
import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fixtures
import webtest
import yaml

from freezer_api import policies
from tests import base, databases, report, routes
from tests.routes import ROUTES

OWN, FOREIGN, ABSENT = 'own', 'foreign', 'absent'
KINDS = (OWN, FOREIGN, ABSENT)

# Of the same length as those of the samples.
NOTHING = {
    '{action_id}': 'a3',
    '{backup_id}': '0123456789abcdef0123456789abcdef',
    '{client_id}': 'web03',
    '{job_id}': 'j3',
    '{session_id}': 's3',
}

# What a body may name besides the path: rows of the table that end with "with KEY", and what they send for an id.
_NEW_JOB: dict[str, Any] = {'client_id': 'web01', 'job_actions': []}
_RUN = {'job_id': 'j1', 'current_tag': 3}
_CLIENT = {'hostname': 'host'}
BODIES: dict[str, Callable[[str], dict[str, Any]]] = {
    **{
        f'GET /{collection}s with {collection}_id': functools.partial(
            lambda key, id_: {'match': [{key: id_}]}, f'{collection}_id'
        )
        for collection in ('action', 'backup', 'client', 'job', 'session')
    },
    'GET /jobs with action_id': lambda id_: {'match': [{'action_id': id_}]},
    'GET /jobs with client_id': lambda id_: {'match': [{'client_id': id_}]},
    'GET /jobs with session_id': lambda id_: {'match': [{'session_id': id_}]},
    'GET /jobs with all_projects': lambda id_: {'match': [{'job_id': id_}]},
    'POST /actions with action_id': lambda id_: {
        'action_id': id_,
        'freezer_action': {'action': 'info'},
    },
    'POST /backups with backup_id': lambda id_: {**ROUTES['POST /backups'][0].body, 'backup_id': id_},
    'POST /backups with client_id': lambda id_: {**ROUTES['POST /backups'][0].body, 'client_id': id_},
    'POST /backups with job_id': lambda id_: {**ROUTES['POST /backups'][0].body, 'job_id': id_},
    'POST /clients with client_id': lambda id_: {**_CLIENT, 'client_id': id_},
    'POST /clients with is_central': lambda id_: {**_CLIENT, 'client_id': id_, 'is_central': True},
    'POST /jobs with action_id': lambda id_: {**_NEW_JOB, 'job_actions': [{'action_id': id_}]},
    'POST /jobs with client_id': lambda id_: {**_NEW_JOB, 'client_id': id_},
    'POST /jobs with job_id': lambda id_: {**_NEW_JOB, 'job_id': id_},
    'POST /jobs with session_id': lambda id_: {**_NEW_JOB, 'session_id': id_},
    'PATCH /jobs/{job_id} with action_id': lambda id_: {'job_actions': [{'action_id': id_}]},
    'PATCH /jobs/{job_id} with client_id': lambda id_: {'client_id': id_},
    'PATCH /jobs/{job_id} with session_id': lambda id_: {'session_id': id_},
    'POST /jobs/{job_id} with action_id': lambda id_: {
        **ROUTES['POST /jobs/{job_id}'][0].body,
        'job_actions': [{'action_id': id_}],
    },
    'POST /jobs/{job_id} with client_id': lambda id_: {
        **ROUTES['POST /jobs/{job_id}'][0].body,
        'client_id': id_,
    },
    'POST /jobs/{job_id} with session_id': lambda id_: {
        **ROUTES['POST /jobs/{job_id}'][0].body,
        'session_id': id_,
    },
    'PATCH /sessions/{session_id} with job_id': lambda id_: {'jobs': {id_: routes.PART}},
    'POST /sessions with job_id': lambda id_: {'schedule': {}, 'jobs': {id_: routes.PART}},
    'POST /sessions/{session_id} with job_id': lambda id_: {
        'schedule': {},
        'session_tag': 0,
        'jobs': {id_: routes.PART},
    },
    'POST /sessions/{session_id}/action with job_id': lambda id_: {'start': {**_RUN, 'job_id': id_}},
}

# By their rules callers see all projects, or register a client for them: there foreign may differ from absent.
WIDER = {'GET /jobs with all_projects', 'POST /clients with is_central'}

# Names of clients are one list for all projects, since a central client owns its name in each of them. The first to
# use a name inserts a row without an owner, others raise its version.
SHARED = 'client_names'
_NOTED = re.compile(rf'(INSERT INTO|UPDATE) {SHARED} .*', re.S)


@dataclasses.dataclass(frozen=True)
class Persona:
    name: str
    user: str
    project: str
    roles: str

    @property
    def is_elsewhere(self) -> bool:
        """Whether the token is for another project than p1, whose URL is asked."""
        return self.project != 'p1'


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a caller could tell from an answer, and from the time that it takes."""

    status: int
    body: str
    headers: list[tuple[str, str]]
    statements: list[str]


class Table:
    """The statuses of rbac.yaml."""

    def __init__(self, path: Path) -> None:
        content = yaml.safe_load(path.read_text())
        self.personas = [Persona(name, **values) for name, values in content['personas'].items()]
        self.versions: dict[str, dict[str, dict[str, list[int]]]] = {
            version: {
                row: {
                    kind.strip(): [int(word) for word in statuses.split() if word != '|']
                    for kinds, statuses in lines.items()
                    for kind in kinds.split(',')
                }
                for row, lines in content[version].items()
            }
            for version in ('v1', 'v2')
        }

    def status(self, version: str, row: str, kind: str, persona: Persona) -> int:
        return self.versions[version][row][kind][self.personas.index(persona)]

    def open_status(self, version: str, row: str, kind: str, persona: Persona) -> int:
        """With all policies open everybody is like an administrator, and yet none gets out of the token's project."""
        if (persona.is_elsewhere and version == 'v2') or row == 'POST /clients with is_central':
            return 403
        if persona.is_elsewhere:
            like = self._persona('admin elsewhere')
        elif persona.name == 'colleague':
            like = persona
        else:
            like = self._persona('admin')
        return self.status(version, row, kind, like)

    def _persona(self, name: str) -> Persona:
        return next(persona for persona in self.personas if persona.name == name)


TABLE = Table(Path(__file__).with_name('rbac.yaml'))


def rows_of(version: str) -> list[str]:
    """The rows that the table is to have: of each route one per place of an id."""
    rows = []
    for name, _ in routes.served(version):
        places = routes.places(name)
        if len(places) == 1:
            rows.append(name)
        else:
            rows += [f'{name} with {place[1:-1]}' for place in places]
        rows += [row for row in BODIES if row.rpartition(' with ')[0] == name]
    return rows


class TableTest(base.TestCase):
    def test_every_route_and_every_place_of_an_id_has_a_row(self) -> None:
        for version in ('v1', 'v2'):
            self.assertEqual(sorted(rows_of(version)), sorted(TABLE.versions[version]), version)
            named = {row.partition(' with ')[0] for row in TABLE.versions[version]}
            self.assertEqual({name for name, _ in routes.served(version)}, named)

    def test_every_row_has_every_persona_and_every_kind_of_id(self) -> None:
        for rows in TABLE.versions.values():
            for row, kinds in rows.items():
                self.assertEqual(set(KINDS), set(kinds), row)
                for statuses in kinds.values():
                    self.assertEqual(len(TABLE.personas), len(statuses), row)

    def test_foreign_is_absent_in_the_table_too(self) -> None:
        for rows in TABLE.versions.values():
            for row, kinds in rows.items():
                if row not in WIDER:
                    self.assertEqual(kinds[FOREIGN], kinds[ABSENT], row)


class MatrixTest(routes.RouteTestCase):
    """The tests send all requests of the table, and collect what is wrong with the answers."""

    open = False
    # So that by v1, where things belong to users too, it is the project that keeps them apart.
    foreign_user = 'alice'

    def setUp(self) -> None:
        super().setUp()
        self.ids_of = {OWN: self.ids, FOREIGN: self.foreign, ABSENT: NOTHING}

    # What databases have to keep apart, the other test looks at.
    @base.once
    def test_policy_as_delivered(self) -> None:
        self.walk()

    def test_all_policies_open(self) -> None:
        """Everybody may do everything, and yet nobody gets out of the project of the token."""
        path = Path(self.useFixture(fixtures.TempDir()).path, 'policy.yaml')
        path.write_text(yaml.safe_dump({rule.name: '@' for rule in policies.list_rules()}))
        self.open = True
        application = self.build_app(**{'oslo_policy.policy_file': str(path)})
        self.webtest = webtest.TestApp(application, {'REMOTE_ADDR': '127.0.0.1'})
        self.walk()

    def walk(self) -> None:
        cells = 0
        for row in rows_of(self.api_version):
            for persona in TABLE.personas:
                outcomes = {kind: self.cell(row, persona, kind) for kind in KINDS}
                cells += len(KINDS)
                for kind in self.alike(row, persona, outcomes[OWN]):
                    if outcomes[kind] != outcomes[ABSENT]:
                        self.wrong.append(
                            f'{row} for {persona.name}: {kind} is not as absent\n'
                            f'  {outcomes[kind]}\n  {outcomes[ABSENT]}'
                        )
            self.check_untouched(row)
        which = 'all policies open' if self.open else 'policy as delivered'
        report.line(
            f'Matrix, {self.database_name}, {self.api_version}, {which}: '
            f'{cells} cells, {len(self.wrong)} failures'
        )
        self.finish()

    def alike(self, row: str, persona: Persona, own: Outcome) -> list[str]:
        """The kinds of ids that are to look like those of nothing."""
        is_wide = bool(set(persona.roles.split(',')) & {'admin', 'service'}) and not self.open
        if row in WIDER and is_wide:
            return []
        # Who is refused is told nothing; by v1 the ids of p1 are foreign ones for the token of another project.
        if own.status == 403 or (self.api_version == 'v1' and persona.is_elsewhere):
            return [OWN, FOREIGN]
        return [FOREIGN]

    def cell(self, row: str, persona: Persona, kind: str) -> Outcome:
        """Send the request of a cell; note what is wrong with it alone."""
        case = f'{row} for {persona.name}, {kind} id'
        outcome = self.outcome(row, persona, kind)
        judge = TABLE.open_status if self.open else TABLE.status
        expected = judge(self.api_version, row, kind, persona)
        if outcome.status != expected:
            self.wrong.append(f'{case}: {outcome.status} instead of {expected} {outcome.body[:200]}')
        if all(statement.startswith('SELECT ') for statement in outcome.statements):
            # The end of the row looks once for all of these.
            return outcome
        if outcome.status >= 400 or row.startswith('GET'):
            self.check_untouched(case)
            return outcome
        stored = self.rows()
        scope = persona.project if self.api_version == 'v1' else 'p1'
        if beyond(stored, scope) != beyond(self.stored, scope):
            self.wrong.append(f'{case}: rows of another project have changed')
        if stored != self.stored:
            self.restore(stored)
        return outcome

    def outcome(self, row: str, persona: Persona, kind: str) -> Outcome:
        route, _, key = row.partition(' with ')
        places = [f'{{{key}}}'] if key and row not in BODIES else routes.places(route)
        client = self.as_(persona.user, persona.project, persona.roles)
        if row in BODIES:
            what = {'is_central': '{client_id}', 'all_projects': '{job_id}'}.get(key, f'{{{key}}}')
            id_ = self.ids_of[kind][what]
            path = self.path(route)
            body = json.dumps(BODIES[row](id_)).encode()
        else:
            id_ = self.ids_of[kind][places[0]]
            path = self.path(route, **{places[0]: id_})
            body = ROUTES[route][0].content
        query = 'all_projects=true' if key == 'all_projects' else ''
        with self.count_statements() as statements:
            answer = self.send(route, body, path, query, api=client)
        headers = sorted(
            (name, value)
            for name, value in answer.headers.items()
            if name.lower() not in ('x-openstack-request-id', 'date')
        )
        statements = [_NOTED.sub(f'a note in {SHARED}', statement) for statement in statements]
        # Ids that the caller chose come back; those that the service makes are new each time.
        text = re.sub(r'\b[0-9a-f]{32}\b', 'NEW', answer.text.replace(f'"{id_}"', '"ID"'))
        return Outcome(answer.status_int, text, headers, statements)


def beyond(stored: databases.Snapshot, project_id: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of all projects but one."""
    return {
        table: [row for row in rows if row['project_id'] != project_id]
        for table, rows in stored.items()
        if table != SHARED
    }
