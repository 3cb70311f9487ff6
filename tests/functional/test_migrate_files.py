# SPDX-License-Identifier: Apache-2.0
"""Files that a migration reads and writes."""

import gzip
import json
import os
from pathlib import Path

from tests import migrating
from tests.migrating import backup, mixture


class FilesTestCase(migrating.MigrationTestCase):
    def packed(self, *hits: migrating.Document) -> Path:
        path = self.folder / 'dump.gz'
        path.write_bytes(gzip.compress(b''.join(json.dumps(line).encode() + b'\n' for line in hits)))
        return path


class SpoolTest(FilesTestCase):
    def test_spool_is_written_by_a_pull_alone(self) -> None:
        spool = self.folder / 'spool'
        lines = mixture(100)
        self.run_command('--dump', self.write(*lines), '--stage', 'pull', '--spool', spool)
        before = (spool / 'documents.ndjson').read_bytes()
        self.assertEqual(len(lines), len(before.splitlines()))
        for stage in ('load', 'verify', 'all'):
            outcome = self.run_command('--dump', self.packed(backup(1)), '--stage', stage, '--spool', spool)
            self.assertEqual((0, 1), (outcome.code, outcome.report['source']['bytes'] < 500), outcome.err)
            self.assertEqual(before, (spool / 'documents.ndjson').read_bytes(), stage)
            self.assertEqual(['documents.ndjson'], os.listdir(spool))
