# SPDX-License-Identifier: Apache-2.0
"""Where v1 differs from v2, and what one version shows of the other's."""

import itertools
from collections.abc import Iterator
from typing import Any

import webtest
from keystonemiddleware import fixture as keystone

from tests import base

Document = dict[str, Any]

HOST = 'p1_web01.example'
BACKUP = {'action': 'backup', 'mode': 'fs', 'path_to_backup': '/srv/www', 'container': 'vault'}
OTHER = {**BACKUP, 'container': 'other'}
METADATA = {'backup_name': 'www', 'container': 'vault', 'hostname': 'web01', 'time_stamp': 1_500}

COLLECTIONS = ('actions', 'backups', 'clients', 'jobs', 'sessions')


class V1TestCase(base.ApiTestCase):
    """Alice and Bob in one project, which has a client."""

    versions = ('v1',)

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.as_('bob')
        self.api.post(self.url('clients'), json={'client_id': HOST, 'hostname': 'web01'})

    def action(self, action_id: str, caller: base.Client | None = None, **document: Any) -> str:
        caller = caller or self.api
        body = {'action_id': action_id, 'freezer_action': BACKUP, **document}
        caller.post(caller.url('actions'), json=body, status=201)
        return action_id

    def job(self, *entries: Document, caller: base.Client | None = None, **document: Any) -> str:
        caller = caller or self.api
        return caller.create_job({'client_id': HOST, 'job_actions': list(entries), **document})

    def session(self, caller: base.Client | None = None, **document: Any) -> str:
        caller = caller or self.api
        answer = caller.post(caller.url('sessions'), json={'schedule': {}, **document}, status=201)
        return str(answer.json['session_id'])

    def backup(self, caller: base.Client | None = None, **metadata: Any) -> str:
        caller = caller or self.api
        answer = caller.post(caller.url('backups'), json={**METADATA, **metadata}, status=201)
        return str(answer.json['backup_id'])

    def read(self, *segments: str, caller: base.Client | None = None) -> Document:
        caller = caller or self.api
        document: Document = caller.get(caller.url(*segments), status=200).json
        return document

    def read_v2(self, *segments: str) -> Document:
        document: Document = self.api.get(self.v2(*segments), status=200).json
        return document

    def listed(
        self, collection: str, search: Document | None = None, caller: base.Client | None = None
    ) -> list[Document]:
        caller = caller or self.api
        found: list[Document] = caller.get(caller.url(collection), json=search or {}).json[
            collection
        ]
        return found

    def patch(self, *segments: str, **document: Any) -> int:
        """Change something; return its version."""
        return int(self.api.patch(self.url(*segments), json=document, status=200).json['version'])

    def assert_nothing_stored(
        self, method: str, path: str, status: int, caller: base.Client | None = None, **options: Any
    ) -> webtest.TestResponse:
        before = self.rows()
        answer = (caller or self.api).request(method, path, status=status, **options)
        self.assertEqual({'title', 'description', 'code'}, set(answer.json))
        self.assertEqual(before, self.rows())
        return answer


