# SPDX-License-Identifier: Apache-2.0
"""Where documents out of Elasticsearch go, and later runs over those that are there."""

import json
from typing import Any

import sqlalchemy as sa

from freezer_api.db.models import Base
from freezer_api.migrate import verify
from tests import migrating
from tests.migrating import ALICE, DEFINITION, action, backup, client, counts, hit, job, session

Document = dict[str, Any]


class OwnerTest(migrating.MigrationTestCase):
    """Documents without a project."""

    def projects(self, *hits: Document, options: tuple[object, ...] = (), code: int = 0) -> Document:
        """Migrate; return the projects by the ids of the source."""
        self.database.clear()
        self.migrate(*hits, options=options, code=code)
        return {
            row['source'].split('/')[-1]: row['project_id']
            for row in self.rows()['migration_entries']
        }

    def test_other_documents_of_the_user_decide(self) -> None:
        nobody = hit('sessions', 's1', {'session_id': 's1', 'user_id': 'alice'})
        self.assertEqual('p1', self.projects(nobody, backup(1))['s1'])

    def test_other_documents_must_agree(self) -> None:
        nobody = hit('sessions', 's1', {'session_id': 's1', 'user_id': 'alice'})
        projects = self.projects(nobody, backup(1), backup(2, project_id='p2'), code=2)
        self.assertIsNone(projects['s1'])

    def test_client_id_of_an_agent_decides(self) -> None:
        project = 'a' * 32
        for client_id, code in ((f'{project}_web01', 0), ('web01', 2), ('word_web01', 2)):
            inner = {'client_id': client_id, 'hostname': 'web01', 'uuid': 'u'}
            line = hit('clients', 'c1', {'client': inner, 'user_id': 'bob'})
            found = self.projects(line, code=code)['c1']
            self.assertEqual(None if code else project, found)

    def test_links_decide(self) -> None:
        nobody = {'user_id': 'alice'}
        entry = {'action_id': 'a1', 'freezer_action': DEFINITION}
        member = job('j1', job_actions=[entry], session_id='s1')
        metadata = {'hostname': 'h', 'container': 'c', 'backup_name': 'b', 'job_id': 'j1'}
        lines = [
            hit('actions', 'a1', {'action_id': 'a1', 'freezer_action': DEFINITION, **nobody}),
            hit('sessions', 's1', {'session_id': 's1', **nobody}),
            hit('backups', 'b1', {'backup_id': 'b1', 'backup_metadata': metadata, **nobody}),
        ]
        elsewhere = backup(1, project_id='p2')
        projects = self.projects(member, elsewhere, *lines)
        self.assertEqual(['p1'] * 3, [projects[name] for name in ('a1', 's1', 'b1')])

    def test_links_of_strangers_decide_nothing(self) -> None:
        alice, bob = {'user_id': 'alice'}, {'user_id': 'bob', 'project_id': 'p2'}
        entry = {'action_id': 'a1', 'freezer_action': DEFINITION}
        metadata = {'hostname': 'h', 'container': 'c', 'backup_name': 'b', 'job_id': 'j1'}
        lines = [
            hit('actions', 'a1', {'action_id': 'a1', 'freezer_action': DEFINITION, **alice}),
            hit('sessions', 's1', {'session_id': 's1', 'jobs': {'j1': {}}, **alice}),
            hit('backups', 'b1', {'backup_id': 'b1', 'backup_metadata': metadata, **alice}),
            hit('sessions', 's2', {'session_id': 's2', **alice}),
        ]
        stranger = job('j1', job_actions=[entry], session_id='s1', **bob)
        projects = self.projects(stranger, *lines, code=2)
        self.assertEqual([None] * 4, [projects[name] for name in ('a1', 's1', 'b1', 's2')])

    def test_map_wins_over_everything_but_the_document(self) -> None:
        nobody = hit('sessions', 's1', {'session_id': 's1', 'user_id': 'alice'})
        for text in ('# who is where\nalice  p9\n', '{"alice": "p9"}'):
            path = self.folder / 'map'
            path.write_text(text, 'utf-8-sig')
            projects = self.projects(nobody, backup(1), options=('--map', path))
            self.assertEqual('p9', projects['s1'])
            self.assertEqual('p1', projects[backup(1)['_id']])

    def test_default_is_the_last_resort(self) -> None:
        nobody = hit('sessions', 's1', {'session_id': 's1', 'user_id': 'bob'})
        projects = self.projects(nobody, backup(1), options=('--default-project', 'p9'))
        self.assertEqual({'s1': 'p9', backup(1)['_id']: 'p1'}, projects)

    def test_users_without_a_project_are_listed_and_loaded_once_they_have_one(self) -> None:
        lines = [
            hit('sessions', name, {'session_id': name, 'user_id': 'bob'}) for name in ('s1', 's2')
        ]
        report = self.migrate(*lines, code=2)
        self.assertEqual({'bob': 2}, report['users_without_project'])
        report = self.migrate(*lines, options=('--default-project', 'p9'))
        self.assertEqual({'fixed': 2}, counts(report, 'sessions'))
        self.assertEqual(2, report['rows']['new'])
        self.assertEqual(2, len(self.rows()['migration_entries']))


