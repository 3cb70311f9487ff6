# SPDX-License-Identifier: Apache-2.0
"""Where documents of v1 differ from those of v2, and what one version shows of the other's."""

from typing import Any

from tests import base
from tests.functional.jobs import BACKUP, HOST
from tests.functional.v1 import COLLECTIONS, METADATA, OTHER, Document, V1TestCase


class DocumentsTest(V1TestCase):
    def test_no_document_has_a_project(self) -> None:
        action_id = self.action('a', description='x')
        job_id = self.job({'action_id': action_id}, {'freezer_action': OTHER})
        ids = {
            'actions': action_id,
            'backups': self.backup(),
            'clients': HOST,
            'jobs': job_id,
            'sessions': self.session(),
        }
        for collection, name in ids.items():
            document = self.read(collection, name)
            self.assertNotIn('project_id', str(document))
            self.assertIn(document, self.listed(collection))
            theirs = self.read_v2(collection, name)
            self.assertEqual('p1', theirs.pop('project_id'))
            if collection == 'jobs':
                self.assertEqual(['p1'] * 2, [e.pop('project_id') for e in theirs['job_actions']])
            if collection != 'backups':
                self.assertEqual(theirs, document)

    def test_keys_of_the_caller_are_no_projects(self) -> None:
        definition = {**BACKUP, 'project_id': 'free'}
        job_id = self.job({'freezer_action': definition})
        [entry] = self.read('jobs', job_id)['job_actions']
        self.assertEqual(definition, entry['freezer_action'])
        backup_id = self.backup(project_id='free', user_name='free')
        metadata = self.read('backups', backup_id)['backup_metadata']
        self.assertEqual(('free', 'free'), (metadata['project_id'], metadata['user_name']))
        for collection, name in (('jobs', job_id), ('backups', backup_id)):
            found = self.listed(collection, {'match': [{'project_id': 'free'}]})
            self.assertEqual([self.read(collection, name)], found)

    def test_id_of_a_new_job_is_made_by_the_service(self) -> None:
        for given in ('mine', '', None, 5, 'a/b', ['x']):
            body = {'job_id': given, 'client_id': HOST, 'job_actions': []}
            job_id = self.api.post(self.url('jobs'), json=body, status=201).json['job_id']
            self.assertRegex(job_id, r'\A[0-9a-f]{32}\Z')
        self.api.get(self.url('jobs', 'mine'), status=404)

    def test_process_is_never_hidden(self) -> None:
        admin = self.as_('root', 'operators', 'admin,member')
        admin.post(admin.url('clients'), json={'client_id': 'central', 'is_central': True})
        job_id = self.job(client_id='central', job_schedule={'current_pid': 7})
        [listed] = self.listed('jobs')
        for document in (self.read('jobs', job_id), listed):
            self.assertEqual(7, document['job_schedule']['current_pid'])
        self.assertNotIn('current_pid', self.read_v2('jobs', job_id)['job_schedule'])

    def test_clients_and_backups_cannot_be_changed(self) -> None:
        backup_id = self.backup()
        for path in (self.url('clients', HOST), self.url('backups', backup_id)):
            for method in ('PATCH', 'PUT', 'POST'):
                answer = self.assert_nothing_stored(method, path, 405, json={'description': 'x'})
                self.assertEqual('DELETE, GET, HEAD, OPTIONS', answer.headers['Allow'])

    def test_deletion_of_nothing_is_an_error(self) -> None:
        for collection in COLLECTIONS:
            answer = self.assert_nothing_stored('DELETE', self.url(collection, 'none'), 404)
            one = self.api.get(self.url(collection, 'none'), status=404)
            self.assertEqual(one.json, answer.json)


