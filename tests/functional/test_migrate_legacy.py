# SPDX-License-Identifier: Apache-2.0
"""Documents out of the tables of the service that went before, with all that was found in such tables."""

import contextlib
import json
import os
import random
import signal
import subprocess
from typing import Any

from tests import legacy, migrating

Document = dict[str, Any]

KILLS = 8


class LegacyTestCase(migrating.MigrationTestCase):
    """A test with a source at the newest revision."""

    source_name = 'legacy-sql'

    def setUp(self) -> None:
        super().setUp()
        self.old = legacy.LegacyDatabase(self.folder)

    def migrate_old(self, *options: object, code: int = 0) -> Document:
        """Migrate and verify; return the report.

        :param code: the exit code to insist on
        """
        before = self.old.digest()
        outcome = self.run_command('--from', self.old.url, '--verify', *options)
        self.assertEqual(code, outcome.code, outcome.out + outcome.err)
        self.assertEqual(before, self.old.digest())
        self.assertEqual(0, outcome.report['verification']['different'], outcome.out)
        return outcome.report

    def get(self, *segments: str, user: str = 'alice', project: str = 'p1') -> Document:
        caller = self.as_(user, project)
        document: Document = caller.get(caller.url(*segments)).json
        return document

    def check(self, kind: str, state: str, *reasons: str) -> Document:
        """Migrate the only document of a kind, with this outcome; return the report."""
        report = self.migrate_old(code=2 if state == 'rejected' else 0)
        self.assertEqual(state, self.state_of(report, kind))
        self.assertEqual(sorted(reasons), sorted(report['reasons']))
        return report


