# SPDX-License-Identifier: Apache-2.0
"""What tests of trusts share: a service in front of a fake Keystone, and its callers."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fixtures
import webtest

from freezer_api import conf as freezer_conf
from freezer_api.api import app as api_app
from tests import base
from tests.fake_keystone import FakeKeystone

Document = dict[str, Any]

CENTRAL = 'central-host'
OTHER_CENTRAL = 'second-central-host'
PLAIN = 'plain-host'
ENTRY = {'freezer_action': {'action': 'backup', 'container': 'vault'}}

_CONFIGURATION = """\
[DEFAULT]
auth_strategy = keystone
[database]
connection = {connection}
[keystone_authtoken]
auth_url = {url}
www_authenticate_uri = {url}
auth_type = password
username = freezer
password = secret
project_name = services
user_domain_name = Default
project_domain_name = Default
"""


@dataclasses.dataclass(frozen=True)
class TokenClient(base.Client):
    """A caller with a token."""

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> webtest.TestResponse:
        token = f'{self.user}:{self.project}:{self.roles}'
        sent = {'X-Auth-Token': token, **(headers or {})}
        return super().request(method, path, headers=sent, **options)


class TrustsTestCase(base.ApiTestCase):
    """A service with Keystone; a central client and one of another owner, and a plain one of the project."""

    def setUp(self) -> None:
        super().setUp()
        self.keystone = FakeKeystone()
        self.addCleanup(self.keystone.stop)
        self.configuration = Path(self.useFixture(fixtures.TempDir()).path, 'freezer-api.conf')
        self.start()
        self.scheduler = self.caller('scheduler', 'services', 'service,member')
        for owner, client_id in (
            (self.scheduler, CENTRAL),
            (self.caller('operator', 'operators', 'admin,member'), OTHER_CENTRAL),
        ):
            document = {'client_id': client_id, 'is_central': True}
            owner.post(owner.v2('clients'), json=document, status=201)
        self.member.post(self.member.v2('clients'), json={'client_id': PLAIN}, status=201)

    def start(self, more: str = '', **options: object) -> None:
        """Start the service, or start it again with other options of [centralized_scheduler].

        :param more: lines of the configuration file
        """
        lines = ['[centralized_scheduler]', *(f'{k} = {v}' for k, v in options.items()), '']
        connection = self.database.url.replace('$', '$$')
        text = _CONFIGURATION.format(connection=connection, url=self.keystone.url)
        self.configuration.write_text(text + '\n'.join(lines) + more)
        conf = freezer_conf.new(default_config_files=[str(self.configuration)])
        application = api_app.build(conf)
        self.addCleanup(application.database.dispose)
        self.application = webtest.TestApp(application)
        self.member = self.caller()

    def caller(
        self, user: str = 'alice', project: str = 'p1', roles: str = 'member,reader'
    ) -> TokenClient:
        return TokenClient(self.application, user, project, roles)

    def job(
        self, client_id: str = CENTRAL, api: base.Client | None = None, **document: Any
    ) -> str:
        api = api or self.member
        body = {'client_id': client_id, 'job_actions': [ENTRY], **document}
        answer = api.post(api.v2('jobs'), json=body, status=201)
        return str(answer.json['job_id'])

    def patch(self, job_id: str, status: int = 200, **document: Any) -> Document:
        path = self.member.v2('jobs', job_id)
        answer: Document = self.member.patch(path, json=document, status=status).json
        return answer

    def replace(
        self, job_id: str, client_id: str, api: base.Client | None = None, status: int = 201
    ) -> Document:
        api = api or self.member
        body = {'client_id': client_id, 'job_actions': [ENTRY]}
        answer: Document = api.post(api.v2('jobs', job_id), json=body, status=status).json
        return answer

    def delete(self, *job_ids: str, api: base.Client | None = None) -> None:
        api = api or self.member
        for job_id in job_ids:
            api.delete(api.v2('jobs', job_id), status=204)

    def read(self, job_id: str, api: base.Client | None = None, project: str = 'p1') -> Document:
        """A job as a caller sees it, which is the same in lists."""
        api = api or self.member
        document: Document = api.get(f'/v2/{project}/jobs/{job_id}', status=200).json
        listed = api.get(f'/v2/{project}/jobs', params={'limit': 1000}, status=200).json['jobs']
        self.assertEqual([document], [job for job in listed if job['job_id'] == job_id])
        return document

    def credentials(self, job_id: str, api: base.Client | None = None, project: str = 'p1') -> Any:
        """What a caller sees of a job's trust; by default the service, which sees its real id."""
        return self.read(job_id, api or self.scheduler, project).get('user_credentials')

    def trust(self, job_id: str, project: str = 'p1') -> Document | None:
        """The trust of a job as Keystone has it."""
        shown = self.credentials(job_id, project=project)
        return None if shown is None else self.keystone.trusts[shown['trust_id']]

    def stored(self) -> list[Document]:
        return self.rows()['trusts']