class BackupTest(V1TestCase):
    def test_status_is_a_key_of_the_metadata(self) -> None:
        for status in ('error', 'done', '', None, 5, ['x']):
            backup_id = self.backup(status=status)
            document = self.read('backups', backup_id)
            self.assertNotIn('status', document)
            self.assertEqual({**METADATA, 'status': status}, document['backup_metadata'])
            theirs = self.read_v2('backups', backup_id)
            self.assertEqual('available', theirs['status'])
            self.assertEqual(document['backup_metadata'], theirs['backup_metadata'])

    def test_status_is_searched_in_the_metadata(self) -> None:
        self.api.post(self.v2('backups'), json={**METADATA, 'status': 'error'}, status=201)
        backup_id = self.backup(status='error', note='x')
        [found] = self.listed('backups', {'match': [{'status': 'error'}]})
        self.assertEqual(backup_id, found['backup_id'])
        for search in ({'status': 'available'}, {'_all': 'available'}):
            self.assertEqual([], self.listed('backups', {'match': [search]}))

    def test_backups_of_v2_show_no_status(self) -> None:
        body = {**METADATA, 'status': 'creating', 'container': None}
        backup_id = self.api.post(self.v2('backups'), json=body, status=201).json['backup_id']
        document = self.read('backups', backup_id)
        self.assertEqual({'backup_id', 'user_id', 'user_name', 'backup_metadata'}, set(document))
        self.assertEqual({**METADATA, 'container': None}, document['backup_metadata'])

    def test_creator_is_found_by_name(self) -> None:
        headers = {'X-User-Name': 'Alice A.'}
        self.backup()
        answer = self.api.post(self.url('backups'), json=METADATA, headers=headers, status=201)
        for search in ({'user_name': 'Alice A.'}, {'_all': 'alice a'}):
            [found] = self.listed('backups', {'match': [search]})
            self.assertEqual(answer.json['backup_id'], found['backup_id'])
            theirs = self.api.get(self.v2('backups'), json={'match': [search]}).json
            self.assertEqual([], theirs['backups'])

    def test_three_keys_must_be_there_and_not_empty(self) -> None:
        for key in ('backup_name', 'container', 'hostname'):
            without = {name: value for name, value in METADATA.items() if name != key}
            for body in (without, {**METADATA, key: ''}):
                self.assert_nothing_stored('POST', self.url('backups'), 400, json=body)
            # Agents of its time wrote what they had.
            for value in (None, 5, 1.5, False):
                stored = self.read('backups', self.backup(**{key: value}))
                self.assertEqual({**METADATA, key: value}, stored['backup_metadata'])

    def test_empty_values_of_old_agents_are_kept(self) -> None:
        empty = ('always_level', 'dry_run', 'proxy', 'curr_backup_level', 'time_stamp', 'level')
        metadata = {**METADATA, **dict.fromkeys(empty, ''), 'job_id': None, 'ssh_port': 22}
        shown = self.read('backups', self.backup(**metadata))
        self.assertEqual(metadata, shown['backup_metadata'])