class DocumentTest(LegacyTestCase):
    def test_action_has_the_values_of_its_columns(self) -> None:
        definition = {'action': 'backup', 'container': 'old', 'any': [1, None], 'timeout': None}
        self.old.add_action(backup_metadata=definition, container='new', priority=3, mandatory=1)
        self.check('actions', 'loaded')
        expected = {**definition, 'mode': 'fs', 'container': 'new', 'priority': 3}
        found = self.get('actions', 'a1')
        self.assertEqual((expected, True), (found['freezer_action'], found['mandatory']))

    def test_column_that_was_cut_is_whole_in_the_definition(self) -> None:
        path = '/srv/' + 'x' * 300
        self.old.add_action(
            backup_metadata={'action': 'backup', 'path_to_backup': path}, path_to_backup=path[:255]
        )
        self.check('actions', 'loaded')
        self.assertEqual(path, self.get('actions', 'a1')['freezer_action']['path_to_backup'])

    def test_columns_of_other_types_are_read(self) -> None:
        self.old.add_client(hostname=b'web\xc3\xa4', description=b'\xff', uuid=7)
        self.old.add_backup(status=b'who')
        report = self.migrate_old()
        self.assertEqual({'characters_replaced', 'not_text'}, set(report['reasons']))
        shown = self.get('clients', 'p1_web01')['client']
        self.assertEqual(('web\u00e4', '\ufffd'), (shown['hostname'], shown['description']))

    def test_number_beyond_all_bounds_is_in_the_ledger(self) -> None:
        self.old.add_backup(backup_metadata=b'{"container": "c", "size": 1e400}')
        report = self.migrate_old()
        self.assertIn('not_finite', report['reasons'])
        [entry] = self.rows()['migration_entries']
        self.assertIn('1e400', entry['remainder'])

    def test_retries_that_were_lost_are_the_usual_ones(self) -> None:
        self.old.add_action(max_retries=None, max_retries_interval=None, mandatory=None)
        self.check('actions', 'loaded')
        found = self.get('actions', 'a1')
        options = [found[name] for name in ('max_retries', 'max_retries_interval', 'mandatory')]
        self.assertEqual([5, 6, False], options)

    def test_jobs_share_an_action(self) -> None:
        self.old.add_client()
        self.old.add_action(max_retries=2)
        for job_id in ('j1', 'j2'):
            self.old.add_job(job_id)
            self.old.link(job_id, 'a1')
        # Once more in the second one.
        self.old.link('j2', 'a1', 1)
        report = self.migrate_old()
        self.assertEqual(2, report['states']['jobs']['loaded'])
        jobs = [self.get('jobs', job_id)['job_actions'] for job_id in ('j1', 'j2')]
        self.assertEqual([['a1'], ['a1', 'a1']], [[e['action_id'] for e in job] for job in jobs])
        self.assertEqual({2}, {entry['max_retries'] for job in jobs for entry in job})

    def test_entry_that_is_given_anew_follows_its_action(self) -> None:
        self.old.add_client()
        self.old.add_action()
        for job_id in ('j1', 'j2'):
            self.old.add_job(job_id)
            self.old.link(job_id, 'a1')
        self.migrate_old()
        entries = {'job_actions': [{'action_id': 'a1'}]}
        self.api.patch(self.url('jobs', 'j2'), json=entries, status=200)
        changed = {'freezer_action': {'container': 'changed'}}
        self.api.patch(self.url('actions', 'a1'), json=changed, status=200)
        jobs = [self.get('jobs', job_id)['job_actions'][0] for job_id in ('j1', 'j2')]
        self.assertEqual(['c', 'changed'], [entry['freezer_action']['container'] for entry in jobs])

    def test_actions_of_a_job_keep_their_order(self) -> None:
        self.old.add_client()
        self.old.add_job()
        for position, action_id in enumerate(('a3', 'a1', 'a2')):
            self.old.add_action(action_id)
            self.old.link('j1', action_id, position)
        self.check_job('loaded', ['a3', 'a1', 'a2'])

    def check_job(self, state: str, actions: list[str], *reasons: str) -> None:
        report = self.migrate_old()
        self.assertEqual(state, self.state_of(report, 'jobs'))
        self.assertEqual(list(reasons), list(report['reasons']))
        found = self.get('jobs', 'j1')['job_actions']
        self.assertEqual(actions, [entry['action_id'] for entry in found])

    def test_link_that_was_deleted_is_none(self) -> None:
        self.old.add_client()
        self.old.add_job()
        self.old.add_action()
        self.old.link('j1', 'a1')
        self.old.link('j1', 'a1', 1, deleted=1)
        self.check_job('loaded', ['a1'])

    def test_action_that_is_gone_is_left_out_as_before(self) -> None:
        self.old.add_client()
        self.old.add_job()
        self.old.add_action()
        self.old.add_action('deleted', deleted=1)
        self.old.add_action('foreign', project_id='p2')
        for position, action_id in enumerate(('a1', 'deleted', 'foreign', 'never')):
            self.old.link('j1', action_id, position)
        self.check_job('warned', ['a1'], 'action_gone')

    def test_trust_does_not_leave_the_source(self) -> None:
        self.old.add_client()
        self.old.add_job()
        owner = {'user_id': None, 'project_id': None}
        trust = {'trust_id': 'secret-trust', 'trustor_user_id': 'secret-user', 'job_id': 'j1'}
        self.old.add('user_credentials', 'c1', **owner, **trust)
        spool = self.folder / 'spool'
        report = self.migrate_old('--spool', spool)
        self.assertEqual(['credentials_dropped'], list(report['reasons']))
        written = json.dumps([report, self.rows()], default=str)
        written += (spool / 'documents.ndjson').read_text()
        self.assertNotIn('secret-', written)

    def test_deleted_rows_stay_behind(self) -> None:
        for deleted in (1, None):
            self.old.add_client(f'p1_{deleted}', f'gone{deleted}', deleted=deleted)
            self.old.add_job(f'j{deleted}', deleted=deleted)
        self.old.add_client()
        outcome = self.run_command('--from', self.old.url)
        self.assertEqual((0, 1), (outcome.code, outcome.report['read']))
        self.assertIn('left behind: 2 clients, 2 jobs.', outcome.err)

    def test_session_knows_its_jobs(self) -> None:
        self.old.add_client()
        self.old.add_job(session_id='s1', session_tag=2)
        part = {'client_id': 'p1_web01', 'status': 'completed', 'result': 'success'}
        times = {'time_started': 1767323045, 'time_ended': ''}
        self.old.add_session(session_tag=2, job={'j1': {**part, **times}}, result='')
        self.migrate_old()
        self.assertEqual({'j1': {**part, **times}}, self.get('sessions', 's1')['jobs'])
        self.assertEqual('s1', self.get('jobs', 'j1')['session_id'])

    def test_central_client_stays_one(self) -> None:
        self.old.add_client(is_central=1, supported_actions=['backup'])
        self.check('clients', 'loaded')
        found = self.get('clients', 'p1_web01')['client']
        self.assertEqual((True, ['backup']), (found['is_central'], found['supported_actions']))

    def test_same_client_in_two_projects_is_two(self) -> None:
        self.old.add_client('web01')
        self.old.add_client('web01', 'u2', project_id='p2', user_id='bob')
        self.assertEqual(2, self.migrate_old()['states']['clients']['loaded'])
        self.assertEqual(
            'u2', self.get('clients', 'web01', user='bob', project='p2')['client']['uuid']
        )

    def test_client_of_two_users_is_the_one_that_was_changed_last(self) -> None:
        for user, year in (('alice', 2024), ('bob', 2026), ('carol', 2025)):
            time = f'{year}-01-01 00:00:00'
            # The older ones have more to say.
            more = {} if user == 'bob' else {'description': 'd', 'is_central': 0}
            self.old.add_client('web01', user, user_id=user, updated_at=time, **more)
        report = self.migrate_old()
        self.assertEqual(2, report['states']['clients']['merged'])
        self.assertEqual('bob', self.get('clients', 'web01')['client']['uuid'])

    def test_job_of_a_backup_is_in_its_column(self) -> None:
        for inside in ({}, {'job_id': ''}):
            self.database.clear()
            self.old.add_backup(f'b{len(inside)}', job_id='j1', backup_metadata={'container': 'c', **inside})
            self.migrate_old()
            self.assertEqual({'j1'}, {row['job_id'] for row in self.rows()['backups']})

    def test_lists_have_the_order_in_which_rows_were_made(self) -> None:
        names = ('c', 'a', 'b')
        for day, name in enumerate(names, 1):
            created = f'2026-01-0{day} 00:00:00'
            self.old.add_client(f'p1_{name}', name, created_at=created)
            self.old.add_action(name, created_at=created)
            self.old.add_job(name, client_id='p1_a', created_at=created)
            self.old.add_session(name, created_at=created)
            self.old.add_backup(name, created_at=created)
        self.migrate_old()
        for kind, key in (('actions', 'action_id'), ('jobs', 'job_id'), ('sessions', 'session_id')):
            self.assertEqual([*names], [document[key] for document in self.get(kind)[kind]])
        self.assertEqual([*names], [found['backup_id'] for found in self.get('backups')['backups']])
        clients = [found['client']['uuid'] for found in self.get('clients')['clients']]
        self.assertEqual([*names], clients)

    def test_rows_of_v1_get_their_project(self) -> None:
        self.old.add_backup(project_id=None)
        self.old.add_backup('b2', project_id=None, user_id='nobody')
        projects = self.folder / 'map'
        projects.write_text('alice p1\n')
        report = self.migrate_old('--map', projects, code=2)
        self.assertEqual({'nobody': 1}, report['users_without_project'])
        self.assertEqual('b1', self.get('backups', 'b1')['backup_id'])

    def test_every_shape_of_the_tables_is_read(self) -> None:
        for number, revision in enumerate(legacy.REVISIONS):
            old = legacy.LegacyDatabase(self.folder, revision, f'{revision}.sqlite')
            old.add_client(f'p1_{number}', f'u{number}')
            entry = {'action_id': f'a{number}', 'freezer_action': {'action': 'info'}}
            if old.has_links:
                old.add_job(f'j{number}')
                old.link(f'j{number}', f'a{number}')
            else:
                old.add_job(f'j{number}', job_actions=[entry])
            path = {'src_file' if not number else 'path_to_backup': '/srv'}
            old.add_action(f'a{number}', **path)
            old.add_session(f's{number}')
            old.add_backup(f'b{number}')
            outcome = self.run_command('--from', old.url, '--verify')
            self.assertEqual(0, outcome.code, outcome.out + outcome.err)
            self.assertIn(f'at revision {revision}, of release', outcome.err)
            self.assertEqual((5, 5), (outcome.report['read'], outcome.report['rows']['new']))
            self.assertEqual(5, outcome.report['verification']['equal'])
            found = self.get('actions', f'a{number}')['freezer_action']
            self.assertEqual('/srv', found[next(iter(path))])
            self.assertEqual(1, len(self.get('jobs', f'j{number}')['job_actions']))


