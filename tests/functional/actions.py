# SPDX-License-Identifier: Apache-2.0
"""What tests of actions share."""

from typing import Any

from tests import base
from tests.functional.jobs import BACKUP, HOST

Document = dict[str, Any]

OLDER = {**BACKUP, 'container': 'older'}
NEWER = {**BACKUP, 'container': 'newer'}


class ActionsTestCase(base.ApiTestCase):
    """A project with one client that can do everything."""

    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.register(self.api)

    def register(self, caller: base.Client) -> None:
        caller.post(caller.url('clients'), json={'client_id': HOST}, status=201)

    def create(
        self, action_id: str | None = 'a', caller: base.Client | None = None, **document: Any
    ) -> str:
        caller = caller or self.api
        body = {'action_id': action_id, 'freezer_action': BACKUP, **document}
        return str(caller.post(caller.url('actions'), json=body, status=201).json['action_id'])

    def read(self, action_id: str = 'a', caller: base.Client | None = None) -> Document:
        caller = caller or self.api
        document: Document = caller.get(caller.url('actions', action_id), status=200).json
        return document

    def patch(self, action_id: str = 'a', **document: Any) -> Document:
        path = self.url('actions', action_id)
        return dict(self.api.patch(path, json=document, status=200).json)

    def change(self, *definitions: Document) -> None:
        """Give the action other definitions, one after the other."""
        for definition in definitions:
            self.patch(freezer_action=definition)

    def delete(self, action_id: str = 'a') -> None:
        self.api.delete(self.url('actions', action_id), status=204)

    def send_job(self, *entries: Document, status: int = 201, **document: Any) -> Document:
        body = {'client_id': HOST, 'job_actions': list(entries), **document}
        return dict(self.api.post(self.url('jobs'), json=body, status=status).json)

    def job(self, *entries: Document, **document: Any) -> str:
        return self.api.create_job({'client_id': HOST, 'job_actions': list(entries), **document})

    def read_job(self, job_id: str, caller: base.Client | None = None) -> Document:
        caller = caller or self.api
        document: Document = caller.get(caller.url('jobs', job_id), status=200).json
        return document

    def entries(self, job_id: str) -> list[Document]:
        entries: list[Document] = self.read_job(job_id)['job_actions']
        return entries

    def definitions(self, job_id: str) -> list[Document]:
        return [entry['freezer_action'] for entry in self.entries(job_id)]

    def patch_job(self, job_id: str, document: Document, status: int = 200) -> Document:
        return dict(self.api.patch(self.url('jobs', job_id), json=document, status=status).json)
