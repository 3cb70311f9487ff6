# SPDX-License-Identifier: Apache-2.0
"""Migrated documents without a project are placed by a real Keystone."""


from tests import migrating
from tests.integration import deployment

_SECTION = """\
[keystone_authtoken]
auth_url = {url}
auth_type = password
username = {username}
password = {password}
user_domain_name = Default
system_scope = all
"""


class UsersTest(migrating.MigrationTestCase):
    one_database = True

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # May take longer than a test may.
        deployment.start()

    def setUp(self) -> None:
        super().setUp()
        self.identity = deployment.start().identity
        self.account = self.identity.new_account(self.identity.new_project(), 'service')
        with self.config_file.open('a') as file:
            file.write(
                _SECTION.format(
                    url=self.account.url,
                    username=self.account.username,
                    password=self.account.password,
                )
            )

    def document(self, user_id: str, number: int) -> migrating.Document:
        hit = migrating.backup(number, user_id=user_id)
        del hit['_source']['project_id']
        return hit

    def test_reader_of_the_system_finds_projects_of_users(self) -> None:
        self.identity.grant_on_system(self.account, 'reader')
        first, second = self.identity.new_project(), self.identity.new_project()
        member = self.identity.new_account(first, 'member')
        with_default = self.identity.new_account(first, 'member')
        self.identity.set_default_project(with_default, second)
        users = [member.user_id, with_default.user_id, '0' * 32]
        hits = [self.document(user_id, number) for number, user_id in enumerate(users)]
        report = self.migrate(*hits, options=('--keystone',), code=2)
        found = {row['user_id']: row['project_id'] for row in self.rows()['backups']}
        self.assertEqual({member.user_id: first[0], with_default.user_id: second[0]}, found)
        self.assertEqual(
            {'asked': 3, 'placed': 2, 'unknown': 1, 'failure': None}, report['keystone']
        )

    def test_account_that_may_not_look_at_users_is_a_failure(self) -> None:
        hit = self.document('0' * 32, 1)
        report = self.migrate(hit, options=('--keystone',), code=2)
        self.assertRegex(report['keystone']['failure'], '^(Unauthorized 401|Forbidden 403)$')