class TextTest(LegacyTestCase):
    """Columns of JSON with something else in them."""

    def check_backup(self, text: Any, state: str, expected: Document, *reasons: str) -> None:
        self.old.add_backup(backup_metadata=text)
        self.check('backups', state, *reasons)
        self.assertEqual(expected, self.get('backups', 'b1')['backup_metadata'])

    METADATA: Document = {'container': 'c', 'hostname': 'h', 'backup_name': 'n', 'level': 1}

    def test_text_and_bytes_are_the_same(self) -> None:
        self.check_backup(json.dumps(self.METADATA), 'loaded', self.METADATA)

    def test_json_of_json(self) -> None:
        text = json.dumps(json.dumps(self.METADATA))
        self.check_backup(text, 'fixed', self.METADATA, 'encoded_twice')

    def test_as_python_prints_it(self) -> None:
        metadata = {**self.METADATA, 'mode': None, 'dry_run': True}
        self.check_backup(repr(metadata), 'fixed', metadata, 'python_text')

    def test_cut_off_after_64_kib(self) -> None:
        files = [f'/srv/file-{number}' for number in range(5000)]
        text = json.dumps({**self.METADATA, 'excluded_files': files})[: 2**16 - 1]
        self.old.add_backup(backup_metadata=text.encode())
        self.check('backups', 'fixed', 'text_cut_off')
        found = self.get('backups', 'b1')['backup_metadata']
        kept = found.pop('excluded_files')
        self.assertEqual((self.METADATA, files[: len(kept)]), (found, kept))
        self.assertGreater(len(kept), 3000)
        # Whatever was in the row can still be looked up.
        remainder = self.rows()['migration_entries'][0]['remainder']
        self.assertEqual(text, json.loads(remainder)['backup_metadata'])

    def test_not_a_number(self) -> None:
        text = json.dumps({**self.METADATA, 'size': float('nan')})
        self.check_backup(text, 'fixed', {**self.METADATA, 'size': None}, 'not_finite')

    def test_large_numbers_and_halves_of_letters(self) -> None:
        self.old.add_backup(backup_metadata='{"backup_name": "n", "x": "\\ud800\\u0000"}')
        self.old.add_backup(
            'b2', backup_metadata='{"backup_name": "n", "x": 123456789012345678901}'
        )
        report = self.migrate_old(code=2)
        self.assertEqual(
            (1, 1), tuple(report['states']['backups'][n] for n in ('fixed', 'rejected'))
        )
        found = self.get('backups', 'b1')['backup_metadata']
        self.assertEqual('\ufffd\ufffd', found['x'])

    def test_nothing_at_all(self) -> None:
        self.old.add_client()
        self.old.add_job(schedule=None)
        self.old.add_session(schedule='""', job='null', description=None)
        self.old.add_backup(backup_metadata=None)
        self.old.add_action(backup_metadata='')
        report = self.migrate_old()
        self.assertEqual(5, report['read'])
        self.assertEqual({}, self.get('sessions', 's1')['jobs'])

    def test_job_with_half_its_schedule_is_not_run(self) -> None:
        self.old.add_client()
        self.old.add_job(schedule='{"schedule_interval": "1 days", "schedule_end_da')
        rejects = self.folder / 'rejects'
        report = self.migrate_old('--reject-file', rejects, code=2)
        self.assertEqual(['text_damaged'], list(report['reasons']))
        # Put right in the file, it can be loaded.
        line = json.loads(rejects.read_text())
        line['_source']['job_schedule'] = {'schedule_interval': '1 days'}
        del line['_damaged']
        rejects.write_text(json.dumps(line))
        self.source_name = 'elasticsearch'
        outcome = self.run_command('--dump', rejects)
        self.assertEqual(0, outcome.code, outcome.out + outcome.err)
        self.assertEqual('1 days', self.get('jobs', 'j1')['job_schedule']['schedule_interval'])

    def test_garbage_is_rejected(self) -> None:
        self.old.add_backup(backup_metadata='nothing of the kind')
        self.check('backups', 'rejected', 'text_damaged')


