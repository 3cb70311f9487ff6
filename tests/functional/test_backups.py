# SPDX-License-Identifier: Apache-2.0
"""Metadata of backups."""

from typing import Any

from tests import base

Document = dict[str, Any]

MINIMUM: Document = {
    'curr_backup_level': 0,
    'container': 'vault',
    'hostname': 'web',
    'backup_name': 'www',
    'time_stamp': 1_400_000_000,
}


class BackupsTestCase(base.ApiTestCase):
    versions = ('v1', 'v2')

    def create(self, **keys: Any) -> str:
        answer = self.api.post(self.url('backups'), json={**MINIMUM, **keys}, status=201).json
        self.assertEqual(['backup_id'], list(answer))
        backup_id: str = answer['backup_id']
        return backup_id

    def shown(self, backup_id: str) -> Document:
        document: Document = self.api.get(self.url('backups', backup_id), status=200).json
        return document

    def listed(self, search: Document | None = None, **query: Any) -> list[Document]:
        options = {'json': search} if search is not None else {}
        path = self.url('backups')
        found: list[Document] = self.api.get(path, params=query, **options).json['backups']
        return found

    def patch(self, backup_id: str, keys: Document, status: int = 200) -> Document:
        # v1 cannot change backups.
        path = self.v2('backups', backup_id)
        document: Document = self.api.patch(path, json=keys, status=status).json
        return document


class DocumentTest(BackupsTestCase):
    @base.only('v2')
    def test_entry_of_the_list_is_exactly_what_tempest_compares(self) -> None:
        backup_id = self.create()
        (entry,) = self.listed()
        self.assertEqual(backup_id, entry.pop('backup_id'))
        self.assertEqual(
            {
                'user_id': 'alice',
                'project_id': 'p1',
                'backup_metadata': MINIMUM,
                'status': 'available',
            },
            entry,
        )

    def test_entry_of_the_list_is_the_document(self) -> None:
        backup_id = self.create()
        self.assertEqual([self.shown(backup_id)], self.listed())

    def test_metadata_comes_back_key_for_key_and_type_for_type(self) -> None:
        metadata: Document = {
            **MINIMUM,
            'job_id': 7,
            'level': None,
            'dry_run': False,
            'ratio': 1.0,
            'size': 2**62,
            'text': 'Grüße \N{SNOWMAN} \N{GRINNING FACE} \\u0000 "',
            'empty': '',
            'files': [{'name': 'a', 'parts': [1, '1', [], {}]}],
            'backup_id': 'of the caller',
            'user_id': 'of the caller',
            'project_id': 'of the caller',
            'backup_metadata': {'nested': True},
        }
        shown = self.shown(self.create(**metadata))
        self.assertEqual(metadata, shown['backup_metadata'])
        self.assertEqual(
            {key: type(value) for key, value in metadata.items()},
            {key: type(value) for key, value in shown['backup_metadata'].items()},
        )
        self.assertLessEqual(self.owner().items(), shown.items())

    def test_long_list_of_files_comes_back(self) -> None:
        files = [f'/srv/www/some/folder/file-{number}' for number in range(20_000)]
        self.assertEqual(files, self.shown(self.create(files=files))['backup_metadata']['files'])

    def test_no_headers_are_needed_to_record_a_backup(self) -> None:
        answer = self.webtest.request(
            '/v2/demo/backups',
            method='POST',
            body=b'{"backup_name": "b", "container": "c", "hostname": "h"}',
        )
        self.assertEqual(201, answer.status_int)

    @base.only('v2')
    def test_status_decides_which_keys_are_required(self) -> None:
        full = ('absent', 'available', 'deleted', 'restoring')
        partial = ('creating', 'error', 'deleting')
        for statuses, keys, expected in (
            (full + partial, {}, 201),
            (full, {'container': None}, 400),
            (full, {'hostname': None}, 400),
            (partial, {'container': None}, 201),
            (partial, {'hostname': None, 'container': None}, 201),
            (full + partial, {'container': ''}, 400),
            (full + partial, {'hostname': ''}, 400),
            (full + partial, {'container': 5}, 400),
            (full + partial, {'backup_name': ''}, 400),
            (full + partial, {'backup_name': None}, 400),
            (full + partial, {'backup_name': ['b']}, 400),
        ):
            for status in statuses:
                with self.subTest(status=status, keys=keys):
                    body = {**MINIMUM, **keys}
                    if status != 'absent':
                        body['status'] = status
                    self.api.post(self.url('backups'), json=body, status=expected)

    @base.only('v2')
    def test_absent_keys_are_as_null_ones(self) -> None:
        for key, status, expected in (
            ('backup_name', 'available', 400),
            ('backup_name', 'creating', 400),
            ('container', 'available', 400),
            ('hostname', 'available', 400),
            ('container', 'creating', 201),
            ('hostname', 'creating', 201),
            ('time_stamp', 'available', 201),
            ('curr_backup_level', 'available', 201),
        ):
            with self.subTest(key=key, status=status):
                body = {name: value for name, value in MINIMUM.items() if name != key}
                self.api.post(self.url('backups'), json={**body, 'status': status}, status=expected)

    @base.only('v2')
    def test_status_is_no_part_of_the_metadata(self) -> None:
        shown = self.shown(self.create(status='creating'))
        self.assertEqual('creating', shown['status'])
        self.assertNotIn('status', shown['backup_metadata'])

    @base.only('v2')
    def test_unknown_status_is_refused(self) -> None:
        for status in ('', 'done', 'Available', None, 0, ['available']):
            with self.subTest(status):
                self.api.post(self.url('backups'), json={**MINIMUM, 'status': status}, status=400)
        self.assertEqual([], self.listed())

    def test_backups_cannot_be_replaced(self) -> None:
        self.api.post(self.url('backups', self.create()), json=MINIMUM, status=405)


