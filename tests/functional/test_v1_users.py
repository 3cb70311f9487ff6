# SPDX-License-Identifier: Apache-2.0
"""Documents in v1 belong to a user, in the project of the token."""

import itertools
from collections.abc import Iterator
from typing import Any

import webtest
from keystonemiddleware import fixture as keystone

from tests import base
from tests.functional.jobs import HOST
from tests.functional.v1 import COLLECTIONS, METADATA, OTHER, Document, V1TestCase


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
                        'description': 'This needs the token of a user for a project.',
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
