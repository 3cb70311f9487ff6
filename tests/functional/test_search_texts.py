# SPDX-License-Identifier: Apache-2.0
"""Search for a text anywhere in a document."""

import json

from tests.functional.jobs import HOST
from tests.functional.search import CREATE, SearchTestCase


class TextTest(SearchTestCase):
    """``_all``."""

    def test_text_is_found_anywhere_in_a_document(self) -> None:
        job_id = self.job(
            job_id='Job-One',
            description='Nightly N\u00c4CHTLICH',
            session_name='Weekly',
            job_schedule={'schedule_interval': '77 days', 'status': 'scheduled'},
            job_actions=[
                {'freezer_action': {'action': 'backup', 'deep': [{'x': 'Hidden'}], 'n': 4711}},
            ],
        )
        [entry] = self.api.get(self.url('jobs', job_id)).json['job_actions']
        self.job()
        for text in (
            'job-one',
            'OB-ON',
            'nightly',
            'Nightly',
            'ightl',
            'n\u00e4chtlich',
            'weekly',
            '77 days',
            'scheduled',
            'hidden',
            '4711',
            4711,
            entry['action_id'],
        ):
            self.assertEqual([job_id], self.match('jobs', {'_all': text}), text)
        for text in ('none', 'nightly weekly', '%', 'job_one', 'deep', '\\'):
            self.assertEqual([], self.match('jobs', {'_all': text}), text)

    def test_text_is_found_in_every_collection_in_any_case(self) -> None:
        created = {
            'actions': self.action('Upper-Case', path_to_backup='/Some/Where'),
            'backups': self.backup(path_to_backup='/Some/Where'),
            'sessions': self.create('sessions', description='/Some/Where'),
            'jobs': self.job(description='/Some/Where', client_id=HOST),
            'clients': self.register('p1_Upper-Case', description='/Some/Where'),
        }
        for collection, name in created.items():
            for text in ('/some/where', '/SOME/WHERE', 'ome/w', name, name[1:].upper()):
                self.assertEqual([name], self.match(collection, {'_all': text}), (collection, text))

    def test_empty_text_finds_everything(self) -> None:
        job_id = self.job()
        for text in ('', None):
            self.assertEqual([job_id], self.match('jobs', {'_all': text}), text)

    def test_exact_client_comes_first(self) -> None:
        # The dashboard takes the first one for the client of a new job.
        before = [self.register(f'x{n}', description='p1_db01 u1 db01') for n in range(3)]
        exact = self.register('p1_db01', uuid='u1', hostname='db01')
        after = [self.register(f'y{n}', description='p1_db01 u1 db01') for n in range(3)]
        central = self.register(
            'z', self.as_('root', 'ops', 'admin,member'), description='p1_db01 u1', is_central=True
        )
        for text in ('p1_db01', 'u1', 'db01'):
            found = self.match('clients', {'_all': text})
            self.assertEqual([exact, *before, *after], found[:7], text)
            self.assertEqual([central] if text != 'x' else [], found[7:])
            self.assertEqual([exact], self.match('clients', {'_all': text}, limit=1))
            pages = [self.match('clients', {'_all': text}, limit=3, offset=n) for n in (0, 3, 6)]
            self.assertEqual(found, sum(pages, []))

    def test_exact_central_client_comes_first_too(self) -> None:
        before = self.register('x', description='central')
        operator = self.as_('root', 'ops', 'admin,member')
        self.register('central', operator, is_central=True)
        self.assertEqual(['central', before], self.match('clients', {'_all': 'central'}))

    def test_exact_ids_come_first(self) -> None:
        for collection, exact in (
            ('jobs', self.job(job_id='j2', description='j2')),
            ('actions', self.action('j2')),
        ):
            key = CREATE[collection][1]
            first = self.create(collection, **{key: 'j1', 'description': 'j2 too'})
            later = self.create(collection, **{key: 'j3', 'description': 'and j2'})
            self.assertEqual([exact, first, later], self.match(collection, {'_all': 'j2'}))
        one = self.backup(note='x')
        two = self.backup(note=one)
        self.assertEqual([one, two], self.match('backups', {'_all': one}))

    def test_document_is_found_once(self) -> None:
        client_id = self.register('same', uuid='same', hostname='same', description='same')
        job_id = self.job(job_id='same', client_id='same', description='same')
        self.assertEqual([client_id], self.match('clients', {'_all': 'same'}))
        self.assertEqual([job_id], self.match('jobs', {'_all': 'same'}))

    def test_text_combines_with_other_entries(self) -> None:
        other = self.register('p1_db01')
        one = self.job(description='nightly backup')
        self.job(description='nightly backup', client_id=other)
        two = self.job(description='nightly', job_schedule={'status': 'completed'})
        for search, found in (
            ({'match': [{'_all': 'nightly'}, {'client_id': HOST}]}, [one, two]),
            ({'match': [{'client_id': HOST}, {'_all': 'nightly'}]}, [one, two]),
            ({'match': [{'_all': 'nightly', 'client_id': HOST}]}, [one, two]),
            ({'match': [{'_all': 'nightly'}, {'_all': 'backup'}, {'client_id': HOST}]}, [one]),
            (
                {
                    'match': [{'_all': 'nightly'}, {'client_id': HOST}],
                    'match_not': [{'status': 'completed'}],
                },
                [one],
            ),
        ):
            self.assertEqual(found, self.find('jobs', search), search)

    def test_text_can_be_a_list_of_entries(self) -> None:
        other = self.register('p1_db01')
        one = self.job(description='x')
        two = self.job(description='y')
        three = self.job(description='x', client_id=other)
        for entries, more, found in (
            ([{'description': 'x'}], [], [one, three]),
            ([{'description': 'x'}, {'client_id': HOST}], [], [one]),
            ([{'description': 'x'}], [{'client_id': HOST}], [one]),
            ([], [{'client_id': HOST}], [one, two]),
        ):
            search = [{'_all': json.dumps(entries)}, *more]
            self.assertEqual(found, self.match('jobs', *search), search)

    def test_text_that_only_looks_like_a_list_is_a_text(self) -> None:
        job_id = self.job(description='[1, 2] and [x')
        self.job()
        for text in ('[1, 2]', '[x'):
            self.assertEqual([job_id], self.match('jobs', {'_all': text}), text)

    def test_list_of_entries_within_a_text_is_checked(self) -> None:
        for entries in ([{'a': {}}], [{'_all': 'x'}], [{'': 1}]):
            search = {'match': [{'_all': json.dumps(entries)}]}
            self.api.get(self.url('jobs'), json=search, status=400)
