# SPDX-License-Identifier: Apache-2.0
"""Documents out of Elasticsearch, as they were found in deployments of all ages."""

import json
import os
import stat
import subprocess
from typing import Any

from tests import migrating
from tests.functional.test_served_jobs import problems
from tests.migrating import ALICE, DEFINITION, action, backup, client, counts, hit, job, session

Document = dict[str, Any]


class TroubleTest(migrating.MigrationTestCase):
    """One trouble at a time: its state, the reasons, and what the API shows."""

    def shown(self, *path: str, **options: Any) -> Document:
        found: Document = self.api.get(self.v2(*path), **options).json
        return found

    def check(self, line: Document, state: str, *reasons: str) -> None:
        report = self.migrate(line, code=2 if state == 'rejected' else 0)
        self.assertEqual(state, self.state_of(report, line['_type']), report)
        self.assertEqual(set(reasons), set(report['reasons']))
        for reason in report['reasons'].values():
            self.assertEqual([f'freezer/{line["_type"]}/{line["_id"]}'], reason['examples'])

    def test_backup_is_shown_as_it_was(self) -> None:
        line = backup(1)
        self.check(line, 'loaded')
        shown = self.shown('backups', line['_id'])
        self.assertEqual({**line['_source'], 'status': 'available'}, shown)

    def test_composed_id_of_a_backup_is_kept(self) -> None:
        composed = 'container/x_web01_name with blank_1500000000_0'
        line = backup(1, backup_id=composed, backup_uuid='f' * 32)
        self.check(line, 'fixed', 'id_differs')
        found = self.api.get(self.v2('backups')).json['backups']
        self.assertEqual([composed], [document['backup_id'] for document in found])

    def test_composed_id_that_is_too_long_gives_way_to_the_uuid(self) -> None:
        self.check(
            backup(1, backup_id='c' * 300, backup_uuid='f' * 32), 'fixed', 'id_replaced'
        )
        self.assertEqual('f' * 32, self.shown('backups', 'f' * 32)['backup_id'])

    def test_backup_without_metadata_is_kept(self) -> None:
        line = backup(1)
        del line['_source']['backup_metadata']
        report = self.migrate(line)
        self.assertEqual('warned', self.state_of(report, 'backups'))
        self.assertEqual({}, self.shown('backups', line['_id'])['backup_metadata'])

    def test_flat_action_gets_a_definition(self) -> None:
        source = {'action_id': 'a1', 'max_retries': 1, **DEFINITION, **ALICE}
        self.check(hit('actions', 'a1', source), 'fixed', 'unwrapped')
        shown = self.shown('actions', 'a1')
        self.assertEqual((DEFINITION, 1), (shown['freezer_action'], shown['max_retries']))

    def test_action_of_the_first_weeks_is_lifted(self) -> None:
        source = {'action': {'action_id': 'a1', 'freezer_action': DEFINITION}, **ALICE}
        report = self.migrate(hit('actions', 'a1', source))
        self.assertEqual('fixed', self.state_of(report, 'actions'))
        self.assertEqual('a1', self.shown('actions', 'a1')['action_id'])

    def test_numbers_as_texts_become_numbers(self) -> None:
        line = action('a1', max_retries='5', max_retries_interval='x', mandatory='true')
        self.check(line, 'fixed', 'not_a_number', 'not_a_boolean')
        shown = self.shown('actions', 'a1')
        options = [shown[key] for key in ('max_retries', 'max_retries_interval', 'mandatory')]
        # What is no number at all is the default again.
        self.assertEqual([5, 6, True], options)

    def test_options_that_agents_cannot_count_with_are_the_defaults(self) -> None:
        self.check(action('a1', max_retries=-1, max_retries_interval=2**40), 'fixed', 'not_a_number')
        self.assertEqual(5, self.shown('actions', 'a1')['max_retries'])

    def test_unknown_action_is_kept(self) -> None:
        definition = {'action': 'snapshot'}
        line = action('a1', freezer_action=definition)
        self.check(line, 'warned', 'schema: freezer_action.action')
        self.assertEqual(definition, self.shown('actions', 'a1')['freezer_action'])

    def test_client_without_a_wrapper_is_taken(self) -> None:
        inner = {'client_id': 'p1_web01', 'hostname': 'web01', 'uuid': 'u1', 'free': [1]}
        self.check(hit('clients', 'c1', {**inner, **ALICE}), 'fixed', 'unwrapped')
        shown = self.shown('clients', 'p1_web01')['client']
        self.assertEqual(inner, {key: shown[key] for key in inner})

    def test_uuid_beside_the_client_is_its_own(self) -> None:
        line = client('p1_web01')
        line['_source']['uuid'] = line['_source']['client'].pop('uuid')
        self.check(line, 'loaded')
        self.assertEqual('u1', self.shown('clients', 'p1_web01')['client']['uuid'])

    def test_missing_uuid_is_the_same_at_every_run(self) -> None:
        line = client('p1_web01', uuid=None)
        self.check(line, 'fixed', 'uuid_made')
        first = self.shown('clients', 'p1_web01')
        self.database.clear()
        self.migrate(line)
        self.assertEqual(first, self.shown('clients', 'p1_web01'))

    def test_host_name_that_is_too_long_is_cut_and_kept_in_the_ledger(self) -> None:
        self.check(client('p1_web01', hostname='h' * 300), 'fixed', 'text_cut')
        self.assertEqual(255, len(self.shown('clients', 'p1_web01')['client']['hostname']))
        [entry] = self.rows()['migration_entries']
        self.assertEqual({'client.hostname': 'h' * 300}, json.loads(entry['remainder']))

    def test_copies_of_a_client_become_one(self) -> None:
        fuller = client('p1_web01', 'c2', uuid='u2', config_id='x')
        report = self.migrate(client('p1_web01'), fuller, client('p1_web01', 'c3', uuid='u3'))
        self.assertEqual({'loaded': 1, 'merged': 2}, counts(report, 'clients'))
        self.assertEqual('u2', self.shown('clients', 'p1_web01')['client']['uuid'])

    def test_same_client_in_two_projects_is_two(self) -> None:
        other = client('web01', 'c2')
        other['_source'].update(user_id='bob', project_id='p2')
        self.assertEqual({'loaded': 2}, counts(self.migrate(client('web01'), other), 'clients'))

    def test_second_client_with_a_uuid_gets_another(self) -> None:
        report = self.migrate(client('web01', 'c1'), client('web02', 'c2'))
        self.assertEqual({'loaded': 1, 'fixed': 1}, counts(report, 'clients'))
        uuids = {self.shown('clients', name)['client']['uuid'] for name in ('web01', 'web02')}
        self.assertEqual(2, len(uuids))

    def test_client_is_central_for_one_project(self) -> None:
        other = client('web01', 'c2', is_central=True)
        other['_source'].update(user_id='bob', project_id='p2')
        self.migrate(client('web01', 'c1', is_central=True), other)
        found = {row['project_id']: row['is_central'] for row in self.rows()['clients']}
        self.assertEqual(0, sum(found.values()))

    def test_central_client_owns_its_name_in_all_projects(self) -> None:
        self.migrate(client('web01', is_central=True), job('j1', client_id='web01'))
        bob = self.as_('bob', 'p2')
        shown = bob.get(bob.url('clients', 'web01')).json
        self.assertTrue(shown['client']['is_central'])
        self.register('web01', status=409)
        [row] = self.rows()['job_attachments']
        self.assertEqual('web01', row['central_client_id'])

    def test_client_that_is_central_no_more_gives_its_name_free(self) -> None:
        self.migrate(client('web01', is_central=True))
        self.migrate(client('web01', is_central=False))
        self.register('web01')

    def test_name_of_a_central_client_of_the_service_is_a_conflict(self) -> None:
        self.register('web01', is_central=True)
        before = self.rows()['client_names']
        self.check(client('web01'), 'rejected', 'target_conflict')
        self.assertEqual(before, self.rows()['client_names'])

    def test_job_on_a_client_that_is_gone_is_kept(self) -> None:
        line = job('j1', client_id='p1_gone')
        self.check(line, 'warned', 'client_not_registered')
        self.assertEqual('p1_gone', self.shown('jobs', 'j1')['client_id'])

    def check_job(self, line: Document, state: str, *reasons: str) -> Document:
        """Migrate a job with its client."""
        report = self.migrate(client('p1_web01'), line, code=2 if state == 'rejected' else 0)
        self.assertEqual(state, self.state_of(report, 'jobs'), report)
        self.assertEqual(set(reasons), set(report['reasons']))
        found: Document = self.api.get(self.v2('jobs')).json['jobs'][0]
        self.assertEqual([], problems(found))
        return found

    def test_schedule_is_shown_as_it_was(self) -> None:
        schedule = {'schedule_interval': '1 days', 'time_created': 5, 'time_started': -1}
        shown = self.check_job(job('j1', job_schedule=schedule), 'loaded')
        expected = {**schedule, 'event': '', 'status': '', 'result': ''}
        self.assertEqual(expected, shown['job_schedule'])

    def test_times_become_seconds(self) -> None:
        times = [
            (1490000000.75, 1490000000),
            ('1490000060', 1490000060),
            ('2017-03-20T08:55:20', 1490000120),
            ('2017-03-20T08:55:20+01:00', 1489996520),
            (1490000000123, 1490000000),
            ('1490000000123', 1490000000),
            ('', None),
            ('soon', None),
            (True, None),
            (10**17, None),
        ]
        for given, expected in times:
            self.database.clear()
            line = job('j1', job_schedule={'time_started': given})
            shown = self.check_job(line, 'fixed', 'time_converted')
            self.assertEqual(expected, shown['job_schedule'].get('time_started'), given)

    def test_what_agents_cannot_read_is_left_out_of_a_schedule(self) -> None:
        schedule = {'event': None, 'status': 7, 'schedule_interval': None, 'current_pid': 'x'}
        reasons = ('not_text', 'null_dropped', 'not_a_number', 'schema: job_schedule.status')
        shown = self.check_job(job('j1', job_schedule=schedule), 'fixed', *reasons)
        self.assertEqual({'event': '', 'status': '7', 'result': ''}, shown['job_schedule'])
        entries = {row['collection']: row for row in self.rows()['migration_entries']}
        kept = json.loads(entries['jobs']['remainder'])
        self.assertEqual(
            {'job_schedule.status': 7, 'job_schedule.schedule_interval': None, 'job_schedule.current_pid': 'x'},
            kept,
        )

    def test_schedule_that_is_no_object_is_empty(self) -> None:
        for value in ([], 'daily', 5):
            self.database.clear()
            self.check_job(job('j1', job_schedule=value), 'fixed', 'not_an_object_inside')

    def test_unknown_status_and_bad_interval_are_kept(self) -> None:
        schedule = {'status': 'finished', 'schedule_interval': '1 day'}
        report = self.migrate(client('p1_web01'), job('j1', job_schedule=schedule))
        self.assertEqual('warned', self.state_of(report, 'jobs'))
        shown = self.shown('jobs', 'j1')['job_schedule']
        self.assertEqual(schedule, {key: shown[key] for key in schedule})

    def test_schedule_that_no_agent_can_run_is_kept(self) -> None:
        never = {'schedule_month': '2', 'schedule_day': '30'}
        shown = self.check_job(job('j1', job_schedule=never), 'warned', 'schedule: schedule_month')
        self.assertEqual(never, {key: shown['job_schedule'][key] for key in never})
        self.check(session('s1', schedule=never), 'warned', 'schedule: schedule_month')

    def test_dates_with_a_zone_are_a_warning_unless_the_service_takes_them(self) -> None:
        zoned = {'schedule_start_date': '2030-01-01T02:00:00Z', 'schedule_interval': '1 days'}
        line = session('s1', schedule=zoned)
        self.check(line, 'warned', 'schedule: schedule_start_date')
        with self.config_file.open('a') as file:
            file.write('[api]\nschedule_zones = true\n')
        self.check(session('s2', schedule=zoned), 'loaded')

    def test_unknown_key_of_a_job_is_in_the_ledger(self) -> None:
        self.check_job(job('j1', ticket='OPS-1'), 'warned', 'unknown_key')
        remainders = [row['remainder'] for row in self.rows()['migration_entries']]
        self.assertIn('{"ticket":"OPS-1"}', remainders)

    def test_description_that_is_a_number_becomes_text(self) -> None:
        shown = self.check_job(job('j1', description=42), 'fixed', 'not_text')
        self.assertEqual('42', shown['description'])

    def test_trust_of_a_job_is_not_taken_over(self) -> None:
        credentials = {'trust_id': 'secret', 'trustor_user_id': 'alice'}
        shown = self.check_job(job('j1', user_credentials=credentials), 'warned', 'credentials_dropped')
        self.assertNotIn('user_credentials', shown)

    def test_long_job_id_is_replaced_everywhere(self) -> None:
        long = 'nightly-' + 'x' * 80
        member = session('s1', jobs={long: {'status': 'completed'}})
        report = self.migrate(client('p1_web01'), job(long, session_id='s1'), member)
        self.assertEqual(['id_replaced'], list(report['reasons']))
        [shown] = self.api.get(self.v2('jobs')).json['jobs']
        self.assertLessEqual(len(shown['job_id']), 64)
        self.assertEqual([shown['job_id']], list(self.shown('sessions', 's1')['jobs']))

    def test_entries_of_a_job_keep_their_own_definitions(self) -> None:
        other = {**DEFINITION, 'container': 'changed'}
        entry = {'action_id': 'a1', 'freezer_action': other, 'exit_status': 'kept', **ALICE}
        line = job('j1', job_actions=[entry, entry])
        self.migrate(client('p1_web01'), action('a1', max_retries=2), line)
        shown = self.shown('jobs', 'j1')['job_actions']
        options = {'max_retries': 5, 'max_retries_interval': 6, 'mandatory': False}
        self.assertEqual([{**entry, **options}] * 2, shown)
        self.assertEqual(DEFINITION, self.shown('actions', 'a1')['freezer_action'])
        # And go on doing so.
        self.api.patch(self.v2('actions', 'a1'), json={'max_retries': 9})
        self.assertEqual(shown, self.shown('jobs', 'j1')['job_actions'])

    def test_entry_without_id_gets_one_and_no_action(self) -> None:
        line = job('j1', job_actions=[{'freezer_action': DEFINITION}])
        shown = self.check_job(line, 'fixed', 'entry_without_id')
        self.assertNotEqual('', shown['job_actions'][0]['action_id'])
        self.assertEqual([], self.rows()['actions'])
        # An agent sends back what it was given.
        self.api.patch(self.v2('jobs', 'j1'), json={'job_actions': shown['job_actions']})
        self.assertEqual([], self.rows()['actions'])

    def test_job_of_the_first_weeks_gets_a_list(self) -> None:
        line = job('j1', job_action=DEFINITION)
        del line['_source']['job_actions']
        shown = self.check_job(line, 'fixed', 'job_action', 'entry_without_id')
        self.assertEqual(DEFINITION, shown['job_actions'][0]['freezer_action'])

    def test_interval_in_the_spelling_of_the_manualcounts(self) -> None:
        entry = {'action_id': 'a1', 'freezer_action': DEFINITION, 'max_retry_interval': 77}
        shown = self.check_job(job('j1', job_actions=[entry]), 'loaded')
        self.assertEqual(77, shown['job_actions'][0]['max_retries_interval'])
        self.assertEqual(77, shown['job_actions'][0]['max_retry_interval'])

    def test_session_shows_its_own_view_of_jobs(self) -> None:
        part = {
            'client_id': 'p1_web01',
            'status': 'completed',
            'result': 'fail',
            'time_started': '',
            'time_ended': 9,
        }
        schedule = {'status': 'running', 'time_started': 8}
        report = self.migrate(
            session('s1', session_tag='4', jobs={'j1': part}),
            client('p1_web01'),
            job('j1', session_id='s1', session_tag=4, job_schedule=schedule),
        )
        self.assertEqual(['not_a_number'], list(report['reasons']))
        shown = self.shown('sessions', 's1')
        self.assertEqual((4, {'j1': part}), (shown['session_tag'], shown['jobs']))
        self.assertEqual('running', self.shown('jobs', 'j1')['job_schedule']['status'])

    def test_run_that_goes_on_ends_as_it_would_have(self) -> None:
        parts = {
            'j1': {'status': 'completed', 'result': 'fail', 'time_started': 1000, 'time_ended': 1001},
            'j2': {'status': 'running', 'result': '', 'time_started': 1000, 'time_ended': ''},
        }
        running = session(
            's1', session_tag=3, status='running', time_start=1000, hold_off=30, jobs=parts
        )
        self.migrate(
            running, *(job(name, session_id='s1', session_tag=3, client_id='x') for name in parts)
        )
        end = {'job_id': 'j2', 'current_tag': 3, 'result': 'success'}
        self.api.post(self.v2('sessions', 's1', 'action'), json={'end': end})
        shown = self.shown('sessions', 's1')
        self.assertEqual(('completed', 'fail'), (shown['status'], shown['result']))

    def test_job_of_a_session_that_is_gone_has_none(self) -> None:
        shown = self.check_job(job('j1', session_id='gone', session_tag=2), 'fixed', 'session_gone')
        self.assertEqual('', shown['session_id'])

    def test_job_decides_which_session_it_is_in(self) -> None:
        lists = {'j1': {'status': 'completed'}, 'gone': {'status': 'running'}}
        report = self.migrate(session('s1', jobs=lists), client('p1_web01'), job('j1'))
        self.assertEqual({'session_job_disagrees', 'session_job_gone'}, set(report['reasons']))
        self.assertEqual({}, self.shown('sessions', 's1')['jobs'])

    def test_repeated_lines_are_one_document_and_the_last_wins(self) -> None:
        report = self.migrate(backup(1), backup(1), backup(2, user_name='x'), backup(2))
        self.assertEqual({'loaded': 2, 'merged': 2}, counts(report, 'backups'))
        names = {row['id']: row['user_name'] for row in self.rows()['backups']}
        self.assertIsNone(names[backup(2)['_id']])

    def test_higher_version_wins_over_a_later_line(self) -> None:
        newer, older = backup(1, user_name='newer'), backup(1, user_name='older')
        self.migrate({**newer, '_version': 7}, {**older, '_version': 6})
        self.assertEqual('newer', self.rows()['backups'][0]['user_name'])

    def test_second_document_with_an_id_gets_another(self) -> None:
        other = backup(1, user_name='other')
        report = self.migrate({**other, '_id': 'A1'}, backup(1))
        self.assertEqual({'loaded': 1, 'fixed': 1}, counts(report, 'backups'))
        names = {row['id']: row['user_name'] for row in self.rows()['backups']}
        # That which was stored under the id keeps it.
        self.assertIsNone(names[backup(1)['_id']])
        self.assertEqual(2, len(names))

    def test_same_document_under_two_ids_is_one(self) -> None:
        report = self.migrate(backup(1), {**backup(1), '_id': 'A1'})
        self.assertEqual({'loaded': 1, 'merged': 1}, counts(report, 'backups'))

    def test_stale_version_inside_is_dropped(self) -> None:
        self.check_job(job('j1', _version=3), 'fixed', 'version_key')

    def test_characters_that_no_database_takes_are_replaced(self) -> None:
        lines = (
            json.dumps(session('s1', description='be\0fore')),
            json.dumps(session('s1', description='half \ud83d only')),
            json.dumps(session('s1', description='XX')).encode().replace(b'XX', b'\xff\xfe'),
        )
        for line in lines:
            self.database.clear()
            report = self.migrate(line)
            self.assertEqual(['characters_replaced'], list(report['reasons']))
            self.assertIn('\ufffd', self.shown('sessions', 's1')['description'])

    def test_characters_of_four_bytes_are_kept(self) -> None:
        self.check(session('s1', description='cold \U0001f9ca storage'), 'loaded')
        self.assertEqual('cold \U0001f9ca storage', self.shown('sessions', 's1')['description'])

    def test_lines_that_hold_no_document_are_rejected(self) -> None:
        deep = '{"a":' * 600 + '1' + '}' * 600
        lines: list[Any] = [
            '{"_index": "freezer", "_ty',
            'null',
            '[]',
            {'_index': 'freezer', '_type': 'jobs', '_source': {}},
            hit('jobs', 'a', None),
            hit('jobs', 'b', [job('b')]),
            hit('configs', 'c', dict(ALICE)),
            {'_index': 'freezer', '_id': 'd', '_source': {'value': 1}},
            hit('jobs', 'e', {'job_id': 'e', 'client_id': 'x', 'job_actions': []}),
            hit('clients', 'f', {'client': {}, **ALICE}),
            backup(1, backup_metadata={'number': 2**70}),
            json.dumps(backup(2, backup_metadata='DEEP')).replace('"DEEP"', deep),
            json.dumps(backup(3, backup_metadata='NAN')).replace('"NAN"', 'NaN'),
            json.dumps(backup(4, backup_metadata='BIG')).replace('"BIG"', '{"size": 1e999}'),
        ]
        report = self.migrate(*lines, '', '   ', code=2)
        self.assertEqual(len(lines), report['read'])
        self.assertEqual(
            {
                'broken_line': 2,
                'unstorable': 3,
                'not_a_hit': 3,
                'source_missing': 1,
                'not_an_object': 1,
                'unknown_type': 2,
                'no_user': 1,
                'no_client_id': 1,
            },
            {
                name: found['count']
                for name, found in report['reasons'].items()
            },
        )
        self.assertEqual([], self.rows()['backups'])

    def test_odd_line_stops_nothing(self) -> None:
        deep = json.dumps(backup(5, backup_metadata='DEEP'))
        notes = [['nonsense', 'x', 1], ['not_text', [], 1], ['not_text', {}, 1], [{}, 'x', 1], 'x']
        unstorable = [
            deep.replace('"DEEP"', '[' * 500 + '"\\u0000"' + ']' * 500),
            deep.replace('"DEEP"', '{"a":' * 980 + '"\\u0000"' + '}' * 980),
            deep.replace('"DEEP"', f'{{"size": {"1" * 5000}}}'),
            {**backup(6), '_notes': [['not_text', 'x', 2**70]]},
        ]
        taken = [
            {**backup(1), '_version': 2**70},
            {**backup(2), '_seq_no': -(2**64)},
            {**backup(3), '_notes': notes, '_created': 'soon'},
            {**backup(4), '_created': 2**70},
        ]
        rejects = self.folder / 'rejected'
        report = self.migrate(*unstorable, *taken, options=('--reject-file', rejects), code=2)
        self.assertEqual({'unstorable': len(unstorable)}, self.reasons(report))
        self.assertEqual(len(taken), len(self.rows()['backups']))
        again = self.run_command('--dump', rejects)
        self.assertEqual(len(unstorable), again.report['read'])

    def reasons(self, report: Document) -> Document:
        return {name: found['count'] for name, found in report['reasons'].items()}

    def test_keys_that_would_become_the_same_are_two(self) -> None:
        metadata = {**backup(1)['_source']['backup_metadata'], 'a\0b': 1, 'a\ufffdb': 2}
        self.migrate(backup(1, backup_metadata=metadata))
        shown = self.shown('backups', backup(1)['_id'])['backup_metadata']
        self.assertEqual({1, 2}, {shown[name] for name in shown if name.startswith('a')})

    def test_job_has_the_replaced_id_of_its_client(self) -> None:
        long = 'w' * 330
        part = {'client_id': long, 'status': 'completed'}
        member = job('j1', client_id=long, session_id='s1')
        self.migrate(client(long), member, session('s1', jobs={'j1': part}))
        client_id = self.api.get(self.v2('clients')).json['clients'][0]['client']['client_id']
        self.assertEqual(client_id, self.shown('jobs', 'j1')['client_id'])
        shown = self.shown('sessions', 's1')['jobs']['j1']
        self.assertEqual(client_id, shown['client_id'])

    def test_client_is_central_in_any_spelling(self) -> None:
        other = client('web01', 'c2', is_central='TRUE')
        other['_source'].update(user_id='bob', project_id='p2')
        self.migrate(client('web01', 'c1', is_central='TRUE'), other)
        # As with any spelling, none of two can be.
        self.assertEqual([0, 0], [row['is_central'] for row in self.rows()['clients']])

    def test_terminal_is_sent_no_commands(self) -> None:
        line = hit('backups', 'b\x1b[2J', {**backup(1)['_source'], 'user_id': None})
        outcome = self.run_command('--dump', self.write(line))
        self.assertIn('b\\x1b[2J', outcome.out)
        self.assertNotIn('\x1b', outcome.out + outcome.err)

    def test_empty_dump_is_told(self) -> None:
        outcome = self.run_command('--dump', self.write())
        self.assertEqual(0, outcome.code)
        self.assertIn('no documents at all', outcome.out)

    def run_alone(self, stdout: Any, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """In a process of its own, with a document that is rejected."""
        line = hit('backups', 'b\u2603', {**backup(1)['_source'], 'user_id': None})
        return subprocess.run(
            self.command('--dump', self.write(line), '--report', self.folder / 'report.json'),
            env={**os.environ, 'PYTHONPATH': str(migrating.TREE), **environment},
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=60,
        )

    def test_letters_that_the_terminal_has_not_are_spelled(self) -> None:
        done = self.run_alone(subprocess.PIPE, PYTHONIOENCODING='ascii')
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertIn(b'b\\u2603', done.stdout)

    def test_output_that_nobody_reads_changes_no_exit_code(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        self.addCleanup(os.close, writing)
        done = self.run_alone(writing)
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertNotIn(b'Broken', done.stderr)
        self.assertTrue((self.folder / 'report.json').exists())

    def test_report_that_cannot_be_written_is_told_before_the_work(self) -> None:
        dump = self.write(backup(1))
        for path in (self.folder, self.folder / 'none' / 'report'):
            outcome = self.run_command('--dump', dump, '--report', path)
            self.assertEqual(127, outcome.code, outcome.err)
        self.assertEqual({}, self.stored())

    def test_report_that_fails_late_leaves_the_outcome(self) -> None:
        for line, code in ((backup(1), 4), ('broken', 2)):
            outcome = self.run_command('--dump', self.write(line), '--report', '/dev/full')
            self.assertEqual(code, outcome.code, outcome.err)
            self.assertIn('/dev/full cannot be written', outcome.err)
            self.assertIn('Documents:', outcome.out)

    def test_reject_file_that_is_a_device_keeps_its_rights(self) -> None:
        pipe = self.folder / 'pipe'
        os.mkfifo(pipe)
        pipe.chmod(0o666)
        descriptor = os.open(pipe, os.O_RDWR)
        self.addCleanup(os.close, descriptor)
        self.run_command('--dump', self.write('broken'), '--reject-file', pipe)
        self.assertEqual(0o666, stat.S_IMODE(pipe.stat().st_mode))

    def test_line_of_fifty_mebibytes_is_rejected_and_the_next_one_read(self) -> None:
        huge = json.dumps(backup(1, backup_metadata={'excluded_files': 'x' * 50 * 2**20}))
        rejects = self.folder / 'rejected'
        report = self.migrate(huge, backup(2), options=('--reject-file', rejects), code=2)
        self.assertEqual(['line_too_long'], list(report['reasons']))
        self.assertEqual(1, len(self.rows()['backups']))
        self.assertEqual(huge, rejects.read_text().strip())

    def test_document_beyond_a_column_is_rejected(self) -> None:
        line = backup(1, backup_metadata={'excluded_files': 'x' * 17 * 2**20})
        self.check(line, 'rejected', 'too_large')

    def test_large_document_is_kept(self) -> None:
        files = [f'/srv/data/{number:06}.dat' for number in range(100_000)]
        line = backup(1)
        line['_source']['backup_metadata']['excluded_files'] = files
        self.check(line, 'loaded')
