# SPDX-License-Identifier: Apache-2.0
"""What tests of sessions share."""

from typing import Any

import fixtures

from tests import base

CLIENT = 'p1_host'
T = 1_900_000_000

Document = dict[str, Any]


class SessionsTestCase(base.ApiTestCase):
    """At a moment that the test chooses."""

    versions = ('v1', 'v2')

    def setUp(self) -> None:
        super().setUp()
        self.set_clock(T)
        self.api.post(self.url('clients'), json={'client_id': CLIENT})

    def set_clock(self, now: int) -> None:
        self.useFixture(fixtures.MonkeyPatch('freezer_api.db.session.seconds', lambda: now))

    def new_session(self, **keys: Any) -> str:
        session_id: str = self.api.post(
            self.url('sessions'), json={'schedule': {}, **keys}, status=201
        ).json['session_id']
        return session_id

    def put_session(self, session_id: str, **keys: Any) -> str:
        """A session whose run is in a state of our choice."""
        document = {'schedule': {}, 'session_tag': 0, **keys}
        self.api.post(self.url('sessions', session_id), json=document, status=201)
        return session_id

    def new_job(self, job_id: str, **keys: Any) -> str:
        document = {'job_id': job_id, 'client_id': CLIENT, 'job_actions': [], **keys}
        return self.api.create_job(document)

    def attach(self, session_id: str, *job_ids: str) -> None:
        for job_id in job_ids:
            self.api.put(self.url('sessions', session_id, 'jobs', job_id), status=204)

    def session(self, session_id: str) -> Document:
        document: Document = self.api.get(self.url('sessions', session_id)).json
        return document

    def job(self, job_id: str) -> Document:
        document: Document = self.api.get(self.url('jobs', job_id)).json
        return document

    def act(self, session_id: str, action: Document, status: int = 202) -> Document:
        path = self.url('sessions', session_id, 'action')
        answer: Document = self.api.post(path, json=action, status=status).json
        return answer

    def start(self, session_id: str, job_id: str, tag: int, status: int = 202) -> Document:
        action = {'start': {'job_id': job_id, 'current_tag': tag}}
        return self.act(session_id, action, status)

    def end(self, session_id: str, job_id: str, result: str = 'success') -> Document:
        action = {'end': {'job_id': job_id, 'current_tag': 0, 'result': result}}
        return self.act(session_id, action)

    def assert_outcome(self, session_id: str, status: str, result: str | None) -> None:
        document = self.session(session_id)
        self.assertEqual((status, result), (document['status'], document['result']))
