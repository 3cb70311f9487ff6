# SPDX-License-Identifier: Apache-2.0
"""Runs over a source that went on: what has a row already, and what comes later and claims the same."""

from typing import Any

from freezer_api.migrate import preparing
from tests import migrating
from tests.migrating import backup, client, counts, job, session

Document = dict[str, Any]


def elsewhere(line: Document, project_id: str = 'p2', user_id: str = 'bob') -> Document:
    """The document as another project's."""
    return {**line, '_source': {**line['_source'], 'project_id': project_id, 'user_id': user_id}}


class ClaimTest(migrating.MigrationTestCase):
    """Documents that claim what the row of another one has."""

    def settled(self, *hits: Document, code: int = 0) -> Document:
        """Migrate; make sure that the same again writes nothing; return the report."""
        report = self.migrate(*hits, code=code)
        before = self.contents()
        again = self.migrate(*hits, options=('--reject-file', self.folder / 'rejected'), code=code)
        self.assertEqual([0, 0], [again['rows'][name] for name in ('new', 'updated')])
        self.assertEqual(before, self.contents())
        return report

    def test_later_registration_of_a_client_takes_its_row(self) -> None:
        self.migrate(client('web01', 'c5'))
        later = client('web01', 'c9', uuid='u9', description='newer')
        report = self.settled(client('web01', 'c5'), later)
        self.assertEqual({'loaded': 1, 'merged': 1}, counts(report, 'clients'))
        shown = self.api.get(self.v2('clients', 'web01')).json['client']
        self.assertEqual(('u9', 'newer'), (shown['uuid'], shown['description']))
        self.run_command('--undo')
        self.assertEqual([], self.rows()['clients'])

    def test_registration_that_is_gone_gives_its_row_to_a_new_one(self) -> None:
        self.migrate(client('web01', 'c5', description='older'))
        report = self.settled(client('web01', 'c9', uuid='u9'))
        self.assertEqual({'loaded': 1}, counts(report, 'clients'))
        [row] = self.rows()['clients']
        self.assertEqual('u9', row['uuid'])
        # What the first one had is not lost.
        [entry] = [row for row in self.rows()['migration_entries'] if row['source'].endswith('c5')]
        self.assertIn('older', entry['remainder'])

    def test_registration_that_the_service_has_changed_stays(self) -> None:
        for first in ([client('web01', 'c5')], []):
            self.database.clear()
            self.migrate(client('web01', 'c5'))
            self.api.post(self.v2('clients'), json={'client_id': 'web01', 'description': 'mine'}, status=201)
            before = self.rows()['clients']
            report = self.settled(*first, client('web01', 'c9', uuid='u9', description='newer'))
            self.assertEqual(1, counts(report, 'clients')['merged'])
            self.assertEqual(before, self.rows()['clients'])

    def test_client_keeps_its_uuid_when_another_comes_with_it(self) -> None:
        self.migrate(client('web01', 'c5'))
        report = self.settled(client('web01', 'c5'), client('web02', 'c1'))
        self.assertEqual({'loaded': 1, 'fixed': 1}, counts(report, 'clients'))
        uuids = {row['id']: row['uuid'] for row in self.rows()['clients']}
        self.assertEqual('u1', uuids['web01'])

    def test_uuid_of_a_client_that_is_not_in_the_source_is_no_conflict(self) -> None:
        self.migrate(client('web01', 'c5'))
        report = self.settled(client('web02', 'c1'))
        self.assertEqual({'fixed': 1}, counts(report, 'clients'))
        self.assertEqual(['uuid_made'], list(report['reasons']))
        self.assertEqual(2, len({row['uuid'] for row in self.rows()['clients']}))

    def test_client_is_central_no_more_once_another_project_has_one_of_its_name(self) -> None:
        central = client('web01', 'c9', is_central=True)
        member = elsewhere(job('j1', client_id='web01'))
        self.migrate(central, member)
        other = elsewhere(client('web01', 'c1', uuid='u2'))
        report = self.settled(other, central, member)
        self.assertEqual({'loaded': 1, 'fixed': 1}, counts(report, 'clients'))
        self.assertEqual([False, False], [row['is_central'] for row in self.rows()['clients']])
        self.assertIsNone(self.rows()['job_attachments'][0]['central_client_id'])

    def test_original_of_a_copy_gets_its_id_and_its_jobs_however_late_it_comes(self) -> None:
        self.patch(preparing, '_BATCH', 2)
        copy = {**session('s1', description='copy'), '_id': 'z9'}
        original = session('s1', description='original')
        others = [session(f'other-{number}') for number in range(5)]
        member = job('j1', session_id='s1')
        self.migrate(copy, *others, member)
        self.settled(original, *others, copy, member)
        found = {row['description']: row['id'] for row in self.rows()['sessions']}
        self.assertEqual('s1', found['original'])
        self.assertNotEqual('s1', found['copy'])
        self.assertEqual('s1', self.rows()['job_attachments'][0]['session_id'])

    def test_copy_keeps_its_id_when_the_original_is_gone(self) -> None:
        copy = {**session('s1', description='copy'), '_id': 'z9'}
        self.migrate(session('s1'), copy)
        before = self.rows()['sessions']
        self.settled(copy)
        self.assertEqual(before, self.rows()['sessions'])

    def test_copy_that_the_service_has_changed_keeps_its_id(self) -> None:
        copy = {**backup(1, user_name='copy'), '_id': 'z9'}
        self.migrate(copy)
        self.api.patch(self.v2('backups', backup(1)['_id']), json={'status': 'error'})
        self.settled(copy, backup(1))
        found = {row['user_name']: row['id'] for row in self.rows()['backups']}
        self.assertEqual(backup(1)['_id'], found['copy'])
        self.assertEqual(2, len(found))