class RerunTest(LegacyTestCase):
    def fill(self, count: int) -> None:
        """Rows of all kinds, more than a page."""
        self.old.add_client()
        for number in range(count):
            self.old.add_action(f'a{number}')
            self.old.add_job(f'j{number}', session_id=f's{number}')
            self.old.link(f'j{number}', f'a{number}')
            self.old.add_session(f's{number}', job={f'j{number}': {'status': 'running'}})
            self.old.add_backup(f'b{number}')

    def test_second_run_changes_nothing(self) -> None:
        self.fill(5)
        self.migrate_old()
        before = self.rows()
        report = self.migrate_old()
        self.assertEqual(before, self.rows())
        self.assertEqual([0, 0], [report['rows'][name] for name in ('new', 'updated')])

    def test_change_in_the_source_is_followed(self) -> None:
        self.fill(2)
        self.migrate_old()
        self.old.add_backup('late')
        report = self.migrate_old()
        self.assertEqual((1, 9), (report['rows']['new'], report['rows']['unchanged']))

    def test_undo_takes_everything_back(self) -> None:
        before = self.rows()
        self.fill(3)
        self.migrate_old()
        outcome = self.run_command('--undo')
        self.assertEqual(0, outcome.code, outcome.out + outcome.err)
        self.assertEqual(before, self.rows())

    def test_dry_run_writes_nothing(self) -> None:
        self.fill(3)
        before = self.rows()
        dry = self.run_command('--from', self.old.url, '--dry-run')
        self.assertEqual((0, before), (dry.code, self.rows()))
        self.assertEqual(dry.report['states'], self.migrate_old()['states'])

    def test_stages_alone(self) -> None:
        self.fill(1)
        spool = self.folder / 'spool'
        pulled = self.run_command('--from', self.old.url, '--stage', 'pull', '--spool', spool)
        self.assertEqual(0, pulled.code, pulled.err)
        self.old.path.unlink()
        for stage in ('load', 'verify'):
            outcome = self.run_command('--stage', stage, '--spool', spool)
            self.assertEqual(0, outcome.code, outcome.out + outcome.err)
        self.assertEqual(5, outcome.report['verification']['equal'])

    def test_kills_lead_to_the_same_end(self) -> None:
        self.fill(150)
        self.migrate_old()
        expected = self.contents()
        self.database.clear()
        moments = random.Random(20261121)
        stops = 0
        for _ in range(KILLS):
            command = self.command('--from', self.old.url, '--quiet')
            environment = {**os.environ, 'PYTHONPATH': str(migrating.TREE)}
            with subprocess.Popen(
                command, cwd=migrating.TREE, env=environment, stdout=subprocess.DEVNULL
            ) as process:
                # It takes about a second to start, and one to run.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.5 + 2 * moments.random())
                process.kill()
            stops += process.returncode == -signal.SIGKILL
        self.assertGreater(stops, 0)
        self.migrate_old()
        self.assertEqual(expected, self.contents())


