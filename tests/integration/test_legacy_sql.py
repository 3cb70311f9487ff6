# SPDX-License-Identifier: Apache-2.0
"""Databases that published releases of freezer-api filled, migrated, and what the API answers before and after."""

import dataclasses
import functools
import json
from typing import Any, ClassVar

import sqlalchemy as sa
import testscenarios

from freezer_api.db import actions
from freezer_api.migrate.legacy import tables
from freezer_api.migrate.legacy.database import LegacyDatabase
from freezer_api.schemas.clients import DEFAULTS
from tests import base, databases, migrating
from tests.integration import legacy_content, published, report
from tests.integration.legacy_content import ALICE, COLLECTIONS, USERS, Answers
from tests.integration.legacy_service import Document, LegacyService, User

# Environments of releases that are served, and the version of the API.
RELEASES = (('api-8', 'v2'), ('api-15', 'v1'), ('api-18', 'v2'), ('api-19', 'v2'))
ENVIRONMENTS = ('api-8', 'api-15', 'api-18', 'api-19')

# Every revision there was, in the order in which a database went through them, by the release that has them all.
REVISIONS = {
    'api-15': ('1', '2', '3'),
    'api-19': (
        '1333cef214d9',
        'e74c32f034c5',
        '23c8ad2655a6',
        '29a2fd19eb86',
        '30a3fd20ec97',
        '4f8c679a1d3b',
        'a1b2c3d4e5f6',
        '5c9d21e87f34',
        '7a3b9c1d2e4f',
    ),
}

# What old answers repeat of the columns of an action, with null where there is nothing.
_REPEATED = (
    *('backup_name', 'action', 'mode', 'container', 'timeout', 'priority', 'path_to_backup'),
    *('log_file', 'src_file'),
)


@dataclasses.dataclass(frozen=True)
class Filled:
    """A database that users filled through a release.

    :ivar answers: of the release, by user
    """

    release: str
    url: str
    answers: dict[str, Answers]
    deleted: dict[str, list[str]]


@functools.cache
def filled(environment: str, version: str) -> Filled:
    """Fill a database when a test first asks for it."""
    service = LegacyService(environment, version)
    service.sync()
    service.start()
    deleted: dict[str, list[str]] = {name: [] for name in COLLECTIONS}
    try:
        for user in USERS:
            content = legacy_content.fill(service, user)
            for name, ids in content.deleted.items():
                deleted[name] += ids
        answers = {user.user_id: legacy_content.answers(service, user) for user in USERS}
    except AssertionError as error:
        raise AssertionError(f'{error}\n{service.tail()}') from error
    finally:
        service.stop()
    return Filled(service.release, service.url, answers, deleted)


class LegacySqlTestCase(migrating.MigrationTestCase):
    """A test whose sources are in MariaDB."""

    source_name = 'legacy-sql'
    # Making these may take longer than a test may.
    environments: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if 'mariadb' in databases.names():
            for name in cls.environments:
                published.environment(name)

    def setUp(self) -> None:
        super().setUp()
        if 'mariadb' not in databases.names():
            self.skipTest('MariaDB is not among FREEZER_TEST_DATABASES')

    def migrate_from(self, url: str, *options: object) -> Document:
        """Migrate, and verify; return the report."""
        projects = self.folder / 'projects'
        projects.write_text(''.join(f'{user.user_id} {user.project_id}\n' for user in USERS))
        outcome = self.run_command('--from', url, '--verify', '--map', projects, *options)
        self.assertEqual(0, outcome.code, outcome.out + outcome.err)
        return outcome.report