class SpellingTest(V1TestCase):
    """The first documents of the project write ``host_name`` and ``timestamp``."""

    OLD: Document = {
        'backup_name': 'www',
        'container': 'vault',
        'host_name': 'old01',
        'timestamp': 1_400,
        'level': 2,
        'broken_links': ['link_01'],
    }

    def setUp(self) -> None:
        super().setUp()
        answer = self.api.post(self.url('backups'), json=self.OLD, status=201)
        self.old = answer.json['backup_id']
        self.new = self.backup(hostname='new01', time_stamp=1_500, level=1)

    def found(self, search: Document, **params: Any) -> list[str]:
        answer = self.api.get(self.url('backups'), json=search, params=params, status=200)
        return [backup['backup_id'] for backup in answer.json['backups']]

    def test_document_is_kept_as_it_was_written(self) -> None:
        self.assertEqual(self.OLD, self.read('backups', self.old)['backup_metadata'])
        self.assertEqual(self.OLD, self.read_v2('backups', self.old)['backup_metadata'])

    def test_either_spelling_finds_both(self) -> None:
        for key, old, new in (
            ('host_name', 'old01', 'new01'),
            ('hostname', 'old01', 'new01'),
            ('timestamp', 1_400, 1_500),
            ('timestamp', '1400', '1500'),
            ('time_stamp', 1_400, 1_500),
            ('level', 2, 1),
            ('level', '2', '1'),
            ('_all', 'old01', 'new01'),
        ):
            for prefix in ('', 'backup_metadata.') if key != '_all' else ('',):
                self.assertEqual([self.old], self.found({'match': [{prefix + key: old}]}), key)
                self.assertEqual([self.new], self.found({'match': [{prefix + key: new}]}), key)
                if key != '_all':
                    others = self.found({'match_not': [{prefix + key: old}]})
                    self.assertEqual([self.new], others, key)

    def test_span_of_time_holds_both(self) -> None:
        for search, found in (
            ({'time_after': 1_400, 'time_before': 1_500}, [self.old, self.new]),
            ({'time_before': 1_499}, [self.old]),
            ({'time_after': 1_401}, [self.new]),
        ):
            self.assertEqual(found, self.found(search), search)

    def test_document_with_both_is_found_by_each(self) -> None:
        both = self.backup(hostname='one', host_name='two', time_stamp=1, timestamp=2)
        for key, value in (('hostname', 'one'), ('host_name', 'two'), ('timestamp', 2), ('time_stamp', 1)):
            self.assertEqual([both], self.found({'match': [{key: value}]}), key)
        for key, value in (('host_name', 'one'), ('hostname', 'two'), ('timestamp', 1)):
            self.assertEqual([], self.found({'match': [{key: value}]}), key)

    def test_empty_new_spelling_does_not_hide_the_old_one(self) -> None:
        backup_id = self.backup(time_stamp='', timestamp='7')
        self.assertEqual([backup_id], self.found({'time_before': 10}))

    def test_marker_is_ignored(self) -> None:
        for marker in ('', 'x', self.new):
            self.assertEqual([self.old, self.new], self.found({}, marker=marker))

    def test_host_must_be_named_by_one_of_them(self) -> None:
        for host in ({}, {'host_name': ''}, {'host_name': ['x']}, {'hostname': '', 'host_name': 'x'}):
            body = {'backup_name': 'www', 'container': 'vault', **host}
            self.assert_nothing_stored('POST', self.url('backups'), 400, json=body)
        self.assert_nothing_stored('POST', self.v2('backups'), 400, json=self.OLD)