class LedgerTest(migrating.MigrationTestCase):
    """Later runs, and rows that the service changed in between."""

    def change(self, line: Document) -> None:
        self.api.patch(self.v2('backups', line['_id']), json={'status': 'error'})

    def test_changed_document_replaces_an_untouched_row(self) -> None:
        self.migrate(*_chain())
        before = self.contents()
        changed = _chain(description='changed')
        report = self.migrate(*changed)
        self.assertEqual((2, 3), (report['rows']['updated'], report['rows']['unchanged']))
        self.assertEqual('changed', self.api.get(self.v2('jobs', 'j1')).json['description'])
        # A caller with the version of before knows that something changed.
        self.assertEqual([2, 2], [self.rows()[name][0]['version'] for name in ('sessions', 'job_attachments')])
        report = self.migrate(*_chain())
        self.assertEqual(2, report['rows']['updated'])
        self.assertEqual(
            before['action_attachments'], self.contents()['action_attachments']
        )

    def test_row_that_the_service_changed_is_never_overwritten(self) -> None:
        self.migrate(backup(1), backup(2), backup(3))
        self.change(backup(1))
        self.api.delete(self.v2('backups', backup(2)['_id']))
        before = self.rows()['backups']
        newer = [backup(number, user_name='newer') for number in (1, 2)]
        report = self.migrate(*newer, backup(3), code=2)
        self.assertEqual(before, self.rows()['backups'])
        self.assertEqual(2, report['reasons']['changed_in_service']['count'])
        self.assertEqual({'rejected': 2, 'loaded': 1}, counts(report, 'backups'))

    def test_changes_in_the_service_are_counted_and_no_difference(self) -> None:
        dump = self.write(backup(1), backup(2), backup(3))
        self.run_command('--dump', dump)
        self.change(backup(1))
        self.api.delete(self.v2('backups', backup(2)['_id']))
        outcome = self.run_command('--dump', dump)
        self.assertEqual((0, 2), (outcome.code, outcome.report['changed_in_service_since']['backups']))
        outcome = self.run_command('--dump', dump, '--stage', 'verify')
        self.assertEqual(0, outcome.code, outcome.out)
        verified = outcome.report['verification']
        self.assertEqual(
            (1, 1, 1, 0), tuple(verified[name] for name in ('equal', 'changed_since', 'gone', 'different'))
        )

    def test_documents_move_with_all_that_refers_to_them(self) -> None:
        lines = [_without_project(line) for line in _chain()]
        for project in ('pA', 'pB', 'pA'):
            report = self.migrate(*lines, options=('--default-project', project))
            self.assertEqual(5, report['verification']['equal'])
            rows = self.rows()
            places = {
                row['project_id'] for name in rows for row in rows[name] if 'project_id' in row
            }
            self.assertEqual({project}, places)
            [attached] = rows['job_attachments']
            self.assertEqual(('s1', 'running'), (attached['session_id'], attached['session_status']))
            self.assertEqual(1, len(rows['sessions']))

    def test_job_that_stays_is_in_its_session_again_once_that_is_back(self) -> None:
        lines = [_without_project(session('s1')), job('j1', session_id='s1')]
        users = self.folder / 'map'
        for project, shown in (('p1', 's1'), ('p2', ''), ('p1', 's1')):
            users.write_text(f'alice {project}')
            self.migrate(*lines, options=('--map', users))
            self.assertEqual(shown, self.api.get(self.v2('jobs', 'j1')).json['session_id'])

    def test_what_the_service_put_to_use_does_not_move(self) -> None:
        lines = [_without_project(line) for line in (action('a1'), session('s1'))]
        self.migrate(*lines, options=('--default-project', 'p1'))
        document = {'client_id': 'web01', 'job_actions': [{'action_id': 'a1'}]}
        self.api.post(self.v2('clients'), json={'client_id': 'web01', 'hostname': 'web01'}, status=201)
        job_id = self.api.post(self.v2('jobs'), json=document, status=201).json['job_id']
        self.api.put(self.v2('sessions', 's1', 'jobs', job_id), status=204)
        before = self.contents()
        report = self.migrate(*lines, options=('--default-project', 'p2'), code=2)
        self.assertEqual(before, self.contents())
        self.assertEqual({'rejected': 1}, counts(report, 'actions'))
        self.assertEqual({'rejected': 1}, counts(report, 'sessions'))

    def test_job_joins_a_session_that_comes_later(self) -> None:
        member = job('j1', session_id='s1')
        self.migrate(member)
        report = self.migrate(member, session('s1', jobs={}))
        self.assertEqual('s1', self.api.get(self.v2('jobs', 'j1')).json['session_id'])
        self.assertEqual(['client_not_registered'], list(report['reasons']))

    def test_repaired_session_gets_the_jobs_that_came_before_it(self) -> None:
        part = {'client_id': 'p1_web01', 'status': 'completed', 'result': 'success'}
        repaired = session('s1', jobs={'j1': part, 'j2': part})
        broken = session('s1', jobs={'j1': part, 'j2': part})
        del broken['_source']['user_id']
        members = [job(name, session_id='s1') for name in ('j1', 'j2')]
        self.migrate(*members, broken, code=2)
        self.api.post(self.v2('jobs', 'j2', 'event'), json={'start': None})
        self.migrate(repaired)
        shown = self.api.get(self.v2('sessions', 's1')).json['jobs']
        self.assertEqual(['j1'], list(shown))
        self.assertEqual(part, {name: shown['j1'][name] for name in part})
        [entry] = [row for row in self.rows()['migration_entries'] if 'jobs/j1' in row['source']]
        self.assertEqual('["client_not_registered"]', entry['reasons'])
        before = self.rows()['job_attachments']
        self.migrate(*members, broken, code=2)
        self.assertEqual(before, self.rows()['job_attachments'])
        # What joined is still as it was migrated.
        self.run_command('--undo')
        self.assertEqual(['j2'], [row['job_id'] for row in self.rows()['job_attachments']])

    def test_job_joins_a_central_client_that_comes_later(self) -> None:
        member = job('j1', client_id='web01')
        self.migrate(member)
        self.migrate(client('web01', is_central=True))
        report = self.migrate(member)
        self.assertEqual({}, report['reasons'])
        [attached] = self.rows()['job_attachments']
        self.assertEqual('web01', attached['central_client_id'])

    def test_job_without_session_and_client_is_unchanged_as_long_as_they_are_not_there(self) -> None:
        lines = [job('j1', session_id='s1'), backup(1)]
        self.migrate(*lines)
        before = self.contents()
        # Another map each time has the run look at the documents again.
        users = self.folder / 'map'
        users.write_text('nobody p1')
        report = self.migrate(*lines, options=('--map', users))
        self.assertEqual(2, report['rows']['unchanged'])
        self.assertEqual(before, self.contents())
        # Nor is a job that the service changed in conflict with a source that did not change.
        self.api.post(self.v2('jobs', 'j1', 'event'), json={'start': None})
        self.api.post(self.v2('clients'), json={'client_id': 'p1_web01'}, status=201)
        users.write_text('nobody p2')
        report = self.migrate(*lines, options=('--map', users))
        self.assertEqual(2, report['rows']['unchanged'])

    def test_what_stood_in_the_way_may_be_gone_at_the_next_run(self) -> None:
        created = self.api.post(self.v2('actions'), json={'freezer_action': DEFINITION}).json
        other = action(created['action_id'], freezer_action={'action': 'info'})
        self.migrate(other, code=2)
        self.api.delete(self.v2('actions', created['action_id']))
        self.assertEqual(1, self.migrate(other)['rows']['new'])

    def test_verification_finds_a_row_that_is_not_what_it_should_be(self) -> None:
        dump = self.write(backup(1), backup(2))
        self.run_command('--dump', dump)
        table = Base.metadata.tables['backups']
        with self.database.engine.begin() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.id == backup(1)['_id'])
                .values(backup_metadata='{"container":"other"}')
            )
        outcome = self.run_command('--dump', dump, '--stage', 'verify')
        self.assertEqual(3, outcome.code, outcome.out)
        self.assertIn(f'freezer/backups/{backup(1)["_id"]}', outcome.out)

    def test_document_that_moves_to_a_page_before_is_not_gone(self) -> None:
        dump = self.write(*(backup(number) for number in range(6)))
        self.run_command('--dump', dump)
        find = verify._FIND['backups']

        def delete_behind(*arguments: Any) -> list[Document]:
            found = find(*arguments)
            if deleted:
                self.api.delete(self.v2('backups', deleted.pop()))
            return found

        deleted = [backup(0)['_id']]
        self.patch(verify, '_LARGEST_PAGE', 2)
        self.patch(verify, '_FIND', {**verify._FIND, 'backups': delete_behind})
        outcome = self.run_command('--dump', dump, '--stage', 'verify')
        verified = outcome.report['verification']
        self.assertEqual(
            (6, 0, 0), tuple(verified[name] for name in ('equal', 'gone', 'different')), outcome.out
        )

    def test_verification_finds_what_was_never_loaded(self) -> None:
        self.migrate(backup(1))
        dump = self.write(backup(1), backup(2))
        outcome = self.run_command('--dump', dump, '--stage', 'verify')
        self.assertEqual(3, outcome.code, outcome.out)
        self.assertIn(f'freezer/backups/{backup(2)["_id"]}: never loaded', outcome.out)

    def test_verification_changes_nothing(self) -> None:
        part = {'status': 'completed', 'result': 'fail', 'time_started': 1000, 'time_ended': 1001}
        # Its run is over, which the service notes when somebody looks at it.
        overdue = session('s1', status='running', time_start=1000, jobs={'j1': part})
        dump = self.write(overdue, job('j1', session_id='s1'))
        self.run_command('--dump', dump)
        before = self.rows()
        outcome = self.run_command('--dump', dump, '--stage', 'verify')
        self.assertEqual(2, outcome.report['verification']['equal'], outcome.out)
        self.assertEqual(before, self.rows())
        self.assertEqual('completed', self.api.get(self.v2('sessions', 's1')).json['status'])

    def test_undo_keeps_what_the_service_changed_and_can_be_repeated(self) -> None:
        self.migrate(*_chain(), backup(1), backup(2))
        self.change(backup(1))
        self.api.post(self.v2('jobs', 'j1', 'event'), json={'start': None})
        for _ in range(2):
            outcome = self.run_command('--undo')
            self.assertEqual(0, outcome.code, outcome.err)
        kept = {name: len(rows) for name, rows in self.rows().items() if rows}
        expected = {'jobs', 'job_attachments', 'action_attachments', 'sessions', 'backups'}
        expected |= {'clients', 'client_names'}
        self.assertEqual(expected, set(kept) - {'migration_entries'})
        self.assertEqual(1, kept['backups'])

    def test_undo_gives_names_of_clients_free(self) -> None:
        self.migrate(client('web01', is_central=True), client('web02', 'c2'))
        self.register('web02')
        self.run_command('--undo')
        self.assertEqual(['web02'], [row['id'] for row in self.rows()['client_names']])
        self.register('web01')

    def test_undo_keeps_clients_that_jobs_of_the_service_run_on(self) -> None:
        self.migrate(
            *(client('web01'), client('web02', 'c2', uuid='u2', is_central=True)),
            *(client('web03', 'c3', uuid='u3'), client('web04', 'c4', uuid='u4', is_central=True)),
        )
        self.api.post(self.v2('jobs'), json={'client_id': 'web01', 'job_actions': []}, status=201)
        bob = self.as_('bob', 'p2', 'admin')
        bob.post(bob.url('jobs'), json={'client_id': 'web02', 'job_actions': []}, status=201)
        self.run_command('--undo')
        self.assertEqual({'web01', 'web02'}, {row['id'] for row in self.rows()['clients']})

    def test_undo_keeps_an_action_that_a_new_job_follows(self) -> None:
        self.migrate(client('p1_web01'), action('a1'), action('a2'))
        document = {'client_id': 'p1_web01', 'job_actions': [{'action_id': 'a1'}]}
        self.api.post(self.v2('jobs'), json=document, status=201)
        self.run_command('--undo')
        self.assertEqual(['a1'], [row['id'] for row in self.rows()['actions']])

    def test_documents_of_the_service_itself_stay(self) -> None:
        created = self.api.post(self.v2('actions'), json={'freezer_action': DEFINITION}).json
        own = action(created['action_id'])
        self.migrate(own, options=())
        report = self.migrate(own, action('a2'))
        self.assertEqual({'loaded': 2}, counts(report, 'actions'))
        other = action(created['action_id'], freezer_action={'action': 'info'})
        report = self.migrate(other, code=2)
        self.assertEqual(['target_conflict'], list(report['reasons']))
        self.run_command('--undo')
        self.assertEqual([created['action_id']], [row['id'] for row in self.rows()['actions']])

    def test_reject_file_is_a_dump_that_only_its_owner_reads(self) -> None:
        rejects = self.folder / 'rejected'
        rejects.touch(mode=0o644)
        lost = hit('sessions', 's1', {'session_id': 's1', 'user_id': 'bob', 'description': '\ud83d'})
        self.migrate(backup(1), lost, '{"cut', options=('--reject-file', rejects), code=2)
        self.assertEqual(0o600, rejects.stat().st_mode & 0o777)
        lines = [json.loads(line) for line in rejects.read_text().splitlines()]
        self.assertEqual({'no_project', 'broken_line'}, {line['_rejected']['reason'] for line in lines})
        outcome = self.run_command('--dump', rejects, '--default-project', 'p9')
        self.assertEqual(2, outcome.code)
        self.assertEqual({'fixed': 1}, counts(outcome.report, 'sessions'))
        self.assertEqual('p9', self.rows()['sessions'][0]['project_id'])
        self.assertEqual((1, 0), tuple(outcome.report['rows'][name] for name in ('new', 'unchanged')))

    def test_what_is_not_in_a_later_source_is_counted_and_stays(self) -> None:
        self.migrate(backup(1), backup(2))
        report = self.migrate(backup(1))
        self.assertEqual(1, report['migrated_earlier_but_not_in_the_source'])
        self.assertEqual(2, len(self.rows()['backups']))

    def test_index_map_names_what_an_index_holds(self) -> None:
        source = {'action_id': 'a1', 'freezer_action': DEFINITION, **ALICE}
        line = {'_index': 'old_things', '_type': '_doc', '_id': 'a1', '_source': source}
        report = self.migrate(line, options=('--index-map', 'old_things=actions'))
        self.assertEqual({'loaded': 1}, counts(report, 'actions'))


def _without_project(line: Document) -> Document:
    source = {name: value for name, value in line['_source'].items() if name != 'project_id'}
    return {**line, '_source': source}


def _chain(**more: Any) -> list[Document]:
    """One document of each type that refer to each other; what is given changes job and session."""
    entry = {'action_id': 'a1', 'freezer_action': DEFINITION}
    return [
        client('p1_web01'),
        action('a1'),
        session('s1', jobs={'j1': {'status': 'running'}}, **more),
        job('j1', session_id='s1', job_actions=[entry], **more),
        backup(9),
    ]
