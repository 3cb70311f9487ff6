# SPDX-License-Identifier: Apache-2.0
"""What tests of jobs share; the host and the backup serve other tests too."""

from typing import Any

from tests import base

Document = dict[str, Any]

HOST = 'p1_web01.example'
BACKUP = {'action': 'backup', 'mode': 'fs', 'path_to_backup': '/srv/www', 'container': 'vault'}
RESTORE = {'action': 'restore', 'mode': 'fs', 'restore_abs_path': '/srv/www'}


class JobsTestCase(base.ApiTestCase):
    """A project with one client that can do everything."""

    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.register(self.api)

    def register(self, caller: base.Client, client_id: str = HOST, **document: Any) -> None:
        body = {'client_id': client_id, 'hostname': 'web01', **document}
        caller.post(caller.url('clients'), json=body, status=201)

    def job(self, **document: Any) -> Document:
        """A document to send."""
        return {'client_id': HOST, 'job_actions': [{'freezer_action': BACKUP}], **document}

    def create(self, caller: base.Client | None = None, **document: Any) -> str:
        """Store a job; return its id."""
        caller = caller or self.api
        return caller.create_job(self.job(**document))

    def read(self, job_id: str, caller: base.Client | None = None) -> Document:
        caller = caller or self.api
        document: Document = caller.get(caller.url('jobs', job_id), status=200).json
        return document

    def version(self, job_id: str) -> int:
        etag = self.api.get(self.url('jobs', job_id), status=200).headers['ETag']
        return int(etag.strip('"'))

    def patch(self, job_id: str, /, status: int = 200, **document: Any) -> Document:
        answer = self.api.patch(self.url('jobs', job_id), json=document, status=status)
        return dict(answer.json)

    def replace(self, job_id: str, /, status: int = 201, **document: Any) -> Document:
        path = self.url('jobs', job_id)
        return dict(self.api.post(path, json=self.job(**document), status=status).json)

    def event(self, job_id: str, name: str, status: int = 202) -> Document:
        path = self.url('jobs', job_id, 'event')
        return dict(self.api.post(path, json={name: None}, status=status).json)

    def new_session(self, **document: Any) -> str:
        path = self.url('sessions')
        response = self.api.post(path, json={'schedule': {}, **document}, status=201)
        return str(response.json['session_id'])

    def attach(self, session_id: str, job_id: str) -> None:
        self.api.put(self.url('sessions', session_id, 'jobs', job_id), status=204)
