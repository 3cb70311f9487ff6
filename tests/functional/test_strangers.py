# SPDX-License-Identifier: Apache-2.0
"""Databases of others are refused, and left as they are."""

import os
import subprocess
import sys
from typing import ClassVar

import sqlalchemy
import testscenarios

from freezer_api.db import migration
from tests import databases, legacy
from tests.functional import test_manage

_MANUAL = 'See migrate legacy-sql in the manual.'

# As much of the old service's as is looked at.
_OLD = (
    'CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)',
    "INSERT INTO alembic_version VALUES ('7a3b9c1d2e4f')",
    'CREATE TABLE jobs (id VARCHAR(36) PRIMARY KEY, deleted INTEGER)',
    "INSERT INTO jobs VALUES ('j1', 0)",
)


class StrangersTestCase(testscenarios.WithScenarios, test_manage.CommandTestCase):
    scenarios: ClassVar = [(name, {'database_name': name}) for name in databases.names()]
    database_name: str

    def setUp(self) -> None:
        super().setUp()
        self.url, drop = databases.create(self.database_name)
        self.addCleanup(drop)
        self.configure(self.url)

    def execute(self, *statements: str) -> None:
        engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def content(self) -> dict[str, list[tuple[object, ...]]]:
        """Everything in the database."""
        engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            names = sqlalchemy.inspect(connection).get_table_names()
            return {
                name: [tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM {name}')]
                for name in names
            }

    def check_refused(self, module: str, *args: str, code: int, text: str) -> None:
        before = self.content()
        self.module = module
        result = self.run_command(*args)
        output = result.stdout + result.stderr
        self.assertEqual(code, result.returncode, output)
        # Tables of results are wrapped.
        self.assertIn(text, ' '.join(output.replace('|', ' ').split()))
        self.assertEqual(before, self.content())


class OldTablesTest(StrangersTestCase):
    """Those of freezer-api 19.0.0 and earlier."""

    def setUp(self) -> None:
        super().setUp()
        self.execute(*_OLD)

    def test_are_refused_by_freezer_manage(self) -> None:
        dump = self.folder / 'dump.ndjson'
        dump.write_text('')
        for args in (
            *(['db', name] for name in ('sync', 'check', 'show')),
            ['--yes', 'db', 'remove'],
            ['trusts', 'purge'],
        ):
            self.check_refused('freezer_api.cmd.manage', *args, code=1, text=_MANUAL)
        migrate = ('migrate', 'elasticsearch', '--dump', str(dump))
        self.check_refused('freezer_api.cmd.manage', *migrate, code=5, text=_MANUAL)

    def test_are_refused_by_freezer_status(self) -> None:
        self.check_refused('freezer_api.cmd.status', 'upgrade', 'check', code=2, text=_MANUAL)

    def test_are_refused_by_the_service(self) -> None:
        self.check_refused('freezer_api.cmd.api', code=1, text=_MANUAL)

    def test_are_refused_by_other_servers(self) -> None:
        result = subprocess.run(
            [sys.executable, '-c', 'import freezer_api.wsgi'],
            capture_output=True,
            text=True,
            cwd=test_manage._TREE,
            env={**os.environ, 'FREEZER_API_CONFIG_FILES': str(self.config_file)},
            timeout=120,
            check=False,
        )
        self.assertEqual(1, result.returncode)
        self.assertIn(_MANUAL, result.stdout + result.stderr)


class LaterRevisionTest(StrangersTestCase):
    def test_of_a_database_is_refused(self) -> None:
        migration.upgrade(self.url)
        self.execute("UPDATE alembic_version SET version_num = '99999999_01'")
        for args in (['db', 'sync'], ['db', 'check'], ['--yes', 'db', 'remove']):
            self.check_refused(
                'freezer_api.cmd.manage', *args, code=1, text='99999999_01, which this release'
            )


class LegacyDatabaseTest(test_manage.CommandTestCase):
    def test_of_every_age_is_left_as_it_was(self) -> None:
        self.module = 'freezer_api.cmd.manage'
        for revision in legacy.REVISIONS:
            old = legacy.LegacyDatabase(self.folder, revision, f'{revision}.sqlite')
            old.add_job()
            before = old.digest()
            self.configure(old.url)
            for args in (['db', 'sync'], ['--yes', 'db', 'remove']):
                self.assertIn(_MANUAL, self.assert_fails(*args))
            self.assertEqual(before, old.digest())
