# SPDX-License-Identifier: Apache-2.0
"""A migration that is taken back."""

import subprocess
from typing import Any

from tests import migrating
from tests.migrating import action, backup

Document = dict[str, Any]


class UndoTest(migrating.MigrationTestCase):
    def answer(self, text: str) -> tuple[int, str, str]:
        """Undo, and answer what is asked; return exit code and output."""
        command = [word for word in self.command('--undo') if word != '--yes']
        done = subprocess.run(
            command, cwd=migrating.TREE, input=text, capture_output=True, text=True, timeout=60
        )
        self.assertNotIn('Traceback', done.stderr)
        return done.returncode, done.stdout, done.stderr

    def test_nothing_is_removed_unless_somebody_says_so(self) -> None:
        self.migrate(backup(1))
        for text in ('', '\n', 'no\n'):
            code, out, err = self.answer(text)
            self.assertEqual(1, code, err)
            self.assertIn('Remove all that was migrated into ', out)
            self.assertIn('[y/N]', out)
            self.assertIn('Nothing was removed.', err)
            self.assertEqual(1, len(self.rows()['backups']))
        code, out, err = self.answer('yes\n')
        self.assertEqual(0, code, err)
        self.assertEqual({}, self.stored())

    def test_dry_run_tells_the_same_and_writes_nothing(self) -> None:
        self.migrate(*(backup(number) for number in range(700)), action('a1'))
        self.api.patch(self.v2('backups', backup(1)['_id']), json={'status': 'error'})
        before = self.rows()
        dry = self.run_command('--undo', '--dry-run')
        self.assertEqual((0, before), (dry.code, self.rows()))
        self.assertTrue(dry.report.pop('dry_run'))
        self.assertIn('This was a dry run', dry.out)
        wet = self.run_command('--undo')
        self.assertFalse(wet.report.pop('dry_run'))
        self.assertEqual(dry.report, wet.report)

    def test_what_is_kept_is_listed_apart_from_what_is_gone(self) -> None:
        self.migrate(*(backup(number) for number in range(30)))
        changed = [backup(number)['_id'] for number in range(12)]
        for name in changed:
            self.api.patch(self.v2('backups', name), json={'status': 'error'})
        self.api.delete(self.v2('backups', backup(20)['_id']))
        for _ in range(2):
            outcome = self.run_command('--undo')
            found = outcome.report['undone']['backups']
            self.assertEqual((12, 1), (found['kept'], found['gone']))
            self.assertEqual({f'p1/{name}' for name in changed}, set(outcome.report['kept']['backups']))
            self.assertEqual(10, outcome.out.count('backups p1/'))
            self.assertIn('and 2 more backups', outcome.out)
