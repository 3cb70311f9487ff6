# SPDX-License-Identifier: Apache-2.0
"""What a migration says, and where."""

import os
import subprocess

from tests import migrating
from tests.migrating import backup


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
            self.assertIn('The log cannot be written', outcome.err)
            self.assertIn('/nope', outcome.err)
