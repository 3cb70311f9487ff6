# SPDX-License-Identifier: Apache-2.0
"""What documents are whose index has no types."""

from typing import Any

from tests import migrating
from tests.migrating import ALICE, DEFINITION, action, backup, client, counts, job, session

Document = dict[str, Any]


def untyped(index: str, line: Document) -> Document:
    """A document as it is in an index without types."""
    return {**line, '_index': index, '_type': '_doc'}


class KindTest(migrating.MigrationTestCase):
    def test_name_that_says_what_an_index_is_for_decides_nothing(self) -> None:
        lines = [job('j1', session_id='s1'), client('p1_web01'), action('a1'), session('s1'), backup(1)]
        for index in ('freezer-backups', 'freezer_jobs', 'freezer.clients'):
            self.database.clear()
            report = self.migrate(*(untyped(index, line) for line in lines))
            self.assertEqual(
                {'clients', 'sessions', 'actions', 'jobs', 'backups'}, set(report['states']), index
            )

    def test_name_decides_about_documents_that_may_be_of_several_types(self) -> None:
        member = {'job_id': 'j1', 'client_id': 'p1_web01', 'session_id': 's1', 'session_tag': 1}
        bare = {'action': 'backup', 'hostname': 'web01'}
        report = self.migrate(
            untyped('freezer-jobs', migrating.hit('', 'j1', {**member, **ALICE})),
            untyped('freezer-actions', migrating.hit('', 'a1', {**bare, **ALICE})),
        )
        self.assertEqual({'jobs', 'actions'}, set(report['states']))

    def test_map_decides_whatever_a_document_has(self) -> None:
        source = {'action_id': 'a1', 'freezer_action': DEFINITION, 'client': {}, **ALICE}
        line = untyped('freezer-backups', migrating.hit('', 'a1', source))
        report = self.migrate(line, options=('--index-map', 'freezer-backups=actions'))
        self.assertEqual({'loaded': 1}, counts(report, 'actions'))
