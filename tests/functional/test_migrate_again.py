# SPDX-License-Identifier: Apache-2.0
"""Runs over a source that went on: what has a row already, and what comes later and claims the same."""

from typing import Any

import sqlalchemy as sa

from freezer_api.db.models import Base
from freezer_api.migrate import loader, preparing
from tests import migrating
from tests.migrating import action, backup, client, counts, job, session

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


class LaterRunTest(migrating.MigrationTestCase):
    """Runs that know less, or more, than those before."""

    def test_documents_out_of_the_reject_file_stay_where_they_are(self) -> None:
        lines = [backup(1), _without_project(elsewhere(backup(2)))]
        rejects = self.folder / 'rejected'
        self.migrate(*lines, options=('--reject-file', rejects), code=2)
        outcome = self.run_command('--dump', rejects, '--default-project', 'p9')
        self.assertEqual(0, outcome.code, outcome.out)
        report = self.migrate(*lines)
        self.assertEqual({'loaded': 1, 'fixed': 1}, counts(report, 'backups'))
        self.assertEqual(2, report['rows']['unchanged'])
        # What the operator says after that counts.
        self.migrate(*lines, options=('--default-project', 'p8'))
        self.assertEqual({'p1', 'p8'}, {row['project_id'] for row in self.rows()['backups']})

    def test_central_client_comes_after_jobs_of_other_projects(self) -> None:
        member = job('j1', client_id='web01')
        central = _without_project(elsewhere(client('web01', is_central=True)))
        rejects = self.folder / 'rejected'
        self.migrate(member, central, options=('--reject-file', rejects), code=2)
        outcome = self.run_command('--dump', rejects, '--default-project', 'p9')
        self.assertEqual(0, outcome.code, outcome.out)
        self.migrate(member, central)
        [attached] = self.rows()['job_attachments']
        self.assertEqual('web01', attached['central_client_id'])
        self.register('web01', status=409)

    def test_central_client_gets_no_job_that_the_service_has_changed(self) -> None:
        self.migrate(job('j1', client_id='web01'))
        self.api.post(self.v2('jobs', 'j1', 'event'), json={'start': None})
        central = elsewhere(client('web01', is_central=True))
        report = self.migrate(central, code=2)
        self.assertEqual(['target_conflict'], list(report['reasons']))

    def test_client_does_not_move_to_where_another_one_is(self) -> None:
        line = _without_project(client('web01'))
        self.migrate(line, options=('--default-project', 'p1'))
        self.register('web01')
        before = self.rows()['clients']
        report = self.migrate(line, options=('--default-project', 'p2'), code=2)
        self.assertEqual(['target_conflict'], list(report['reasons']))
        self.assertEqual(before, self.rows()['clients'])

    def test_users_change_places(self) -> None:
        kinds = (client('web01'), action('a1'), session('s1'), job('j1', session_id='s1'), backup(1))
        lines = []
        for user_id in ('alice', 'bob'):
            for line in kinds:
                line = _without_project(elsewhere(line, user_id=user_id))
                lines.append({**line, '_index': f'of-{user_id}'})
        users = self.folder / 'map'
        for alice, bob in (('p1', 'p2'), ('p2', 'p1')):
            users.write_text(f'alice {alice}\nbob {bob}\n')
            self.migrate(*lines, options=('--map', users))
            rows = self.rows()
            for name in ('clients', 'actions', 'sessions', 'jobs', 'backups'):
                places = {row['project_id']: row['user_id'] for row in rows[name]}
                self.assertEqual({alice: 'alice', bob: 'bob'}, places, name)
            members = {row['project_id']: row['session_id'] for row in rows['job_attachments']}
            self.assertEqual({alice: 's1', bob: 's1'}, members)

    def test_number_in_place_of_a_uuid_is_kept_by_one_client(self) -> None:
        first, second = client('web01', 'c1', uuid=5), client('web02', 'c2', uuid=5)
        report = self.migrate(first, second)
        self.assertEqual({'fixed': 2}, counts(report, 'clients'))
        self.assertEqual(2, len({row['uuid'] for row in self.rows()['clients']}))


