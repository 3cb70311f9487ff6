# SPDX-License-Identifier: Apache-2.0
"""What a migration says, and where."""

import json
import os
import subprocess

from tests import migrating
from tests.migrating import backup, hit


class StreamsTest(migrating.MigrationTestCase):
    def test_migration_goes_on_when_nobody_listens(self) -> None:
        path = self.write(*(backup(number) for number in range(100)))
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            self.command('--dump', path, '--verify'),
            cwd=migrating.TREE,
            stdout=subprocess.PIPE,
            stderr=writing,
            text=True,
            timeout=60,
        )
        os.close(writing)
        self.assertEqual(0, done.returncode)
        self.assertIn('Verified: 100 equal', done.stdout)
        self.assertEqual(100, len(self.rows()['backups']))

    def test_log_is_no_part_of_the_report(self) -> None:
        with self.config_file.open('a') as file:
            file.write('connection_debug = 50\n')
        done = subprocess.run(
            self.command('--dump', self.write(backup(1))),
            cwd=migrating.TREE,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('INSERT INTO backups', done.stderr)
        self.assertNotIn('INSERT INTO', done.stdout)

    def test_log_that_cannot_be_written_is_no_traceback(self) -> None:
        path = self.write(backup(1))
        for option in ('log_config_append = /nope', 'log_dir = /proc/nope\nlog_file = migration.log'):
            with self.config_file.open('a') as file:
                file.write(f'[DEFAULT]\n{option}\n')
            outcome = self.run_command('--dump', path)
            self.assertEqual(5, outcome.code, outcome.err)
            self.assertIn('The configuration is wrong', outcome.err)
            self.assertIn('/nope', outcome.err)


class ReportTest(migrating.MigrationTestCase):
    def test_documents_are_counted_that_have_rows(self) -> None:
        lines = [backup(1), backup(1), backup(2), {**backup(2), '_id': 'again'}, '{"cut']
        for name in ('new', 'unchanged'):
            report = self.migrate(*lines, code=2)
            self.assertEqual({'new': 0, 'updated': 0, 'unchanged': 0, 'kept': 0, name: 2}, report['rows'])

    def test_what_is_not_in_the_source_is_told_whenever_it_is_looked_at(self) -> None:
        lost = hit('sessions', 's1', {'session_id': 's1', 'user_id': 'bob'})
        self.migrate(backup(1), backup(2), backup(3), lost, '{"cut', code=2)
        for options in (('--dry-run',), (), (), ('--report', self.folder / 'again.json')):
            outcome = self.run_command('--dump', self.write(backup(1)), *options)
            path = self.folder / ('again.json' if '--report' in options else 'report.json')
            report = json.loads(path.read_bytes())
            self.assertEqual(2, report['migrated_earlier_but_not_in_the_source'], options)
            names = {f'freezer/backups/{backup(number)["_id"]}' for number in (2, 3)}
            self.assertEqual(names, set(report['examples_not_in_the_source']))
            self.assertIn('Migrated earlier and not in this source: 2', outcome.out)