class ReleaseTest(LegacySqlTestCase):
    """What a release answered, this service answers after the migration."""

    environments = ENVIRONMENTS
    maxDiff = None
    environment: str
    version: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scenarios = testscenarios.multiply_scenarios(
            self.scenarios,
            [(name, {'environment': name, 'version': version}) for name, version in RELEASES],
        )

    def setUp(self) -> None:
        super().setUp()
        self.source = filled(self.environment, self.version)

    def caller(self, user: User) -> base.Client:
        return base.Client(self.webtest, user.user_id, user.project_id, user.roles, self.version)

    def answers(self, user: User) -> Answers:
        caller = self.caller(user)
        found: Answers = {}
        for name, key in COLLECTIONS.items():
            found[name] = {}
            for document in caller.get(caller.url(name), params={'limit': 1000}).json[name]:
                document_id = (document['client'] if name == 'clients' else document)[key]
                one = caller.get(caller.url(name, document_id)).json
                self.assertEqual(document, one)
                found[name][document_id] = one
        return found

    def test_answers_are_those_of_the_release(self) -> None:
        self.migrate_from(self.source.url)
        count = 0
        for user in USERS:
            old, new = self.source.answers[user.user_id], self.answers(user)
            for name, documents in old.items():
                self.assertEqual(sorted(documents), sorted(new[name]), name)
                for document_id, document in documents.items():
                    expected = _EXPECTED[name](document, user, self.version)
                    found = {**new[name][document_id]}
                    found.pop('version', None)
                    self.assertEqual(_lines(expected), _lines(found), f'{name} {document_id}')
                    count += 1
        report.line(
            'freezer-api',
            self.source.release,
            f'{count} documents of {self.version} are the same after a migration to {self.database_name}',
        )

    def test_documents_are_loaded_without_a_word(self) -> None:
        found = self.migrate_from(self.source.url)
        # Nothing of them needed a repair but the project that v1 did not write.
        self.assertEqual([] if self.version == 'v2' else ['project_found'], self.repairs(found))
        self.assertEqual(0, found['verification']['different'])
        self.assertEqual(found['read'], found['verification']['equal'])

    def repairs(self, found: Document) -> list[str]:
        return [name for name, why in found['reasons'].items() if why['state'] != 'warned']

    def test_deleted_documents_stay_behind(self) -> None:
        self.migrate_from(self.source.url)
        stored = json.dumps(self.rows(), default=str)
        for name, ids in self.source.deleted.items():
            self.assertTrue(ids, name)
            for document_id in ids:
                # Deleted jobs may be remembered by sessions.
                self.assertNotIn(f'"{document_id}"', stored)

    def test_second_run_changes_nothing(self) -> None:
        self.migrate_from(self.source.url)
        before = self.rows()
        again = self.migrate_from(self.source.url)
        self.assertEqual(before, self.rows())
        self.assertEqual([0, 0], [again['rows'][name] for name in ('new', 'updated')])


class SourceTest(LegacySqlTestCase):
    """The source is read, and nothing else."""

    environments = ('api-19',)

    def setUp(self) -> None:
        super().setUp()
        self.source = filled('api-19', 'v2')
        self.engine = sa.create_engine(self.source.url, poolclass=sa.pool.NullPool)

    def contents(self) -> Document:
        """All rows of the source, whatever the tables are."""
        metadata = sa.MetaData()
        with self.engine.connect() as connection:
            metadata.reflect(connection)
            return {
                table.name: sorted(map(repr, connection.execute(sa.select(table))))
                for table in metadata.sorted_tables
            }

    def test_source_is_as_it_was(self) -> None:
        before = self.contents()
        self.migrate_from(self.source.url)
        self.assertEqual(before, self.contents())

    def test_only_reads_are_sent_to_the_source(self) -> None:
        name = sa.make_url(self.source.url).database
        sent: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if connection.engine.url.database == name:
                sent.append(statement)

        sa.event.listen(sa.Engine, 'before_cursor_execute', note)
        try:
            self.migrate_from(self.source.url)
        finally:
            sa.event.remove(sa.Engine, 'before_cursor_execute', note)
        allowed = ('SELECT ', 'SHOW ', 'SET SESSION TRANSACTION ', 'START TRANSACTION ')
        self.assertEqual([], [text for text in sent if not text.strip().startswith(allowed)])
        starts = {text for text in sent if text.startswith('START TRANSACTION')}
        self.assertEqual({'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY'}, starts)
        # Pages, never a table.
        whole = [text for text in sent if 'backup_metadata' in text and 'LIMIT' not in text and ' IN (' not in text]
        self.assertEqual([], whole)

    def test_who_may_only_read_can_migrate(self) -> None:
        url = sa.make_url(self.source.url)
        name = f'reader_{url.database}'[-30:]
        with self.engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE USER {name} IDENTIFIED BY 'only-reads'")
            self.addCleanup(self.execute, f'DROP USER {name}')
            connection.exec_driver_sql(f'GRANT SELECT ON {url.database}.* TO {name}')
        reader = url.set(username=name, password='only-reads')
        self.migrate_from(reader.render_as_string(hide_password=False))

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def test_rows_written_meanwhile_are_told(self) -> None:
        url = sa.make_url(self.source.url)
        source = LegacyDatabase(url)
        description = source.describe()
        self.assertEqual([], source.changed_since(description))
        with tables.opened(url) as found:
            before = found.state('backups')
            self.execute('UPDATE backups SET updated_at = coalesce(updated_at, now()) + INTERVAL 1 HOUR')
            # One snapshot, whatever happens meanwhile.
            self.assertEqual(before, found.state('backups'))
        self.assertEqual(['backups'], source.changed_since(description))


