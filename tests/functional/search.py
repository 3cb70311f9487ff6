# SPDX-License-Identifier: Apache-2.0
"""What tests of searches and pages share."""

from typing import Any

from tests import base
from tests.functional.jobs import BACKUP, HOST

Document = dict[str, Any]

# The body that creates one, and the id in the answer.
CREATE: dict[str, tuple[Document, str]] = {
    'actions': ({'freezer_action': BACKUP}, 'action_id'),
    'backups': ({'backup_name': 'b', 'container': 'c', 'hostname': 'h'}, 'backup_id'),
    'clients': ({}, 'client_id'),
    'jobs': ({'client_id': HOST, 'job_actions': []}, 'job_id'),
    'sessions': ({'schedule': {}}, 'session_id'),
}


class SearchTestCase(base.ApiTestCase):
    """A project with one client."""

    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.register(HOST)

    def register(self, client_id: str, caller: base.Client | None = None, **document: Any) -> str:
        caller = caller or self.api
        body = {'client_id': client_id, **document}
        caller.post(caller.url('clients'), json=body, status=201)
        return client_id

    def create(self, collection: str, caller: base.Client | None = None, **document: Any) -> str:
        caller = caller or self.api
        body, key = CREATE[collection]
        if collection == 'jobs':
            return caller.create_job({**body, **document})
        path = caller.url(collection)
        return str(caller.post(path, json={**body, **document}, status=201).json[key])

    def job(self, **document: Any) -> str:
        return self.create('jobs', **document)

    def action(self, action_id: str, **definition: Any) -> str:
        freezer_action = {'action': 'backup', **definition}
        return self.create('actions', action_id=action_id, freezer_action=freezer_action)

    def backup(self, **metadata: Any) -> str:
        return self.create('backups', **metadata)

    def find(
        self,
        collection: str,
        search: Document | None = None,
        caller: base.Client | None = None,
        **params: Any,
    ) -> list[str]:
        """The ids that a list shows."""
        caller = caller or self.api
        path = caller.url(collection)
        body = {} if search is None else {'json': search}
        documents = caller.get(path, params=params, status=200, **body).json[collection]
        if collection == 'clients':
            documents = [document['client'] for document in documents]
        return [document[CREATE[collection][1]] for document in documents]

    def match(self, collection: str, *entries: Document, **params: Any) -> list[str]:
        return self.find(collection, {'match': list(entries)}, **params)

    def match_not(self, collection: str, *entries: Document, **params: Any) -> list[str]:
        return self.find(collection, {'match_not': list(entries)}, **params)

    def assert_splits(
        self, collection: str, search: Document, found: list[str], others: list[str]
    ) -> None:
        """``match`` finds the ones, ``match_not`` the others."""
        self.assertEqual(found, self.match(collection, search), search)
        self.assertEqual(others, self.match_not(collection, search), search)