class SourceTest(LegacyTestCase):
    """Mistakes of an operator, which are told in a line."""

    def check_refused(self, code: int, text: str, *options: object) -> None:
        outcome = self.run_command(*options)
        self.assertEqual(code, outcome.code, outcome.err)
        self.assertIn(text, outcome.err)
        self.assertNotIn('secret', outcome.err)

    def test_target_is_no_source(self) -> None:
        self.check_refused(127, 'the same database', '--from', self.database.url)

    def test_source_with_other_tables(self) -> None:
        other = self.folder / 'other.sqlite'
        other.write_bytes(b'')
        self.check_refused(4, 'no tables of the old service', '--from', f'sqlite:///{other}')

    def test_source_that_is_not_there(self) -> None:
        self.check_refused(4, 'cannot be read', '--from', 'sqlite:////no/such/file')
        self.assertEqual(['freezer-api.conf', 'old.sqlite'], sorted(os.listdir(self.folder)))

    def test_server_that_is_away(self) -> None:
        url = 'mysql://freezer:secret@127.0.0.1:1/freezer'
        self.check_refused(4, 'cannot be read', '--from', url)

    def test_source_is_not_written_over(self) -> None:
        before = self.old.digest()
        text = 'is the source, which is never written'
        self.check_refused(127, text, '--from', self.old.url, '--reject-file', self.old.path)
        self.assertEqual(before, self.old.digest())

    def test_option_of_another_driver(self) -> None:
        url = 'mysql+mysqldb://freezer:secret@127.0.0.1/freezer?nonsense=secret'
        self.check_refused(4, 'an option that its driver does not know', '--from', url)

    def test_option_without_a_value_of_its_kind(self) -> None:
        url = 'mysql://freezer:secret@127.0.0.1/freezer?read_timeout=abc'
        self.check_refused(4, 'no value of its kind', '--from', url)

    def test_driver_that_is_not_there(self) -> None:
        self.check_refused(127, 'URL of the source', '--from', 'sqlite+nodrv:////secret')

    def test_configuration_file_that_is_no_text(self) -> None:
        binary = self.write(b'[database]\nconnection = \xff', name='binary')
        self.check_refused(127, 'no text in UTF-8', '--from-config', binary)

    def test_url_that_is_none(self) -> None:
        self.check_refused(127, 'malformed', '--from', 'mysql//secret')
        self.check_refused(127, 'MySQL, MariaDB or SQLite', '--from', 'postgresql://u:secret@h/d')

    def test_no_source_at_all(self) -> None:
        self.check_refused(127, 'Name a source')

    def test_tables_in_the_middle_of_an_upgrade(self) -> None:
        self.old.execute('ALTER TABLE jobs ADD job_actions TEXT')
        self.check_refused(4, 'in the middle of an upgrade', '--from', self.old.url)

    def test_configuration_file_names_the_source(self) -> None:
        self.old.add_client()
        old_file = self.folder / 'old.conf'
        old_file.write_text(
            f'[storage]\ndriver = sqlalchemy\n[database]\nconnection = {self.old.url}\n'
        )
        outcome = self.run_command('--from-config', old_file)
        self.assertEqual((0, 1), (outcome.code, outcome.report['read']))
        old_file.write_text('[storage]\n')
        self.check_refused(127, 'no connection', '--from-config', old_file)
