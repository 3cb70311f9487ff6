# SPDX-License-Identifier: Apache-2.0
"""What no table holds of a document, and the ledger keeps."""

import json
from typing import Any

from tests import migrating
from tests.migrating import DEFINITION, action, backup, job, session

Document = dict[str, Any]


class ValuesTest(migrating.MigrationTestCase):
    """Values that are taken, and those that are not."""

    def test_job_beside_the_metadata_of_a_backup_is_the_one_it_is_of(self) -> None:
        for beside, inside, expected in (
            ('j1', '', 'j1'),
            ('j1', 'j2', 'j1'),
            ('', 'j2', 'j2'),
            (' ', 'j2', 'j2'),
            (None, 'j2', 'j2'),
        ):
            self.database.clear()
            line = backup(1, job_id=beside)
            line['_source']['backup_metadata']['job_id'] = inside
            self.migrate(line)
            [row] = self.rows()['backups']
            self.assertEqual(expected, row['job_id'], (beside, inside))
            shown = self.api.get(self.v2('backups', line['_id'])).json
            self.assertEqual(inside, shown['backup_metadata']['job_id'])

    def test_numbers_have_digits_of_ascii(self) -> None:
        for text in ('1_0', '\u0663'):
            self.database.clear()
            report = self.migrate(
                session('s1', hold_off=text), job('j1', job_schedule={'time_started': text})
            )
            self.assertIn('not_a_number', report['reasons'])
            self.assertIn('time_converted', report['reasons'])
            shown = self.api.get(self.v2('sessions', 's1')).json
            self.assertEqual(30, shown['hold_off'])
            [row] = self.rows()['job_attachments']
            self.assertNotIn(row['time_started'], (3, 10))


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

    def test_version_that_somebody_gave_a_document_is_kept(self) -> None:
        for line in (action('a1', version=3), session('s1', version=3, policy='x')):
            report = self.migrate(line)
            self.assertEqual(['unknown_key'], list(report['reasons']))
            self.assertEqual({'version': 3}, self.remainder(line['_type']))

    def test_session_id_that_a_job_cannot_have_is_kept(self) -> None:
        for given in ('s' * 70, 7):
            for lines in ([], [session(given)]):
                self.database.clear()
                report = self.migrate(job('j1', session_id=given), *lines)
                self.assertIn('id_replaced', report['reasons'])
                self.assertEqual(given, self.remainder('jobs')['session_id (given)'])

    def test_user_of_an_entry_who_can_be_none_is_kept(self) -> None:
        entry = {'action_id': 'a1', 'freezer_action': DEFINITION, 'user_id': 'u' * 70}
        report = self.migrate(job('j1', job_actions=[entry]))
        self.assertIn('unknown_key', report['reasons'])
        self.assertEqual({'job_actions[0].user_id': 'u' * 70}, self.remainder('jobs'))