class LaterVerificationTest(migrating.MigrationTestCase):
    """Documents compared again when the service has been at work, or with other options."""

    def damage(self, condition: Any) -> None:
        """Change rows of backups behind the service's back."""
        table = Base.metadata.tables['backups']
        with self.database.engine.begin() as connection:
            damaged = sa.update(table).where(condition(table)).values(backup_metadata='{}')
            connection.execute(damaged)

    def numbers(self, outcome: migrating.Outcome) -> Document:
        """What came of the documents, without what there is none of."""
        return {
            name: found
            for name, found in outcome.report['verification'].items()
            if found and name not in ('examples', 'lost')
        }

    def test_documents_are_compared_where_they_are_whatever_the_options(self) -> None:
        lines = [_without_project(backup(number)) for number in range(3)]
        dump = self.write(*lines, _without_project(elsewhere(backup(4))))
        users = self.folder / 'map'
        users.write_text('alice p1')
        self.run_command('--dump', dump, '--map', users)
        self.damage(lambda table: table.c.id == backup(1)['_id'])
        for options in ((), ('--default-project', 'p9')):
            outcome = self.run_command('--dump', dump, '--stage', 'verify', *options)
            self.assertEqual(3, outcome.code, outcome.out)
            found = self.numbers(outcome)
            self.assertEqual({'equal': 2, 'different': 1, 'not_compared': {'no_project': 1}}, found)
            self.assertIn('1 no_project', outcome.out)

    def test_what_stands_in_the_way_is_no_difference(self) -> None:
        created = self.api.post(self.v2('actions'), json={'freezer_action': {'action': 'info'}}).json
        dump = self.write(action(created['action_id']), backup(1))
        self.run_command('--dump', dump)
        outcome = self.run_command('--dump', dump, '--stage', 'verify')
        self.assertEqual(0, outcome.code, outcome.out)
        self.assertEqual({'equal': 1, 'not_compared': {'target_conflict': 1}}, self.numbers(outcome))

    def test_what_users_delete_between_runs_is_no_difference(self) -> None:
        lines = [backup(1), backup(2)]
        self.migrate(*lines)
        self.api.delete(self.v2('backups', backup(2)['_id']))
        dump = self.write(*lines)
        for options in ((), ('--reject-file', self.folder / 'rejected')):
            outcome = self.run_command('--dump', dump, '--verify', *options)
            self.assertEqual(0, outcome.code, outcome.out)
            self.assertEqual({'equal': 1, 'gone': 1}, self.numbers(outcome))

    def test_what_gets_lost_while_it_is_loaded_is_a_difference(self) -> None:
        load = loader.Loader.load

        def lose(*arguments: Any) -> None:
            load(*arguments)
            self.api.delete(self.v2('backups', backup(2)['_id']))

        self.patch(loader.Loader, 'load', lose)
        outcome = self.run_command('--dump', self.write(backup(1), backup(2)), '--verify')
        self.assertEqual(3, outcome.code, outcome.out)
        self.assertIn(f'{backup(2)["_id"]}: not there', outcome.out)

    def test_change_of_what_was_already_there_is_no_difference(self) -> None:
        self.migrate(backup(1))
        copy = {**backup(1), '_index': 'copy'}
        report = self.migrate(copy)
        self.assertEqual(['already_there'], list(report['reasons']))
        self.api.patch(self.v2('backups', backup(1)['_id']), json={'status': 'error'})
        outcome = self.run_command('--dump', self.write(copy), '--stage', 'verify')
        self.assertEqual(0, outcome.code, outcome.out)
        self.assertEqual({'changed_since': 1}, self.numbers(outcome))


def _without_project(line: Document) -> Document:
    source = {name: value for name, value in line['_source'].items() if name != 'project_id'}
    return {**line, '_source': source}