class ScopeTest(V1TestCase):
    """A document belongs to its creator, within the project of the token."""

    def one_of_each(self, caller: base.Client, name: str) -> dict[str, str]:
        ids = {
            'actions': self.action(f'{name}-a', caller),
            'backups': self.backup(caller),
            'jobs': self.job(caller=caller, job_id=f'{name}-j'),
            'sessions': self.session(caller),
        }
        caller.put(caller.url('sessions', ids['sessions'], 'jobs', ids['jobs']), status=204)
        return ids

    def requests(self, ids: dict[str, str]) -> Iterator[tuple[str, str, Document]]:
        """Every request for a thing that has to be there."""
        for collection, name in ids.items():
            yield 'GET', self.url(collection, name), {}
            yield 'DELETE', self.url(collection, name), {}
            if collection != 'backups':
                yield 'PATCH', self.url(collection, name), {'description': 'mine'}
        yield 'POST', self.url('jobs', ids['jobs'], 'event'), {'start': None}
        session, job = self.url('sessions', ids['sessions']), ids['jobs']
        yield 'POST', f'{session}/action', {'start': {'job_id': job, 'current_tag': 0}}
        yield 'POST', f'{session}/action', {'end': {'job_id': job, 'result': 'success'}}
        yield 'PUT', f'{session}/jobs/{job}', {}
        yield 'DELETE', f'{session}/jobs/{job}', {}

    def test_document_of_another_user_is_not_there(self) -> None:
        ids = self.one_of_each(self.bob, 'bob')
        absent = {collection: name[::-1] for collection, name in ids.items()}
        pairs = zip(self.requests(ids), self.requests(absent), strict=True)
        for (method, path, body), (_, other, _) in pairs:
            with self.subTest(method=method, path=path):
                theirs = self.assert_nothing_stored(method, path, 404, json=body)
                none = self.assert_nothing_stored(method, other, 404, json=body)
                self.assertEqual(none.body, theirs.body)
        for collection in ids:
            self.assertEqual([], self.listed(collection))
            self.assertEqual(1, len(self.listed(collection, caller=self.bob)))

    def test_documents_of_another_project_of_the_user_are_not_there(self) -> None:
        elsewhere = self.as_('alice', 'p2')
        elsewhere.post(elsewhere.url('clients'), json={'client_id': HOST})
        ids = self.one_of_each(elsewhere, 'alice')
        for method, path, body in self.requests(ids):
            with self.subTest(method=method, path=path):
                self.assert_nothing_stored(method, path, 404, json=body)
        for collection in ids:
            self.assertEqual([], self.listed(collection))

    def test_id_that_another_user_has_is_taken(self) -> None:
        ids = self.one_of_each(self.bob, 'bob')
        bodies = {
            'actions': {'freezer_action': OTHER},
            'jobs': {'client_id': HOST, 'job_actions': []},
            'sessions': {'schedule': {}, 'session_tag': 0},
        }
        for collection, body in bodies.items():
            path = self.url(collection, ids[collection])
            self.assert_nothing_stored('POST', path, 409, json=body)
        body = {'action_id': ids['actions'], 'freezer_action': OTHER}
        self.assert_nothing_stored('POST', self.url('actions'), 409, json=body)

    def test_own_documents_take_in_nothing_of_another_user(self) -> None:
        theirs, mine = self.one_of_each(self.bob, 'bob'), self.one_of_each(self.api, 'alice')
        job = {'client_id': HOST, 'job_actions': []}
        part = {'jobs': {theirs['jobs']: {}}}
        session = self.url('sessions', mine['sessions'])
        start = {'start': {'job_id': theirs['jobs'], 'current_tag': 0}}
        for method, path, body, status in (
            ('POST', self.url('jobs'), {**job, 'session_id': theirs['sessions']}, 400),
            ('POST', self.url('jobs', mine['jobs']), {**job, 'session_id': theirs['sessions']}, 400),
            ('PATCH', session, part, 400),
            ('POST', session, {'schedule': {}, 'session_tag': 0, **part}, 400),
            ('POST', f'{session}/action', start, 400),
            ('PUT', f'{session}/jobs/{theirs["jobs"]}', {}, 404),
            ('DELETE', f'{session}/jobs/{theirs["jobs"]}', {}, 404),
            ('PUT', self.url('sessions', theirs['sessions'], 'jobs', mine['jobs']), {}, 404),
        ):
            with self.subTest(method=method, path=path):
                self.assert_nothing_stored(method, path, status, json=body)

    def test_clients_are_those_of_the_project(self) -> None:
        self.bob.post(self.url('clients'), json={'client_id': 'db01'}, status=201)
        names = [document['client']['client_id'] for document in self.listed('clients')]
        self.assertEqual([HOST, 'db01'], names)
        self.assertEqual('bob', self.read('clients', 'db01')['user_id'])
        # A host is registered once, whoever does it.
        again = {'client_id': 'db01', 'description': 'by alice'}
        self.api.post(self.url('clients'), json=again, status=201)
        self.assertEqual('by alice', self.read('clients', 'db01', caller=self.bob)['client']['description'])
        self.job(caller=self.bob, client_id=HOST)
        self.api.delete(self.url('clients', 'db01'), status=204)
        self.assert_nothing_stored('DELETE', self.url('clients', 'db01'), 404)

    def test_search_tells_nothing_of_projects(self) -> None:
        self.one_of_each(self.api, 'alice')
        admin = self.as_('root', 'operators', 'admin')
        admin.post(admin.url('clients'), json={'client_id': 'central', 'is_central': True})
        for collection in COLLECTIONS:
            everything = self.listed(collection)
            self.assertNotEqual([], everything)
            for project in ('p1', 'p2', 'operators'):
                for key in ('project_id', 'client.project_id'):
                    search = {'match': [{key: project}]}
                    self.assertEqual([], self.listed(collection, search), (collection, project))
                    search = {'match_not': [{key: project}]}
                    self.assertEqual(everything, self.listed(collection, search), collection)

    def test_all_projects_is_ignored(self) -> None:
        root = self.as_('root', 'p1', 'admin,service')
        self.job()
        mine = self.job(caller=root)
        for word in ('true', 'false', 'maybe', ''):
            answer = root.get(root.url('jobs'), params={'all_projects': word}, status=200)
            self.assertEqual([mine], [job['job_id'] for job in answer.json['jobs']], word)

    def test_pages_and_polls_hold_the_own_documents_alone(self) -> None:
        callers = itertools.cycle((self.api, self.bob))
        jobs = [self.job(caller=caller) for caller in itertools.islice(callers, 8)]
        poll = {'match': [{'client_id': HOST}], 'match_not': [{'status': 'completed'}]}
        for search in ({}, poll, {'match': [{'_all': HOST}]}):
            found = []
            for offset in (0, 2, 4):
                params = {'limit': 2, 'offset': offset}
                page = self.api.get(self.url('jobs'), json=search, params=params).json['jobs']
                found.append([job['job_id'] for job in page])
            self.assertEqual([jobs[0:3:2], jobs[4:8:2], []], found, search)