class RevisionTest(LegacySqlTestCase):
    """Every state that the tables were ever in can be read."""

    environments = ('api-15', 'api-19')

    def test_every_revision_is_read(self) -> None:
        for environment, revisions in REVISIONS.items():
            service = LegacyService(environment)
            for revision in revisions:
                service.migrate(revision)
                if revision == revisions[0]:
                    self.insert(service.url)
                self.database.clear()
                found = self.migrate_from(service.url)
                self.assertEqual((5, 5), (found['read'], found['verification']['equal']), revision)
                self.check_answers(revision)

    def insert(self, url: str) -> None:
        """One row of each kind, in what all first revisions have."""
        owner = {'user_id': ALICE.user_id, 'project_id': ALICE.project_id, 'deleted': 0}
        entry = {'action_id': 'a1', 'freezer_action': _DEFINITION, 'max_retries': 5}
        host = {'client_id': 'p1_web01', 'hostname': 'web01'}
        metadata = {'container': 'c', 'hostname': 'web01', 'backup_name': 'n'}
        rows: dict[str, Document] = {
            'clients': {'id': 'u1', 'uuid': 'u1', **host},
            'sessions': {'id': 's1', 'schedule': '{}', 'hold_off': 30, 'session_tag': 0},
            'actions': {
                'id': 'a1',
                'action': 'backup',
                'src_file': '/srv',
                'mandatory': 0,
                'max_retries': 5,
                'max_retries_interval': 6,
                'backup_metadata': json.dumps(_DEFINITION),
            },
            'jobs': {
                'id': 'j1',
                'client_id': 'p1_web01',
                'session_id': '',
                'session_tag': 0,
                'schedule': '{}',
                'job_actions': json.dumps([entry]),
            },
            'backups': {'id': 'b1', 'user_name': 'a', 'backup_metadata': json.dumps(metadata)},
        }
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        with engine.begin() as connection:
            for name, row in rows.items():
                table = sa.table(name, *map(sa.column, {**row, **owner}))
                connection.execute(sa.insert(table).values({**row, **owner}))

    def check_answers(self, revision: str) -> None:
        def get(name: str, document_id: str) -> Document:
            document: Document = self.api.get(self.url(name, document_id)).json
            return document

        action = get('actions', 'a1')['freezer_action']
        path = action.get('path_to_backup', action.get('src_file'))
        self.assertEqual(('backup', '/srv', 1), (action['action'], path, action['level']), revision)
        entries = get('jobs', 'j1')['job_actions']
        self.assertEqual(['a1'], [entry['action_id'] for entry in entries], revision)
        self.assertEqual('web01', get('clients', 'p1_web01')['client']['hostname'])
        self.assertEqual(30, get('sessions', 's1')['hold_off'])
        self.assertEqual('available', get('backups', 'b1')['status'])


_DEFINITION = {'action': 'backup', 'level': 1}


def _lines(document: Document) -> str:
    """A document, such that a difference is a line."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)


def _owned(document: Document, user: User, version: str) -> Document:
    """The document with its project, which v1 does not show and rows of v1 do not have."""
    owned = {'project_id': user.project_id, **document}
    if version == 'v1':
        del owned['project_id']
    return owned


def _client(document: Document, user: User, version: str) -> Document:
    # Old releases knew nothing of these; their clients do everything.
    client = {**DEFAULTS, 'is_central': False, **document['client']}
    return {**_owned(document, user, version), 'client': client}


def _session(document: Document, user: User, version: str) -> Document:
    return {'jobs': {}, **_owned(document, user, version)}


def _action(document: Document, user: User, version: str) -> Document:
    found = _owned(document, user, version)
    # Lists of actions have it once more.
    found.pop('timeout', None)
    return _entry(found)


def _entry(entry: Document) -> Document:
    definition = {
        name: value
        for name, value in entry['freezer_action'].items()
        if value is not None or name not in _REPEATED
    }
    usual = {
        'max_retries': actions.MAX_RETRIES,
        'max_retries_interval': actions.MAX_RETRIES_INTERVAL,
        'mandatory': False,
    }
    # A change of an action without these made them null, which agents cannot read.
    given = {name: value for name, value in entry.items() if value is not None or name not in usual}
    return {**usual, **given, 'freezer_action': definition}


def _job(document: Document, user: User, version: str) -> Document:
    owner = _owned({'user_id': user.user_id}, user, version)
    entries = [{**owner, **_entry(entry)} for entry in document['job_actions']]
    # Agents take these for granted.
    schedule = {'event': '', 'status': '', 'result': '', **document['job_schedule']}
    return {
        **_owned(document, user, version),
        'job_actions': entries,
        'job_schedule': schedule,
    }


def _backup(document: Document, user: User, version: str) -> Document:
    found = _owned(document, user, version)
    if version == 'v2':
        found.pop('user_name', None)
        found.setdefault('status', 'available')
    return found


_EXPECTED = {
    'clients': _client,
    'sessions': _session,
    'actions': _action,
    'jobs': _job,
    'backups': _backup,
}