class OldDocumentsTest(V1TestCase):
    """What callers of the services of its time send."""

    def test_complete_answers_come_back(self) -> None:
        self.action('a', description=None, note={'x': [None]})
        session_id = self.session(description='x', last_start='')
        job_id = self.job(
            {'action_id': 'a', 'exit_status': 'success'},
            session_id=session_id,
            session_name='weekly',
            job_schedule={'schedule_interval': '1 days', 'current_pid': 5},
        )
        for collection, name in (('actions', 'a'), ('jobs', job_id), ('sessions', session_id)):
            path = self.url(collection, name)
            found = self.api.get(path)
            for extra in ({}, {'_version': 3}, {'project_id': 'p9', 'user_id': 'eve'}):
                body = {**found.json, **extra}
                for method, status in (('PATCH', 200), ('POST', 201)):
                    answer = self.api.request(method, path, json=body, status=status)
                    self.assertEqual(found.headers['ETag'], answer.headers['ETag'])
                    self.assertEqual(found.json, self.api.get(path).json)
            if collection != 'actions':
                # Its id would be taken.
                self.api.post(self.url(collection), json=found.json, status=201)
        client = self.read('clients', HOST)['client']
        self.api.post(self.url('clients'), json=client, status=201)
        metadata = self.read('backups', self.backup())['backup_metadata']
        self.assertEqual(metadata, self.read('backups', self.backup(**metadata))['backup_metadata'])

    def test_job_as_tempest_sends_it(self) -> None:
        entry = {
            'freezer_action': {**BACKUP, 'hostname': False, 'ssh_port': 22, 'proxy': ''},
            'exit_status': 'success',
            'max_retries': 1,
            'max_retries_interval': 1,
            'mandatory': True,
        }
        times = {'time_created': 1234, 'time_started': 1234, 'time_ended': 0}
        job_id = self.job(
            entry,
            job_id='',
            user_id='somebody',
            description='scheduled one shot',
            job_schedule={**times, 'status': 'stop', 'schedule_date': '2030-06-02T16:20:00'},
        )
        document = self.read('jobs', job_id)
        [stored] = document['job_actions']
        self.assertEqual({**entry, 'action_id': stored['action_id'], 'user_id': 'alice'}, stored)
        self.assertEqual('alice', document['user_id'])

    def test_null_and_empty_values_of_jobs_are_taken(self) -> None:
        nulls = dict.fromkeys(('mode', 'path_to_backup', 'backup_name', 'container', 'storage'))
        empty = dict.fromkeys(('path_to_backup', 'backup_name', 'container', 'storage', 'proxy'), '')
        for definition in (nulls, empty):
            for action_id in (None, ''):
                entry = {
                    'action_id': action_id,
                    'freezer_action': {'action': 'backup', **definition},
                    'max_retries': None,
                    'max_retries_interval': None,
                    'mandatory': None,
                }
                job_id = self.job(entry, description=None, session_id=None, session_name=None)
                [stored] = self.read('jobs', job_id)['job_actions']
                self.assertEqual(entry['freezer_action'], stored['freezer_action'])
                self.assertEqual(
                    (5, 6, False),
                    tuple(stored[k] for k in ('max_retries', 'max_retries_interval', 'mandatory')),
                )
        self.patch('jobs', job_id, session_id='', session_tag=0, description='')

    def test_path_of_an_action_may_have_its_first_name(self) -> None:
        definition = {'action': 'backup', 'src_file': '/var/lib/app'}
        self.action('a', freezer_action=definition)
        self.assertEqual(definition, self.read('actions', 'a')['freezer_action'])
        for key in ('src_file', 'freezer_action.src_file', 'path_to_backup'):
            found = self.listed('actions', {'match': [{key: '/var/lib/app'}]})
            self.assertEqual([self.read('actions', 'a')], found, key)

    def test_session_without_jobs_may_have_a_list_of_them(self) -> None:
        session_id = self.session(jobs=[], last_start='', status='active')
        shown = self.read('sessions', session_id)
        self.assertEqual({}, shown['jobs'])
        path = self.url('sessions', session_id)
        body = {**shown, 'jobs': [], 'description': 'new'}
        self.api.patch(path, json=body, status=200)
        self.api.post(path, json=body, status=201)
        self.assertEqual({**shown, 'description': 'new'}, self.read('sessions', session_id))
        job_id = self.job(session_id=session_id)
        self.patch('sessions', session_id, jobs=[])
        self.assertEqual([job_id], list(self.read('sessions', session_id)['jobs']))


