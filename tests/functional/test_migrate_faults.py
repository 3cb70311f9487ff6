# SPDX-License-Identifier: Apache-2.0
"""Migrations that are stopped, in the middle of anything, and run again."""

import contextlib
import gzip
import json
import os
import random
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from freezer_api.migrate import dump as dump_files
from freezer_api.migrate import loader
from tests import migrating
from tests.migrating import backup, mixture

Document = dict[str, Any]

# By database; elsewhere fewer.
KILLS = {'mariadb': 20}
FEWER_KILLS = 8
DOCUMENTS = 3000


class FaultTest(migrating.MigrationTestCase):
    def start(self, *args: object, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*args),
            cwd=migrating.TREE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, 'PYTHONPATH': str(migrating.TREE)},
            **options,
        )

    def finish(self, *args: object, **options: Any) -> tuple[int, str]:
        """Run to the end; return the exit code and all that was printed."""
        with self.start(*args, **options) as process:
            out, err = process.communicate(timeout=120)
        self.assertNotIn('Traceback', out + err)
        return process.returncode, out + err

    def entries(self) -> int:
        with self.database.engine.connect() as connection:
            count = connection.execute(sa.text('SELECT count(*) FROM migration_entries'))
            return int(count.scalar_one())

    def wait_for_entries(self, process: subprocess.Popen[str], more_than: int) -> None:
        """Until so many documents are loaded, or the process has ended."""
        while process.poll() is None and self.entries() <= more_than:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)

    def test_any_number_of_kills_leads_to_the_same_end(self) -> None:
        path = self.write(*mixture(DOCUMENTS))
        self.assertEqual(2, self.run_command('--dump', path, '--verify').code)
        expected = self.contents()
        self.database.clear()
        moments = random.Random(20261121)
        stops = 0
        kills = KILLS.get(self.database_name, FEWER_KILLS)
        for _ in range(kills):
            done = self.entries()
            if done == DOCUMENTS:
                self.assertEqual(expected, self.contents())
                self.database.clear()
                done = 0
            with self.start('--dump', path, '--quiet') as process:
                # Somewhere within the batches after some that are committed.
                self.wait_for_entries(process, done + moments.randrange(0, 600))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(moments.random() * 0.1)
                process.kill()
                process.communicate()
            stops += process.returncode == -signal.SIGKILL
        self.assertGreater(stops, kills // 2)
        outcome = self.run_command('--dump', path, '--verify')
        self.assertEqual(2, outcome.code, outcome.out)
        self.assertEqual(DOCUMENTS, outcome.report['read'])
        self.assertEqual(expected, self.contents())

    def test_kills_while_the_source_is_pulled_lead_to_the_same_spool(self) -> None:
        lines = b''.join(json.dumps(line).encode() + b'\n' for line in mixture(20_000))
        packed = self.folder / 'dump.gz'
        packed.write_bytes(gzip.compress(lines, 1))
        spool = self.folder / 'spool'
        arguments = ('--dump', packed, '--spool', spool, '--stage', 'pull', '--quiet')
        moments = random.Random(20261121)
        for _ in range(KILLS.get(self.database_name, FEWER_KILLS) // 4):
            with self.start(*arguments) as process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(moments.random())
                process.kill()
                process.communicate()
            with contextlib.suppress(Exception):
                # Complete or not there.
                self.assertEqual(lines, dump_files.spooled(spool).read_bytes())
        self.assertEqual(0, self.run_command(*arguments).code)
        self.assertEqual(lines, dump_files.spooled(spool).read_bytes())
        self.assertEqual(['documents.ndjson'], os.listdir(spool))

    def test_killed_undo_can_be_gone_on_with_or_made_good(self) -> None:
        path = self.write(*mixture(DOCUMENTS))
        self.assertEqual(2, self.run_command('--dump', path).code)
        expected = self.contents()
        for arguments, result in (
            (('--dump', path), expected),
            (('--undo',), {name: [] for name in expected}),
        ):
            with self.start('--undo', '--quiet') as process:
                while process.poll() is None and self.entries() == DOCUMENTS:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.02)
                process.kill()
                process.communicate()
            self.run_command(*arguments)
            self.assertEqual(result, self.contents())

    def test_interrupt_says_how_to_go_on(self) -> None:
        path = self.write(*mixture(DOCUMENTS))

        def listen() -> None:
            # Whoever runs the tests in the background has it ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        with self.start('--dump', path, preexec_fn=listen) as process:
            self.wait_for_entries(process, 0)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        self.assertEqual((1, ''), (process.returncode, out))
        self.assertIn('to go on', err)
        self.assertNotIn('Traceback', err)
        self.assertEqual(2, self.run_command('--dump', path, '--verify').code)

    @contextlib.contextmanager
    def connections_cut(self) -> Iterator[list[int]]:
        """Cut all connections that are new, again and again; the numbers of those cut are collected."""
        url = sa.make_url(self.database.url)
        lists = {
            'mariadb': (
                'SELECT id FROM information_schema.processlist WHERE db = :name AND id != connection_id()',
                'KILL {}',
            ),
            'postgresql': (
                'SELECT pid FROM pg_stat_activity WHERE datname = :name AND pid != pg_backend_pid()',
                'SELECT pg_terminate_backend({})',
            ),
        }
        listed, kill = lists[self.database_name]
        engine = sa.create_engine(url, isolation_level='AUTOCOMMIT', poolclass=sa.NullPool)
        self.addCleanup(engine.dispose)
        cut: list[int] = []
        ended = threading.Event()
        values = {'name': url.database}
        with engine.connect() as connection:
            old = set(connection.execute(sa.text(listed), values).scalars())

        def work() -> None:
            with engine.connect() as connection:
                while not ended.wait(0.2):
                    for number in set(connection.execute(sa.text(listed), values).scalars()) - old:
                        with contextlib.suppress(sa.exc.DBAPIError):
                            connection.exec_driver_sql(kill.format(number))
                            cut.append(number)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield cut
        finally:
            ended.set()
            thread.join()

    def test_lost_connections_are_made_again(self) -> None:
        if self.database_name == 'sqlite':
            self.skipTest('there is no connection')
        path = self.write(*mixture(DOCUMENTS))
        self.run_command('--dump', path)
        expected = self.contents()
        self.database.clear()
        with self.connections_cut() as cut:
            outcome = self.run_command('--dump', path)
        self.assertGreater(len(cut), 0)
        # The looks before and after the loading are not repeated; then the next run goes on.
        if outcome.code != 2:
            self.assertEqual(5, outcome.code, outcome.err)
            outcome = self.run_command('--dump', path)
        self.assertEqual(2, outcome.code, outcome.err)
        self.assertEqual(expected, self.contents())

    def test_change_in_the_middle_of_an_update_is_not_lost(self) -> None:
        self.migrate(backup(1))
        path = self.v2('backups', backup(1)['_id'])
        caller = threading.Thread(
            target=self.api.patch, args=(path,), kwargs={'json': {'status': 'error'}}
        )
        migrating_thread = threading.get_ident()

        def interfere(connection: Any, cursor: Any, statement: str, *args: Any) -> None:
            if (
                threading.get_ident() == migrating_thread
                and statement.startswith('UPDATE backups')
                and caller.ident is None
            ):
                caller.start()
                # It has to wait for the migration.
                caller.join(1)

        sa.event.listen(sa.Engine, 'before_cursor_execute', interfere)
        try:
            report = self.migrate(backup(1, user_name='newer'))
        finally:
            sa.event.remove(sa.Engine, 'before_cursor_execute', interfere)
        caller.join(60)
        self.assertEqual(1, report['rows']['updated'])
        [row] = self.rows()['backups']
        self.assertEqual(('error', 'newer', 3), (row['status'], row['user_name'], row['version']))

    def test_database_that_is_away_is_no_traceback(self) -> None:
        url = {
            'sqlite': f'sqlite:////{self.folder}/none/db',
            'mariadb': 'mysql+pymysql://freezer:s3cret@127.0.0.1:1/freezer',
            'postgresql': 'postgresql+psycopg2://freezer:s3cret@127.0.0.1:1/freezer',
        }[self.database_name]
        self.configure(url)
        outcome = self.run_command('--dump', self.write(backup(1)))
        self.assertEqual(5, outcome.code, outcome.err)
        self.assertNotIn('s3cret', outcome.err)

    def test_second_migration_at_once_is_refused(self) -> None:
        path = self.write(*mixture(6 * DOCUMENTS))
        with self.start('--dump', path, '--quiet') as process:
            self.wait_for_entries(process, 0)
            self.assertIsNone(process.poll())
            outcome = self.run_command('--dump', path)
            process.kill()
            process.communicate()
        self.assertEqual(5, outcome.code, outcome.err)
        self.assertIn('Another migration', outcome.err)
        # The lock ends with its holder.
        self.migrate(backup(1))

    def test_lock_outlasts_the_time_that_the_server_waits_for_connections(self) -> None:
        if self.database_name != 'mariadb':
            self.skipTest('Other servers keep connections that say nothing.')
        self.configure(f'{self.database.url}&init_command=SET%20SESSION%20wait_timeout%3D1')
        load = loader.Loader.load
        codes: list[int] = []

        def load_slowly(*arguments: Any) -> None:
            self.patch(loader.Loader, 'load', load)
            time.sleep(2)
            codes.append(self.run_command('--dump', dump).code)
            load(*arguments)

        self.patch(loader.Loader, 'load', load_slowly)
        dump = self.write(backup(1))
        codes.append(self.run_command('--dump', dump).code)
        self.assertEqual([5, 0], codes)


class SourceTest(migrating.MigrationTestCase):
    """Sources that cannot be used, and mistakes on the command line."""

    def check(self, code: int, words: str, *args: object) -> None:
        before = self.rows()
        outcome = self.run_command(*args)
        self.assertEqual(code, outcome.code, outcome.err)
        self.assertIn(words, outcome.err)
        self.assertEqual(before, self.rows())

    def packed(self, content: bytes) -> Path:
        path = self.folder / 'dump.gz'
        path.write_bytes(content)
        return path

    def test_damaged_gzip_loads_nothing(self) -> None:
        good = gzip.compress(b''.join(json.dumps(line).encode() + b'\n' for line in mixture(500)))
        flipped = bytearray(good)
        flipped[len(good) // 2] ^= 0xFF
        tail = bytearray(good)
        tail[-6] ^= 0xFF
        for content in (good[: len(good) // 2], bytes(flipped), bytes(tail)):
            spool = self.folder / 'spool'
            path = self.packed(content)
            self.check(4, 'nothing was loaded', '--dump', path, '--spool', spool)
            self.assertEqual([], os.listdir(spool))

    def test_file_names_need_not_be_text(self) -> None:
        path = Path(os.fsdecode(os.fsencode(self.folder) + b'/dump-\xff'))
        path.write_bytes(self.write(backup(1)).read_bytes())
        outcome = self.run_command('--dump', path)
        self.assertEqual(0, outcome.code)
        self.assertIn('dump-\ufffd', outcome.report['source']['file'])

    def test_truncated_dump_loses_its_last_line_only(self) -> None:
        path = self.write(*mixture(500))
        path.write_bytes(path.read_bytes()[:-30])
        outcome = self.run_command('--dump', path)
        self.assertEqual(1, outcome.report['reasons']['broken_line']['count'])
        self.assertEqual(500, outcome.report['read'])

    def test_empty_source_is_nothing_to_do(self) -> None:
        self.assertEqual(0, self.run_command('--dump', self.write()).code)
        self.assertEqual(0, self.run_command('--dump', self.packed(gzip.compress(b''))).code)

    def test_stages_can_be_run_alone(self) -> None:
        spool = self.folder / 'spool'
        content = b''.join(json.dumps(line).encode() + b'\n' for line in mixture(500))
        self.check(4, 'no complete spool', '--stage', 'load', '--spool', spool)
        pull = ('--stage', 'pull', '--dump', self.packed(gzip.compress(content)), '--spool', spool)
        self.check(0, '', *pull)
        outcome = self.run_command('--stage', 'load', '--spool', spool)
        self.assertEqual((2, 500), (outcome.code, outcome.report['read']))
        outcome = self.run_command('--stage', 'verify', '--spool', spool)
        self.assertEqual((0, 490), (outcome.code, outcome.report['verification']['equal']))

    def check_on_a_full_disk(self, size: int, code: int, *args: object) -> str:
        """Run the command where no file can have more bytes; return its errors."""

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        with subprocess.Popen(
            self.command(*args),
            cwd=migrating.TREE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        ) as process:
            _, err = process.communicate(timeout=60)
        self.assertEqual(code, process.returncode, err)
        self.assertNotIn('Traceback', err)
        return err

    def test_full_disk_for_the_spool_leaves_nothing_behind(self) -> None:
        spool = self.folder / 'spool'
        content = b''.join(json.dumps(line).encode() + b'\n' for line in mixture(10_000))
        for path in (self.packed(gzip.compress(content)), self.folder / 'plain'):
            if path.name == 'plain':
                path.write_bytes(content)
            self.check_on_a_full_disk(2**20, 4, '--dump', path, '--spool', spool)
            self.assertEqual([], os.listdir(spool))
        self.assertEqual({}, self.stored())

    def test_full_disk_for_the_reject_file_can_be_gone_on_after(self) -> None:
        rejects = self.folder / 'rejected'
        path = self.write(backup(1), *['{"cut' + 'x' * 2000] * 3000, backup(2))
        arguments = ('--dump', path, '--reject-file', rejects)
        err = self.check_on_a_full_disk(2**22, 1, *arguments)
        self.assertIn(f'{rejects} cannot be written', err)
        self.assertEqual(2, self.run_command(*arguments).code)
        self.assertEqual(3000, len(rejects.read_text().splitlines()))

    def test_mistakes_have_their_own_exit_code(self) -> None:
        path = self.write(backup(1))
        broken = self.folder / 'map'
        broken.write_text('one two three\n')
        names = self.folder / 'names'
        names.write_text(json.dumps({'alice': 'p' * 65}))
        inside = self.folder / 'spool' / 'documents.ndjson'
        for words, args in (
            ('Name a source', ()),
            ('unrecognized', ('--dump', path, '--nonsense')),
            ('invalid choice', ('--dump', path, '--stage', 'later')),
            ('needs a --spool', ('--dump', path, '--stage', 'pull')),
            ('line 1', ('--dump', path, '--map', broken)),
            ('cannot be read', ('--dump', path, '--map', self.folder / 'none')),
            ('INDEX=TYPE', ('--dump', path, '--index-map', 'x=y')),
            ('not written over', ('--dump', path, '--reject-file', path)),
            ('not written over', ('--dump', path, '--report', path)),
            ('not written over', ('--dump', path, '--map', names, '--reject-file', names)),
            ('is in the spool', ('--dump', inside, '--spool', inside.parent)),
            ('64 characters', ('--dump', path, '--default-project', '')),
            ('64 characters', ('--dump', path, '--map', names)),
            ('cannot be written', ('--dump', path, '--reject-file', self.folder)),
            ('--undo', ('--dump', path, '--undo')),
            ('--undo', ('--undo', '--stage', 'load')),
            ('--dry-run', ('--dump', path, '--dry-run', '--verify')),
        ):
            self.check(127, words, *args)

    def test_source_that_is_not_there_is_no_traceback(self) -> None:
        self.check(4, 'cannot be read', '--dump', self.folder / 'none')
        self.check(4, 'cannot be read', '--dump', self.folder)
        pipe = self.folder / 'pipe'
        os.mkfifo(pipe)
        self.check(4, 'no file', '--dump', pipe)

    def test_tables_must_be_at_the_newest_revision(self) -> None:
        with self.database.engine.begin() as connection:
            [revision] = connection.execute(sa.text('SELECT version_num FROM alembic_version')).scalars()
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '20261121_01'"))
        try:
            self.check(5, 'db sync', '--dump', self.write(backup(1)))
        finally:
            with self.database.engine.begin() as connection:
                statement = sa.text('UPDATE alembic_version SET version_num = :revision')
                connection.execute(statement, {'revision': revision})

    def test_nothing_printed_or_reported_tells_what_documents_say(self) -> None:
        secret = {'action': 'backup', 'ssh_key': 's3cret', 'max_level': 's3cret'}
        entry = {'action_id': 'a1', 'freezer_action': secret, 'max_retries': 's3cret'}
        lines = [
            migrating.action('a1', freezer_action=secret, mandatory='s3cret'),
            migrating.job('j1', job_actions=[entry], description=7, ticket='s3cret'),
            '{"_id": "s3cret"',
        ]
        path = self.write(*lines)
        outcome = self.run_command('--dump', path, '--verify')
        self.assertEqual(2, outcome.code)
        self.assertNotIn('s3cret', outcome.out + outcome.err + json.dumps(outcome.report))
        self.assertNotIn('s3cret', self.log.output)
