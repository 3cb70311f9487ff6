# SPDX-License-Identifier: Apache-2.0
"""What no table holds of a document, and the ledger keeps."""

import json
from typing import Any

from tests import migrating
from tests.migrating import backup

Document = dict[str, Any]


class RemainderTest(migrating.MigrationTestCase):
    def remainder(self, kind: str) -> Document:
        """What is kept of the only document of a type that something is kept of."""
        [text] = [
            row['remainder']
            for row in self.rows()['migration_entries']
            if row['collection'] == kind and row['remainder']
        ]
        return dict(json.loads(text))

    def test_large_document_that_is_there_twice_is_kept(self) -> None:
        line = backup(1)
        line['_source']['backup_metadata']['log'] = 'ж' * (3 * 2**20)
        again = {**line, '_id': 'another'}
        lines = [json.dumps(each, ensure_ascii=False) for each in (line, again)]
        report = self.migrate(*lines)
        self.assertEqual(1, report['reasons']['same_document']['count'])
        self.assertEqual(line['_source'], self.remainder('backups'))