class PatchTest(BackupsTestCase):
    versions = ('v2',)

    def test_wrapped_metadata_is_merged_at_its_top_level(self) -> None:
        backup_id = self.create(status='creating', nested={'a': 1, 'b': 2}, list=[1, 2])
        added = {'nested': {'a': 3}, 'list': [3], 'level': None, 'status': 'plain', 'size': 5}
        answer = self.patch(backup_id, {'status': 'available', 'backup_metadata': added})
        expected = {
            'backup_id': backup_id,
            'project_id': 'p1',
            'user_id': 'alice',
            'status': 'available',
            'backup_metadata': {**MINIMUM, **added},
        }
        self.assertEqual(expected, answer)
        self.assertEqual(expected, self.shown(backup_id))

    def test_flat_metadata_is_merged_without_the_keys_of_the_document(self) -> None:
        backup_id = self.create(status='creating', container=None)
        # As scheduler 19.0.0 sends it.
        answer = self.patch(
            backup_id,
            {
                'container': 'vault-2',
                'job_id': 'j1',
                'cinder_backup_id': 'c1',
                'status': 'available',
                'backup_id': 'x',
                'user_id': 'eve',
                'project_id': 'p9',
            },
        )
        expected = {
            'backup_id': backup_id,
            'project_id': 'p1',
            'user_id': 'alice',
            'status': 'available',
            'backup_metadata': {
                **MINIMUM,
                'container': 'vault-2',
                'job_id': 'j1',
                'cinder_backup_id': 'c1',
            },
        }
        self.assertEqual(expected, answer)
        self.assertEqual(expected, self.shown(backup_id))

    def test_other_keys_beside_wrapped_metadata_are_not_taken(self) -> None:
        backup_id = self.create()
        before = self.shown(backup_id)
        self.patch(backup_id, {'backup_metadata': {}, 'container': 'x', 'user_id': 'eve'})
        self.assertEqual(before, self.shown(backup_id))

    def test_status_alone_leaves_the_metadata(self) -> None:
        backup_id = self.create()
        for status in ('creating', 'error', 'deleting', 'deleted', 'restoring', 'available'):
            with self.subTest(status):
                answer = self.patch(backup_id, {'status': status})
                self.assertEqual((status, MINIMUM), (answer['status'], answer['backup_metadata']))

    def test_result_is_never_refused_for_what_is_missing(self) -> None:
        backup_id = self.create(status='creating', container=None, hostname=None)
        for patch in (
            {'status': 'available'},
            {'container': None, 'hostname': ''},
            {'backup_name': None},
        ):
            with self.subTest(patch):
                self.patch(backup_id, patch)

    def test_wrong_patches_are_refused(self) -> None:
        backup_id = self.create()
        stored = self.rows()
        for patch in (
            {},
            {'status': None},
            {'status': ''},
            {'status': 'done', 'container': 'x'},
            {'backup_metadata': None},
            {'backup_metadata': []},
            {'backup_metadata': 'text'},
        ):
            with self.subTest(patch):
                self.assertEqual(400, self.patch(backup_id, patch, status=400)['code'])
        self.assertEqual(stored, self.rows())

    def test_version_rises_only_with_a_change(self) -> None:
        path = self.url('backups', self.create())
        etags = [
            self.api.patch(path, json=patch).headers['ETag']
            for patch in ({'size': 1}, {'size': 1}, {'status': 'available'}, {'size': 1.0})
        ]
        self.assertEqual(['"2"', '"2"', '"2"', '"3"'], etags)
        self.api.patch(path, json={'size': 2}, headers={'If-Match': '"2"'}, status=412)
        self.api.patch(path, json={'size': 2}, headers={'If-Match': '"3"'}, status=200)