class TokenTest(base.ApiTestCase):
    """The scope comes from the token."""

    versions = ('v1',)

    def setUp(self) -> None:
        super().setUp()
        self.tokens = self.useFixture(keystone.AuthTokenFixture())
        self.application = webtest.TestApp(self.build_app(auth_strategy='keystone'))

    def send(self, method: str, path: str, status: int, token: str, **options: Any) -> Any:
        headers = {'X-Auth-Token': token}
        if 'json' in options:
            return self.application.post_json(path, options['json'], headers=headers, status=status)
        return self.application.request(path, method=method, headers=headers, status=status)

    def token(self, name: str, project_id: str | None) -> str:
        self.tokens.add_token_data(
            token_id=name,
            user_id=name,
            user_name=f'N\u00e4me of {name}',
            project_id=project_id,
            role_list=['admin', 'member'],
        )
        return name

    def test_token_without_a_project_is_refused_everywhere(self) -> None:
        token = self.token('nowhere', None)
        for collection in COLLECTIONS:
            for method, path in (
                ('GET', f'/v1/{collection}'),
                ('POST', f'/v1/{collection}/'),
                ('GET', f'/v1/{collection}/x'),
                ('DELETE', f'/v1/{collection}/x'),
            ):
                answer = self.send(method, path, 403, token)
                self.assertEqual(
                    {
                        'title': 'Forbidden',
                        'description': 'Version 1 needs the token of a user for a project.',
                        'code': 403,
                    },
                    answer.json,
                )
        self.send('GET', '/v1/nothing', 404, token)
        self.send('GET', '/v1', 200, token)
        self.send('PATCH', '/v1/clients/x', 405, token)

    def test_documents_are_those_of_user_and_project_of_the_token(self) -> None:
        token = self.token('carol', 'p1')
        self.send('POST', '/v1/sessions/', 201, token, json={'schedule': {}})
        for name, project_id, count in (('carol', 'p1', 1), ('carol', 'p2', 0), ('dave', 'p1', 0)):
            token = self.token(name, project_id)
            found = self.send('GET', '/v1/sessions/', 200, token).json['sessions']
            self.assertEqual(count, len(found), (name, project_id))

    def test_backup_shows_the_name_of_its_creator(self) -> None:
        token = self.token('carol', 'p1')
        backup_id = self.send('POST', '/v1/backups/', 201, token, json=METADATA).json['backup_id']
        expected = {
            'backup_id': backup_id,
            'user_id': 'carol',
            'user_name': 'N\u00e4me of carol',
            'backup_metadata': METADATA,
        }
        self.assertEqual(expected, self.send('GET', f'/v1/backups/{backup_id}', 200, token).json)
        listed = self.send('GET', '/v1/backups/', 200, token).json
        self.assertEqual({'backups': [expected]}, listed)
        shown = self.send('GET', f'/v2/p1/backups/{backup_id}', 200, token).json
        self.assertEqual(
            {'backup_id', 'user_id', 'project_id', 'status', 'backup_metadata'}, set(shown)
        )


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


