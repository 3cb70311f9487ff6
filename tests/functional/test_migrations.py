# SPDX-License-Identifier: Apache-2.0
"""Migrations make the tables that the models describe, on every database."""

from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy
import testscenarios
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from freezer_api.db import migration
from freezer_api.db.models import Base
from tests import base, databases


def _revisions() -> list[str]:
    """All revisions, oldest first."""
    config = Config()
    config.set_main_option('script_location', migration.scripts_location())
    scripts = ScriptDirectory.from_config(config)
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


class HistoryTest(base.TestCase):
    def test_history_is_one_line(self) -> None:
        config = Config()
        config.set_main_option('script_location', migration.scripts_location())
        scripts = ScriptDirectory.from_config(config)
        self.assertEqual([migration.head()], scripts.get_heads())
        self.assertEqual([], [s for s in scripts.walk_revisions() if s.is_merge_point])

    def test_scripts_are_no_package(self) -> None:
        # Else "import alembic" in the tree finds the folder instead of the library.
        self.assertEqual([], list(Path(migration.scripts_location()).rglob('__init__.py')))


class MigrationTest(testscenarios.WithScenarios, base.TestCase):
    scenarios: ClassVar = [(name, {'database_name': name}) for name in databases.names()]
    database_name: str

    def setUp(self) -> None:
        super().setUp()
        self.url = self.new_database()

    def new_database(self) -> str:
        url, drop = databases.create(self.database_name)
        self.addCleanup(drop)
        return url

    def engine(self, url: str) -> sqlalchemy.Engine:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        self.addCleanup(engine.dispose)
        return engine

    def describe(self, url: str) -> dict[str, Any]:
        """All that the database tells about its tables, apart from their order."""
        inspector = sqlalchemy.inspect(self.engine(url))
        return {
            table: {
                'columns': {
                    column['name']: (
                        repr(column['type']),
                        column['nullable'],
                        column['default'],
                    )
                    for column in inspector.get_columns(table)
                },
                'primary key': inspector.get_pk_constraint(table),
                'foreign keys': sorted(inspector.get_foreign_keys(table), key=repr),
                'unique': sorted(inspector.get_unique_constraints(table), key=repr),
                'indexes': sorted(inspector.get_indexes(table), key=repr),
                'checks': sorted(inspector.get_check_constraints(table), key=repr),
                'options': inspector.get_table_options(table),
            }
            for table in inspector.get_table_names()
            if table != migration.VERSION_TABLE
        }

    def test_models_and_migrations_agree(self) -> None:
        migration.upgrade(self.url)
        with self.engine(self.url).connect() as connection:
            context = MigrationContext.configure(
                connection, opts={'compare_type': True, 'compare_server_default': True}
            )
            self.assertEqual([], compare_metadata(context, Base.metadata))

    def test_migrations_make_what_the_models_would_make(self) -> None:
        migration.upgrade(self.url)
        other = self.new_database()
        Base.metadata.create_all(self.engine(other))
        migrated, made = self.describe(self.url), self.describe(other)
        self.assertEqual(set(made), set(migrated))
        for table, description in made.items():
            self.assertEqual(description, migrated[table], table)

    def test_every_constraint_has_a_name(self) -> None:
        for table in Base.metadata.tables.values():
            for constraint in table.constraints:
                self.assertIsNotNone(constraint.name, f'{table.name}: {constraint!r}')
        migration.upgrade(self.url)
        for table, description in self.describe(self.url).items():
            for kind in ('foreign keys', 'unique', 'indexes'):
                for item in description[kind]:
                    self.assertTrue(item['name'], f'{table}: {item}')

    def test_every_revision_can_be_taken_back_and_applied_again(self) -> None:
        before = 'base'
        for revision in _revisions():
            empty = self.describe(self.url)
            migration.upgrade(self.url, revision)
            self.assertEqual(revision, migration.current(self.url))
            full = self.describe(self.url)
            migration.downgrade(self.url, before)
            self.assertEqual(empty, self.describe(self.url))
            migration.upgrade(self.url, revision)
            self.assertEqual(full, self.describe(self.url))
            before = revision
        migration.downgrade(self.url, 'base')
        self.assertEqual({}, self.describe(self.url))
        self.assertIsNone(migration.current(self.url))

    def test_an_empty_database_is_pending_and_a_migrated_one_is_not(self) -> None:
        self.assertIsNone(migration.current(self.url))
        self.assertTrue(migration.pending(self.url))
        migration.upgrade(self.url)
        self.assertEqual(migration.head(), migration.current(self.url))
        self.assertFalse(migration.pending(self.url))

    def test_upgrading_twice_changes_nothing(self) -> None:
        migration.upgrade(self.url)
        before = self.describe(self.url)
        migration.upgrade(self.url)
        self.assertEqual(before, self.describe(self.url))

    def test_an_engine_serves_as_well_as_a_url(self) -> None:
        engine = self.engine(self.url)
        migration.upgrade(engine)
        self.assertFalse(migration.pending(engine))
        migration.remove(engine)
        self.assertTrue(migration.pending(engine))

    def test_rows_are_counted(self) -> None:
        self.assertEqual([], migration.tables(self.url))
        migration.upgrade(self.url)
        with self.engine(self.url).begin() as connection:
            connection.execute(
                sqlalchemy.insert(Base.metadata.tables['trusts']).values(
                    trust_id='t',
                    handle='h',
                    trustor_user_id='u',
                    trustee_user_id='a',
                    project_id='p',
                    roles='[]',
                    created_at=0,
                )
            )
        counts = dict(migration.tables(self.url))
        self.assertEqual(set(Base.metadata.tables), set(counts))
        self.assertEqual({'trusts': 1}, {name: rows for name, rows in counts.items() if rows})

    def test_removal_leaves_the_tables_of_others(self) -> None:
        migration.upgrade(self.url)
        engine = self.engine(self.url)
        with engine.begin() as connection:
            connection.exec_driver_sql('CREATE TABLE others (id INTEGER)')
        migration.remove(self.url)
        self.assertEqual(['others'], sqlalchemy.inspect(engine).get_table_names())
        migration.remove(self.url)

    def test_a_migration_that_stopped_halfway_can_be_removed(self) -> None:
        engine = self.engine(self.url)
        Base.metadata.tables['jobs'].create(engine)
        self.assertRaises(sqlalchemy.exc.SQLAlchemyError, migration.upgrade, self.url)
        migration.remove(self.url)
        self.assertEqual([], sqlalchemy.inspect(engine).get_table_names())
        migration.upgrade(self.url)
        self.assertFalse(migration.pending(self.url))

    def test_a_migration_that_fails_changes_nothing_where_the_database_can(self) -> None:
        if self.database_name == 'mariadb':
            self.skipTest('schema changes are not transactional on MariaDB')
        engine = self.engine(self.url)
        Base.metadata.tables['trusts'].create(engine)
        self.assertRaises(sqlalchemy.exc.SQLAlchemyError, migration.upgrade, self.url)
        self.assertEqual(['trusts'], sqlalchemy.inspect(engine).get_table_names())

    def test_ids_that_differ_in_case_or_accents_are_different(self) -> None:
        migration.upgrade(self.url)
        table = Base.metadata.tables['trusts']
        ids = ['job', 'Job', 'jób', 'job\u0301']
        with self.engine(self.url).begin() as connection:
            for trust_id in ids:
                connection.execute(
                    table.insert().values(
                        trust_id=trust_id,
                        handle=trust_id,
                        trustor_user_id='u',
                        trustee_user_id='a',
                        project_id='p',
                        roles='[]',
                        created_at=0,
                    )
                )
            stored = connection.execute(sqlalchemy.select(table.c.trust_id)).scalars()
            self.assertEqual(set(ids), set(stored))