class BothVersionsTest(V1TestCase):
    """What one version wrote, the other one shows."""

    def test_documents_of_v2_are_there_for_their_creator(self) -> None:
        v2 = self.as_v2()
        ids = {
            'actions': self.action('a', v2),
            'jobs': self.job({'action_id': 'a'}, caller=v2, job_id='chosen'),
            'sessions': self.session(v2),
            'backups': self.backup(v2),
        }
        for collection, name in ids.items():
            document = self.read(collection, name)
            self.assertEqual('alice', document['user_id'])
            self.assertEqual([document], self.listed(collection))
            self.assertEqual([], self.listed(collection, caller=self.bob))
            etags = {
                self.api.get(path).headers['ETag']
                for path in (self.url(collection, name), self.v2(collection, name))
            }
            self.assertEqual({'"1"'}, etags)

    def as_v2(self) -> base.Client:
        return base.Client(self.webtest)

    def test_changes_by_either_version_are_seen_by_the_other(self) -> None:
        job_id = self.job(description='v1')
        for write, read in ((self.v2, self.read), (self.url, self.read_v2)):
            path = write('jobs', job_id)
            description = f'changed by {path}'
            self.api.patch(path, json={'description': description}, status=200)
            self.api.post(f'{path}/event', json={'stop': None}, status=202)
            document = read('jobs', job_id)
            self.assertEqual(description, document['description'])
            self.assertEqual('stop', document['job_schedule']['event'])
            self.patch('jobs', job_id, job_schedule={'event': ''})
        self.api.delete(self.v2('jobs', job_id), status=204)
        self.api.get(self.url('jobs', job_id), status=404)

    def test_change_by_another_user_leaves_it_to_its_creator(self) -> None:
        job_id = self.job()
        self.bob.patch(self.v2('jobs', job_id), json={'description': 'by bob'}, status=200)
        self.assertEqual('by bob', self.read('jobs', job_id)['description'])
        self.bob.get(self.url('jobs', job_id), status=404)

    def test_session_is_run_by_agents_of_both(self) -> None:
        session_id = self.session(hold_off=60)
        one, two = self.job(job_id='one'), self.job(job_id='two')
        for path, job_id in ((self.url, one), (self.v2, two)):
            self.api.put(path('sessions', session_id, 'jobs', job_id), status=204)
        for path, job_id, tag in ((self.url, one, '0'), (self.v2, two, 0)):
            action = {'start': {'job_id': job_id, 'current_tag': tag}}
            answer = self.api.post(path('sessions', session_id, 'action'), json=action, status=202)
            self.assertEqual({'result': 'success', 'session_tag': 1}, answer.json)
        for path, job_id in ((self.url, one), (self.v2, two)):
            action = {'end': {'job_id': job_id, 'current_tag': 1, 'result': 'success'}}
            self.api.post(path('sessions', session_id, 'action'), json=action, status=202)
        for document in (self.read('sessions', session_id), self.read_v2('sessions', session_id)):
            self.assertEqual(('completed', 'success'), (document['status'], document['result']))
            self.assertEqual({one, two}, set(document['jobs']))

    def test_session_shows_its_creator_no_jobs_of_others(self) -> None:
        session_id = self.session()
        theirs = self.job(caller=self.bob)
        path = self.url('sessions', session_id)
        self.bob.put(self.v2('sessions', session_id, 'jobs', theirs), status=204)
        (listed,) = self.api.get(self.url('sessions')).json['sessions']
        for shown in (self.read('sessions', session_id), listed):
            self.assertEqual({}, shown['jobs'])
        version = self.api.get(path).headers['ETag']
        answer = self.api.patch(path, json=shown, status=200)
        self.assertEqual(version, answer.headers['ETag'])
        # They answer as if they were not there.
        part = {'job_id': theirs, 'current_tag': 0}
        for method, segments, document, status in (
            ('PATCH', (), {'jobs': {theirs: {'status': 'running'}}}, 400),
            ('POST', (), {'schedule': {}, 'session_tag': 0, 'jobs': {theirs: {}}}, 400),
            ('POST', ('action',), {'start': part}, 400),
            ('POST', ('action',), {'end': {**part, 'result': 'fail'}}, 400),
            ('PUT', ('jobs', theirs), {}, 404),
            ('DELETE', ('jobs', theirs), {}, 404),
        ):
            url = self.url('sessions', session_id, *segments)
            self.assert_nothing_stored(method, url, status, json=document)
        self.api.post(path, json={'schedule': {}, 'session_tag': 0, 'jobs': {}}, status=201)
        # And the job is shown to its own.
        self.assertEqual(session_id, self.read('jobs', theirs, caller=self.bob)['session_id'])
        self.bob.delete(self.url('jobs', theirs), status=204)
        self.assertEqual({}, self.read('sessions', session_id)['jobs'])