class EntriesTest(V1TestCase):
    """Entries of jobs: what v2 refuses with 422 makes an action, and nothing follows one."""

    def entries(self, job_id: str) -> list[Document]:
        entries: list[Document] = self.read('jobs', job_id)['job_actions']
        return entries

    def definition(self, action_id: str) -> Document:
        definition: Document = self.read('actions', action_id)['freezer_action']
        return definition

    def actions(self) -> list[str]:
        return [action['action_id'] for action in self.listed('actions')]

    def writes(self, *entries: Document) -> Iterator[str]:
        """A job with the entries, by each way to write them."""
        body = {'client_id': HOST, 'job_actions': list(entries)}
        yield self.api.post(self.url('jobs'), json=body, status=201).json['job_id']
        for method, status in (('POST', 201), ('PATCH', 200)):
            job_id = self.job()
            self.api.request(method, self.url('jobs', job_id), json=body, status=status)
            yield job_id

    def test_unknown_id_becomes_that_of_a_new_action(self) -> None:
        options = {'max_retries': 2, 'max_retries_interval': 30, 'mandatory': True}
        names = iter(('one', 'two', 'three'))
        entry: Document = {'action_id': next(names), 'freezer_action': BACKUP, **options}
        for job_id in self.writes(entry):
            self.assertEqual([{**entry, 'user_id': 'alice'}], self.entries(job_id))
            self.assertEqual({**entry, 'user_id': 'alice'}, self.read('actions', entry['action_id']))
            entry['action_id'] = next(names, None)
            if entry['action_id'] is None:
                break

    def test_unknown_id_without_a_definition_is_refused(self) -> None:
        body = {'client_id': HOST, 'job_actions': [{'action_id': 'none'}]}
        job_id = self.job()
        for method, path in (
            ('POST', self.url('jobs')),
            ('POST', self.url('jobs', job_id)),
            ('PATCH', self.url('jobs', job_id)),
        ):
            self.assert_nothing_stored(method, path, 400, json=body)

    def test_other_definition_becomes_a_new_action(self) -> None:
        self.action('a')
        for job_id in self.writes({'action_id': 'a', 'freezer_action': OTHER}):
            [entry] = self.entries(job_id)
            self.assertRegex(entry['action_id'], r'\A[0-9a-f]{32}\Z')
            self.assertEqual(OTHER, entry['freezer_action'])
            self.assertEqual(OTHER, self.definition(entry['action_id']))
        self.assertEqual(BACKUP, self.definition('a'))
        self.assertEqual(4, len(self.actions()))

    def test_former_definition_becomes_a_new_action(self) -> None:
        self.action('a')
        self.patch('actions', 'a', freezer_action=OTHER)
        [entry] = self.entries(self.job({'action_id': 'a', 'freezer_action': BACKUP}))
        self.assertNotEqual('a', entry['action_id'])
        self.assertEqual(BACKUP, self.definition(entry['action_id']))

    def test_equal_definition_is_a_copy_of_the_action(self) -> None:
        self.action('a', max_retries=7, max_retries_interval=70, mandatory=True)
        document = self.read('actions', 'a')
        for entry in (
            {'action_id': 'a'},
            {'action_id': 'a', 'freezer_action': BACKUP},
            {'action_id': 'a', 'freezer_action': {**BACKUP, 'storage': None, 'engine': ''}},
            document,
        ):
            for job_id in self.writes(entry):
                [stored] = self.entries(job_id)
                self.assertEqual(document, stored)
        self.assertEqual(['a'], self.actions())

    def test_options_of_an_entry_are_its_own(self) -> None:
        self.action('a', max_retries=7, max_retries_interval=70, mandatory=True)
        own = {'max_retries': 0, 'max_retries_interval': 1, 'mandatory': False}
        [entry] = self.entries(self.job({'action_id': 'a', **own}))
        self.assertLessEqual(own.items(), entry.items())

    def test_change_or_end_of_an_action_does_not_reach_the_jobs(self) -> None:
        self.action('a')
        named = self.job({'action_id': 'a'}, {'freezer_action': BACKUP})
        made = self.entries(named)[1]['action_id']
        before = self.read('jobs', named)
        for action_id in ('a', made):
            self.patch('actions', action_id, freezer_action=OTHER, max_retries=9)
            self.assertEqual(before, self.read('jobs', named))
            self.api.delete(self.url('actions', action_id), status=204)
            self.assertEqual(before, self.read('jobs', named))

    def test_job_that_comes_back_is_left_alone(self) -> None:
        # Agents up to 18 send the whole job at every report.
        self.action('a')
        job_id = self.job({'action_id': 'a'}, {'freezer_action': BACKUP}, {'action_id': 'a'})
        document = self.read('jobs', job_id)
        for change in (
            lambda: None,
            lambda: self.patch('actions', 'a', freezer_action=OTHER),
            lambda: self.api.delete(self.url('actions', 'a'), status=204),
            lambda: self.action('a', freezer_action={'action': 'info'}),
        ):
            change()
            actions = self.actions()
            self.assertEqual(1, self.patch('jobs', job_id, **document))
            self.api.post(self.url('jobs', job_id), json=document, status=201)
            self.assertEqual(document, self.read('jobs', job_id))
            # Not even by v2, where an equal definition would follow.
            self.api.patch(self.v2('jobs', job_id), json=self.read_v2('jobs', job_id))
            self.assertEqual(document, self.read('jobs', job_id))
            self.assertEqual(actions, self.actions())

    def test_copy_that_comes_back_by_v2_does_not_begin_to_follow(self) -> None:
        self.action('a')
        job_id = self.job({'action_id': 'a'})
        self.api.patch(self.v2('jobs', job_id), json=self.read_v2('jobs', job_id), status=200)
        self.patch('actions', 'a', freezer_action=OTHER)
        self.assertEqual(BACKUP, self.entries(job_id)[0]['freezer_action'])

    def test_job_of_v2_that_comes_back_goes_on_following(self) -> None:
        self.action('a')
        body = {'client_id': HOST, 'job_actions': [{'action_id': 'a'}]}
        job_id = self.api.post(self.v2('jobs'), json=body, status=201).json['job_id']
        document = self.read('jobs', job_id)
        self.assertEqual(1, self.patch('jobs', job_id, **document))
        self.patch('actions', 'a', freezer_action=OTHER)
        # The copy that an agent still has.
        self.patch('jobs', job_id, **document)
        self.assertEqual(OTHER, self.entries(job_id)[0]['freezer_action'])
        self.assertEqual(['a'], self.actions())

    def test_new_definition_of_a_held_action_becomes_a_new_action(self) -> None:
        self.action('a')
        job_id = self.job({'action_id': 'a'})
        self.patch('jobs', job_id, job_actions=[{'action_id': 'a', 'freezer_action': OTHER}])
        [entry] = self.entries(job_id)
        self.assertNotEqual('a', entry['action_id'])
        self.assertEqual(BACKUP, self.definition('a'))

    def test_unknown_id_can_be_named_twice(self) -> None:
        entries = [{'action_id': 'a', 'freezer_action': BACKUP} for _ in range(2)]
        other = {'action_id': 'a', 'freezer_action': OTHER}
        one, two, three, four = self.entries(self.job(*entries, other, {'action_id': 'a'}))
        self.assertEqual(one, two)
        self.assertEqual(('a', BACKUP), (four['action_id'], four['freezer_action']))
        self.assertNotEqual('a', three['action_id'])
        self.assertEqual(2, len(self.actions()))

    def test_defaults_fill_the_copies_and_what_is_new(self) -> None:
        self.action('a')
        defaults = {'storage': 'swift'}
        entries = [
            {'action_id': 'a'},
            {'action_id': 'b', 'freezer_action': BACKUP},
            {'freezer_action': BACKUP},
        ]
        job_id = self.job(*entries, action_defaults=defaults)
        filled = {**BACKUP, **defaults}
        self.assertEqual([filled] * 3, [entry['freezer_action'] for entry in self.entries(job_id)])
        self.assertEqual((BACKUP, filled), (self.definition('a'), self.definition('b')))

    def test_action_of_another_user_is_unknown(self) -> None:
        self.action('theirs', self.bob)
        job_id = self.job()
        entry: Document = {'action_id': 'theirs'}
        body = {'client_id': HOST, 'job_actions': [{'freezer_action': OTHER}, entry]}
        self.assert_nothing_stored('POST', self.url('jobs'), 400, json=body)
        self.assert_nothing_stored('POST', self.url('jobs', job_id), 400, json=body)
        self.assert_nothing_stored('PATCH', self.url('jobs', job_id), 400, json=body)
        for definition in (BACKUP, OTHER):
            made = self.entries(self.job({**entry, 'freezer_action': definition}))
            self.assertEqual([definition], [own['freezer_action'] for own in made])
            self.assertNotEqual('theirs', made[0]['action_id'])

    def test_job_of_v2_with_an_action_of_another_user_comes_back(self) -> None:
        self.action('theirs', self.bob)
        body = {'client_id': HOST, 'job_actions': [{'action_id': 'theirs'}]}
        job_id = self.api.post(self.v2('jobs'), json=body, status=201).json['job_id']
        document = self.read('jobs', job_id)
        self.assertEqual(1, self.patch('jobs', job_id, **document))
        self.assertEqual(document, self.read('jobs', job_id))

    def test_capabilities_are_those_of_the_client(self) -> None:
        limited = {'client_id': 'p1_limited', 'supported_modes': ['mysql']}
        self.api.post(self.url('clients'), json=limited, status=201)
        self.action('a')
        for entry in ({'action_id': 'a'}, {'action_id': 'b', 'freezer_action': BACKUP}):
            body = {'client_id': 'p1_limited', 'job_actions': [entry]}
            self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)
        body = {'client_id': 'stranger', 'job_actions': []}
        self.assert_nothing_stored('POST', self.url('jobs'), 422, json=body)


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
