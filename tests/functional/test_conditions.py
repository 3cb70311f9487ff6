# SPDX-License-Identifier: Apache-2.0
"""Writes on the condition that a version is still the stored one (``If-Match``), for every resource alike."""

from typing import Any

from tests import base

DOCUMENTS: dict[str, dict[str, Any]] = {
    'actions': {'freezer_action': {'action': 'backup'}},
    'jobs': {'client_id': 'host', 'job_actions': []},
    'sessions': {'schedule': {}, 'session_tag': 0},
    'backups': {'backup_name': 'b', 'container': 'c', 'hostname': 'h'},
}
REPLACEABLE = ('actions', 'jobs', 'sessions')


class ConditionsTest(base.ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api.post(self.v2('clients'), json={'client_id': 'host'})

    def create(self, collection: str) -> str:
        """The path of a new resource."""
        answer = self.api.post(self.v2(collection), json=DOCUMENTS[collection], status=201)
        return self.v2(collection, next(iter(answer.json.values())))

    def test_one_of_several_tags_is_enough(self) -> None:
        for collection in DOCUMENTS:
            path = self.create(collection)
            for tags in ('"7", "1"', '"x,y","2"', 'W/"1" , "3","4"', '*'):
                body = {'description': tags}
                self.api.patch(path, json=body, headers={'If-Match': tags}, status=200)
            self.api.delete(path, headers={'If-Match': '"4", "5"'}, status=204)
        self.api.delete(self.v2('clients', 'host'), headers={'If-Match': '"1", "9"'}, status=204)

    def test_several_tags_of_which_none_is_the_stored_one_are_refused(self) -> None:
        paths = [*map(self.create, DOCUMENTS), self.v2('clients', 'host')]
        before = self.rows()
        for path in paths:
            for tags in ('"2", "3"', 'W/"1", "2"', '"x,1"', '"1x", "01"', '"", "2"', '"1'):
                headers = {'If-Match': tags}
                if 'clients' not in path:
                    self.api.patch(path, json={'description': 'x'}, headers=headers, status=412)
                self.api.delete(path, headers=headers, status=412)
        self.assertEqual(before, self.rows())

    def test_no_tag_lets_a_write_create(self) -> None:
        before = self.rows()
        for collection in REPLACEABLE:
            path, body = self.v2(collection, 'new'), DOCUMENTS[collection]
            for tag in ('*', '"1"', '"0"', '"1", "2"'):
                self.api.post(path, json=body, headers={'If-Match': tag}, status=412)
        self.assertEqual(before, self.rows())
        for collection in REPLACEABLE:
            path, body = self.v2(collection, 'new'), DOCUMENTS[collection]
            self.api.post(path, json=body, status=201)
            self.api.post(path, json=body, headers={'If-Match': '*'}, status=201)

    def test_what_is_not_there_is_not_found_whatever_the_tag(self) -> None:
        for collection in DOCUMENTS:
            path = self.v2(collection, 'missing')
            for tag in ('*', '"1"'):
                self.api.patch(path, json={'description': 'x'}, headers={'If-Match': tag}, status=404)
