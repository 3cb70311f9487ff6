# SPDX-License-Identifier: Apache-2.0
"""Documents without a project are placed by what Keystone says of their users."""

from typing import Any

from keystoneauth1 import session as keystone_session

from tests import migrating
from tests.fake_keystone import FakeKeystone
from tests.migrating import backup

Document = dict[str, Any]

_SECTION = """\
[{section}]
auth_url = {url}
auth_type = password
username = freezer
password = s3cret
project_name = services
user_domain_name = Default
project_domain_name = Default
"""


def of_user(user_id: str, number: int) -> Document:
    """A backup that belongs to a user alone, as those of the first API."""
    hit = backup(number, user_id=user_id)
    del hit['_source']['project_id']
    return hit


class KeystoneTest(migrating.MigrationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(keystone_session.time, 'sleep', lambda seconds: None)
        self.keystone = FakeKeystone()
        self.addCleanup(self.keystone.stop)
        self.keystone.projects = {'p1', 'p2'}
        self.use('keystone_authtoken')

    def use(self, section: str) -> None:
        self.configure(self.database.url)
        with self.config_file.open('a') as file:
            file.write(_SECTION.format(section=section, url=self.keystone.url))

    def projects(self) -> dict[str, str]:
        """Projects by user, as far as there are backups."""
        return {row['user_id']: row['project_id'] for row in self.rows()['backups']}

    def test_users_are_placed_by_default_project_or_only_role(self) -> None:
        self.keystone.users = {
            'default': ('p1', ['p2']),
            'default-is-gone': ('p9', ['p2']),
            'one-role': (None, ['p2']),
            'two-roles': (None, ['p1', 'p2']),
            'no-role': (None, []),
        }
        users = [*self.keystone.users, 'gone', '../projects/p1']
        hits = [of_user(user, number) for number, user in enumerate(users)]
        report = self.migrate(*hits, options=('--keystone',), code=2)
        expected = {'default': 'p1', 'default-is-gone': 'p2', 'one-role': 'p2'}
        self.assertEqual(expected, self.projects())
        self.assertEqual(
            {'asked': 7, 'placed': 3, 'unknown': 2, 'failure': None}, report['keystone']
        )
        unplaced = sorted(set(users) - expected.keys())
        self.assertEqual(unplaced, sorted(report['users_without_project']))

    def test_keystone_is_only_read_and_asked_for_each_user_once(self) -> None:
        self.keystone.users = {'u': ('p1', []), 'v': ('p1', [])}
        hits = [of_user(user, number) for number, user in enumerate('uvuvu')]
        self.migrate(*hits, options=('--keystone',))
        self.assertEqual(
            ['GET projects/p1', 'GET users/u', 'GET users/v'], sorted(self.keystone.asked)
        )

    def test_it_is_asked_for_nothing_that_other_rules_place(self) -> None:
        pairs = self.folder / 'map'
        pairs.write_text('mapped p1\n')
        hits = [backup(1), of_user('alice', 2), of_user('mapped', 3)]
        self.migrate(*hits, options=('--keystone', '--map', pairs))
        self.assertEqual([], self.keystone.asked)
        self.migrate(of_user('other', 4), options=('--default-project', 'p1'))
        self.assertEqual([], self.keystone.asked)

    def test_default_project_takes_what_keystone_does_not_know(self) -> None:
        self.keystone.users = {'u': ('p2', [])}
        hits = [of_user('u', 1), of_user('gone', 2)]
        self.migrate(*hits, options=('--keystone', '--default-project', 'p1'))
        self.assertEqual({'u': 'p2', 'gone': 'p1'}, self.projects())

    def test_failure_is_reported_and_the_run_goes_on(self) -> None:
        self.keystone.users = {'u': ('p2', []), 'v': ('p2', [])}
        hits = [of_user('u', 1), of_user('v', 2), backup(3)]
        for status, failure in ((403, 'Forbidden 403'), (503, 'ServiceUnavailable 503')):
            self.keystone.users_status = status
            report = self.migrate(*hits, options=('--keystone',), code=2)
            self.assertEqual(
                {'asked': 0, 'placed': 0, 'unknown': 0, 'failure': failure}, report['keystone']
            )
            self.assertEqual({'u': 1, 'v': 1}, report['users_without_project'])
        self.assertEqual({'alice': 'p1'}, self.projects())
        # It was not asked for the second user, and 503 is asked again.
        self.assertEqual({'GET users/u'}, set(self.keystone.asked))
        # The same run is not taken for done.
        self.keystone.users_status = 200
        self.migrate(*hits, options=('--keystone',))
        self.assertEqual({'alice': 'p1', 'u': 'p2', 'v': 'p2'}, self.projects())

    def test_default_project_takes_nothing_that_keystone_may_know(self) -> None:
        before = self.rows()
        dump = self.write(backup(1), of_user('u', 2))
        self.keystone.users_status = 503
        options = ('--dump', dump, '--keystone', '--default-project', 'p1')
        outcome = self.run_command(*options)
        self.assertEqual(4, outcome.code, outcome.out)
        self.assertIn('ServiceUnavailable 503', outcome.err)
        self.assertEqual(before, self.rows())
        self.keystone.users_status, self.keystone.users = 200, {'u': ('p2', [])}
        self.assertEqual(0, self.run_command(*options).code)
        self.assertEqual({'alice': 'p1', 'u': 'p2'}, self.projects())

    def test_account_of_another_section_can_be_used(self) -> None:
        self.use('identity')
        self.keystone.users = {'u': ('p1', [])}
        self.migrate(of_user('u', 1), options=('--keystone', '--auth-section', 'identity'))
        self.assertEqual({'u': 'p1'}, self.projects())

    def test_missing_account_is_a_failure_without_a_traceback(self) -> None:
        report = self.migrate(
            of_user('u', 1), options=('--keystone', '--auth-section', 'none'), code=2
        )
        self.assertIn('Plugin', report['keystone']['failure'])

    def test_account_without_a_use_is_a_mistake(self) -> None:
        dump = self.write(backup(1))
        outcome = self.run_command('--dump', dump, '--auth-section', 'identity')
        self.assertEqual(127, outcome.code)
        self.assertIn('--keystone', outcome.err)

    def test_password_is_shown_nowhere(self) -> None:
        with self.config_file.open('a') as file:
            file.write('[DEFAULT]\ndebug = true\n')
        self.keystone.users_status = 403
        dump = self.write(of_user('u', 1))
        outcome = self.run_command('--dump', dump, '--keystone')
        self.assertNotIn('s3cret', outcome.out + outcome.err + str(outcome.report))
        self.assertNotIn('s3cret', self.log.output)
        self.assertIn('It could not be asked for more (Forbidden 403)', outcome.out)
