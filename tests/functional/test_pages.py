# SPDX-License-Identifier: Apache-2.0
"""Order and pages of lists."""

from tests import base
from tests.functional.jobs import BACKUP, HOST
from tests.functional.search import CREATE, SearchTestCase


class PageTest(SearchTestCase):
    def fill(self, collection: str, count: int) -> list[str]:
        if collection == 'clients':
            ids = [self.register(f'h{(n * 7) % 100}', description='same') for n in range(count)]
            return [HOST, *ids]
        return [self.create(collection, description='same') for _ in range(count)]

    def test_pages_make_up_the_list(self) -> None:
        for collection in CREATE:
            ids = self.fill(collection, 8)
            self.assertEqual(ids, self.find(collection, limit=100), collection)
            for size in (1, 3, 5, 8):
                pages = [
                    self.find(collection, limit=size, offset=offset)
                    for offset in range(0, len(ids), size)
                ]
                self.assertEqual(ids, sum(pages, []), (collection, size))
                self.assertTrue(all(len(page) == size for page in pages[:-1]))

    def test_pages_of_a_search_make_up_its_list(self) -> None:
        for collection in CREATE:
            self.fill(collection, 5)
            for search in ({'description': 'same'}, {'_all': 'same'}, {'_all': 'SAM'}):
                found = self.match(collection, search, limit=100)
                self.assertEqual(5, len(found), (collection, search))
                pages = [
                    self.match(collection, search, limit=2, offset=offset) for offset in (0, 2, 4)
                ]
                self.assertEqual(found, sum(pages, []), (collection, search))

    def test_page_equals_the_documents_one_by_one(self) -> None:
        for collection in ('jobs', 'actions', 'sessions', 'backups'):
            ids = self.fill(collection, 3)
            listed = self.api.get(self.url(collection), params={'limit': 2, 'offset': 1})
            single = [self.api.get(self.url(collection, name)).json for name in ids[1:3]]
            self.assertEqual(single, listed.json[collection])

    def test_order_is_that_of_creation_whatever_changes(self) -> None:
        ids = [self.job(job_id=name) for name in 'cab']
        actions = [self.action(name) for name in 'cab']
        self.api.patch(self.url('jobs', 'c'), json={'description': 'x'})
        self.api.post(self.url('jobs', 'a'), json={'client_id': HOST, 'job_actions': []})
        self.api.post(self.url('jobs', 'c', 'event'), json={'start': None})
        self.api.patch(self.url('actions', 'c'), json={'max_retries': 1})
        self.api.post(self.url('actions', 'a'), json={'freezer_action': BACKUP})
        self.register(HOST, description='refreshed')
        self.register('first')
        self.register(HOST, description='refreshed again')
        self.assertEqual(ids, self.find('jobs'))
        self.assertEqual(actions, self.find('actions'))
        self.assertEqual([HOST, 'first'], self.find('clients'))

    def test_ten_are_shown_when_nobody_says_how_many(self) -> None:
        ids = [self.backup() for _ in range(12)]
        self.assertEqual(ids[:10], self.find('backups'))
        self.assertEqual(ids[:10], self.find('backups', limit=''))
        self.assertEqual(ids[1:11], self.find('backups', offset=1))

    def test_offset_beyond_the_end_is_an_empty_page(self) -> None:
        for collection in CREATE:
            self.fill(collection, 2)
            for offset in (3, 1000000, 2**63 - 1):
                for search in ({}, {'match': [{'_all': 'same'}]}):
                    self.assertEqual([], self.find(collection, search, offset=offset))

    def test_limit_is_lowered_to_the_largest_allowed(self) -> None:
        application = self.build_app(**{'api.max_limit': 3, 'api.default_limit': 2})
        caller = self.client_of(application)
        ids = [self.backup() for _ in range(5)]
        for limit, found in (('', 2), (2, 2), (3, 3), (4, 3), (2**63, 3), ('9' * 30, 3), ('0' * 30 + '1', 1)):
            params = {'limit': limit}
            backups = caller.get(self.url('backups'), params=params, status=200).json['backups']
            self.assertEqual(ids[:found], [backup['backup_id'] for backup in backups], limit)

    def test_numbers_that_make_no_page_are_refused(self) -> None:
        for name, values in (
            ('limit', (0, -1, 'abc', '1,2', '1.0', '1e3', '\u0663', -(2**64), ' ', '0x1', '+')),
            ('offset', (-1, 'abc', '1,2', '1.5', 2**64, 'None')),
        ):
            for value in values:
                for collection in CREATE:
                    path = self.url(collection)
                    answer = self.api.get(path, params={name: value}, status=400)
                    self.assertEqual(400, answer.json['code'], value)

    @base.only('v2')
    def test_projects_page_together_for_those_who_may(self) -> None:
        other = self.as_('bob', project='p2')
        self.register(HOST, other)
        ids = []
        for n in range(3):
            ids.append(self.create('jobs', job_id=f'z{n}', description='same'))
            ids.append(self.create('jobs', other, job_id=f'a{n}', description='same'))
        admin = self.as_('root', 'ops', 'admin')
        for search in ({}, {'match': [{'_all': 'same'}]}, {'match': [{'client_id': HOST}]}):
            pages = [
                self.find('jobs', search, admin, all_projects='true', limit=2, offset=offset)
                for offset in (0, 2, 4, 6)
            ]
            self.assertEqual(ids, sum(pages, []), search)