class DeletionTest(BackupsTestCase):
    def test_deleted_backup_is_gone(self) -> None:
        backup_id, other = self.create(), self.create()
        self.assertEqual(b'', self.api.delete(self.url('backups', backup_id), status=204).body)
        self.api.get(self.url('backups', backup_id), status=404)
        self.assertEqual([other], [backup['backup_id'] for backup in self.listed()])

    def test_missing_and_foreign_backups_are_not_found(self) -> None:
        backup_id = self.create()
        bob = self.as_(user='bob', project='p2')
        stored = self.rows()
        for api, name in ((bob, backup_id), (self.api, 'missing'), (bob, 'missing')):
            for method, path in (
                ('GET', api.url('backups', name)),
                ('PATCH', api.v2('backups', name)),
                ('DELETE', api.url('backups', name)),
            ):
                with self.subTest(method=method, name=name):
                    options = {'json': {'status': 'error'}} if method == 'PATCH' else {}
                    answer = api.request(method, path, status=404, **options)
                    self.assertEqual(404, answer.json['code'])
        self.assertEqual([], bob.get(bob.url('backups')).json['backups'])
        self.assertEqual(stored, self.rows())


class ListTest(BackupsTestCase):
    def found(self, search: Document | None = None, **query: Any) -> list[str]:
        return [backup['backup_id'] for backup in self.listed(search, **query)]

    def test_pages_are_parts_of_the_whole_list_in_order(self) -> None:
        ids = [self.create(backup_name=f'{number}') for number in range(12)]
        # A change moves nothing.
        self.patch(ids[0], {'size': 1})
        for expected, query in (
            (ids[:10], {}),
            (ids, {'limit': 500}),
            (ids[:5], {'limit': 5}),
            (ids[5:10], {'limit': 5, 'offset': 5}),
            (ids[10:], {'limit': 5, 'offset': 10}),
            (ids[11:], {'offset': 11}),
            ([], {'offset': 12}),
        ):
            with self.subTest(query):
                self.assertEqual(expected, self.found(**query))

    def test_backups_are_found_by_their_keys(self) -> None:
        web = self.create(job_id='j1', size=5)
        database = self.create(
            hostname='db.example.org',
            container='Vault',
            backup_name='data',
            curr_backup_level=1,
            client_id='p1_db',
            nested={'deep': 'x'},
            status='error',
        )
        for match, expected in (
            ([{'hostname': 'web'}], [web]),
            ([{'hostname': 'db.example.org'}], [database]),
            ([{'backup_metadata.hostname': 'web'}], [web]),
            ([{'backup_name': 'data'}], [database]),
            ([{'container': 'vault'}], [web]),
            ([{'container': 'Vault'}], [database]),
            ([{'job_id': 'j1'}], [web]),
            ([{'client_id': 'p1_db'}], [database]),
            ([{'status': 'error'}], [database]),
            ([{'curr_backup_level': 1}], [database]),
            ([{'curr_backup_level': '1'}], [database]),
            ([{'time_stamp': 1_400_000_000}], [web, database]),
            ([{'size': 5}], [web]),
            ([{'nested.deep': 'x'}], [database]),
            ([{'backup_id': database}], [database]),
            ([{'user_id': 'alice'}], [web, database]),
            ([{'hostname': 'web'}, {'backup_name': 'data'}], []),
            ([{'hostname': 'web', 'backup_name': 'data'}], []),
            ([{'_all': 'EXAMPLE.org'}], [database]),
            ([{'_all': 'example.org'}, {'hostname': 'web'}], []),
            ([{'_all': web}], [web]),
            ([{'hostname': 'nowhere'}], []),
        ):
            with self.subTest(match):
                self.assertEqual(expected, self.found({'match': match}))
        self.assertEqual([web], self.found({'match_not': [{'status': 'error'}]}))
        self.assertEqual([web, database], self.found({'match_not': [{'size': 6}]}))

    @base.only('v2')
    def test_patched_keys_are_found_anew(self) -> None:
        backup_id = self.create(status='creating', hostname=None)
        self.patch(backup_id, {'hostname': 'db', 'status': 'available', 'time_stamp': 7})
        for search, expected in (
            ({'match': [{'hostname': 'db'}]}, [backup_id]),
            ({'match': [{'status': 'creating'}]}, []),
            ({'match': [{'_all': 'db'}]}, [backup_id]),
            ({'time_before': 7}, [backup_id]),
        ):
            with self.subTest(search):
                self.assertEqual(expected, self.found(search))

    def test_times_are_inclusive(self) -> None:
        first, second, third = (self.create(time_stamp=time) for time in (100, '200', 300))
        without = {key: value for key, value in MINIMUM.items() if key != 'time_stamp'}
        self.api.post(self.url('backups'), json=without, status=201)
        self.create(time_stamp='')
        for search, expected in (
            ({'time_after': 100}, [first, second, third]),
            ({'time_after': 101}, [second, third]),
            ({'time_before': 300}, [first, second, third]),
            ({'time_before': 299}, [first, second]),
            ({'time_after': 200, 'time_before': 200}, [second]),
            ({'time_after': '200'}, [second, third]),
            ({'time_after': 301}, []),
            ({'time_after': 300, 'time_before': 100}, []),
            ({'time_after': 150, 'match': [{'hostname': 'web'}]}, [second, third]),
            ({'time_after': 150, 'match': [{'hostname': 'db'}]}, []),
        ):
            with self.subTest(search):
                self.assertEqual(expected, self.found(search))
        for wrong in ('soon', [1], {}, 1.5, True):
            with self.subTest(wrong):
                path = self.url('backups')
                self.api.get(path, json={'time_after': wrong}, status=400)

    def test_search_may_be_in_the_query(self) -> None:
        self.create()
        database = self.create(hostname='warehouse', time_stamp=7)
        for query in (
            {'match': '[{"hostname": "warehouse"}]'},
            {'match_not': '[{"hostname": "web"}]'},
            {'time_before': '7'},
            {'match': '[{"_all": "warehouse"}]', 'time_after': '7'},
        ):
            with self.subTest(query):
                self.assertEqual([database], self.found(**query))
