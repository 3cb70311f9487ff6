# SPDX-License-Identifier: Apache-2.0
"""The service keeps projects within limits that a real Keystone has, by the recipe of the documentation."""

from pathlib import Path
from typing import Any

import fixtures
import webtest

from freezer_api import conf as freezer_conf
from freezer_api.api import app as api_app
from tests import base
from tests.integration import deployment

_CONFIGURATION = """\
[DEFAULT]
auth_strategy = noauth

[database]
connection = {connection}

[quotas]
enabled = true
cache_time = 0

[oslo_limit]
auth_url = {url}
auth_type = password
username = {username}
password = {password}
user_domain_name = Default
system_scope = all
endpoint_region_name = RegionOne
"""

_BACKUP = {'backup_name': 'www', 'container': 'vault', 'hostname': 'web01'}


class LimitsOfProjectsTest(base.ApiTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # May take longer than a test may.
        deployment.start()

    def setUp(self) -> None:
        super().setUp()
        self.identity = deployment.start().identity
        self.project = self.identity.new_project()
        account = self.identity.new_account(self.project, 'service')
        self.identity.grant_on_system(account, 'reader')
        path = Path(self.useFixture(fixtures.TempDir()).path, 'freezer-api.conf')
        connection = self.database.url.replace('$', '$$')
        path.write_text(
            _CONFIGURATION.format(
                connection=connection,
                url=account.url,
                username=account.username,
                password=account.password,
            )
        )
        application = api_app.build(freezer_conf.new([], [str(path)]))
        self.addCleanup(application.database.dispose)
        app = webtest.TestApp(application, {'REMOTE_ADDR': '127.0.0.1'})
        self.member = base.Client(app, 'alice', self.project[0])

    def create(self, status: int) -> Any:
        path = self.member.v2('backups')
        return self.member.post(path, json=_BACKUP, status=status).json

    def test_registered_limits_and_those_of_a_project(self) -> None:
        limit = self.identity.register_limit('backup', 'backups', 2)
        self.addCleanup(self.identity.forget_limit, limit)
        for status in (201, 201, 413):
            answer = self.create(status)
        self.assertIn('limit of 2 on "backups"', answer['description'])
        own = self.identity.limit('backup', 'backups', self.project[0], 3)
        self.addCleanup(self.identity.forget_own_limit, own)
        for status in (201, 413):
            answer = self.create(status)
        self.assertIn('limit of 3 on "backups"', answer['description'])
        # No limit is registered for it.
        self.member.post(self.member.v2('sessions'), json={'schedule': {}}, status=413)
