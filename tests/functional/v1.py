# SPDX-License-Identifier: Apache-2.0
"""What tests of v1 share."""

from typing import Any

from tests import base
from tests.functional.jobs import BACKUP, HOST

Document = dict[str, Any]

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
