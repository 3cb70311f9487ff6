# SPDX-License-Identifier: Apache-2.0
"""What freezer-manage lists and purges of trusts."""

import time
import uuid
from concurrent import futures

from freezer_api.cmd import manage
from tests import commands
from tests.functional.trusts import TrustsTestCase


class ManageTest(TrustsTestCase):
    """freezer-manage trusts."""

    def setUp(self) -> None:
        super().setUp()
        # Another account may delete what the service may not.
        self.keystone.accounts['root'] = 'root:admins:admin'
        with self.configuration.open('a') as file:
            file.write(
                '[administrator]\nauth_type = password\nusername = root\npassword = secret\n'
                f'auth_url = {self.keystone.url}\nproject_name = admins\n'
                'user_domain_name = Default\nproject_domain_name = Default\n'
            )

    def manage(self, *words: str, status: int = 0) -> str:
        done = commands.run(
            manage.main, '--config-file', self.configuration, 'trusts', *words
        )
        self.assertEqual(status, done.code, done.out + done.err)
        self.assertNotIn('Traceback', done.err)
        return done.out + done.err

    def states(self) -> dict[str, str]:
        lines = [line.split() for line in self.manage('list').splitlines()[1:]]
        return {words[0]: words[-1] for words in lines}

    def release(self) -> str:
        """A trust that could not be deleted."""
        job_id = self.job()
        trust_id = self.credentials(job_id)['trust_id']
        self.keystone.refused = {'DELETE': 503}
        self.delete(job_id)
        self.keystone.refused = {}
        return str(trust_id)

    def orphan(self, trustee: str = 'freezer') -> str:
        """A trust that was made and never stored."""
        trust_id = uuid.uuid4().hex
        self.keystone.trusts[trust_id] = {
            'id': trust_id,
            'trustor_user_id': 'alice',
            'trustee_user_id': trustee,
            'project_id': 'p1',
        }
        return trust_id

    def test_all_states_are_listed(self) -> None:
        released, orphan, foreign = self.release(), self.orphan(), self.orphan('somebody')
        used = self.credentials(self.job())['trust_id']
        missing = self.credentials(self.job(api=self.caller('bob')))['trust_id']
        del self.keystone.trusts[missing]
        self.keystone.expiry = '2020-01-01T00:00:00Z'
        expired = self.credentials(self.job(api=self.caller('carol')))['trust_id']
        states = self.states()
        self.assertEqual(
            {
                released: 'released',
                orphan: 'orphan',
                used: 'used',
                missing: 'missing',
                expired: 'expired',
            },
            states,
        )
        self.assertNotIn(foreign, states)

    def test_check_lets_jobs_of_missing_trusts_get_others(self) -> None:
        self.release()
        used = self.credentials(self.job(api=self.caller('bob')))['trust_id']
        job_id = self.job()
        missing = self.credentials(job_id)['trust_id']
        self.assertIn('0 of 2', self.manage('check'))
        del self.keystone.trusts[missing]
        self.assertIn(missing, self.manage('check', status=1))
        self.patch(job_id, description='other')
        self.assertIsNotNone(self.trust(job_id))
        self.assertIn('0 of 2', self.manage('check'))
        self.assertIn(used, self.keystone.trusts)

    def test_purge_deletes_what_was_released(self) -> None:
        self.release()
        used = self.credentials(self.job())['trust_id']
        orphan = self.orphan()
        self.assertIn('could not be deleted', self.manage('purge', status=1))
        self.assertIn('1 trusts', self.manage('purge', '--auth-section', 'administrator'))
        self.assertEqual({used, orphan}, set(self.keystone.trusts))
        self.assertEqual([used], [row['trust_id'] for row in self.stored()])

    def test_purge_deletes_orphans_if_it_is_told_to(self) -> None:
        used = self.credentials(self.job())['trust_id']
        foreign = self.orphan('somebody')
        self.orphan()
        self.manage('purge', '--orphans', '--wait', '0', '--auth-section', 'administrator')
        self.assertEqual({used, foreign}, set(self.keystone.trusts))

    def test_purge_leaves_orphans_that_find_a_job(self) -> None:
        self.keystone.awake.clear()
        with futures.ThreadPoolExecutor(2) as pool:
            job = pool.submit(self.job)
            self.wait_for_requests(1)
            made = self.orphan()
            self.keystone.next_id = made
            purge = pool.submit(
                self.manage,
                *('purge', '--orphans', '--wait', '3', '--auth-section', 'administrator'),
            )
            self.wait_for_requests(2)
            self.keystone.awake.set()
            job_id = job.result()
            purge.result()
        self.assertEqual([made], list(self.keystone.trusts))
        self.assertEqual(made, self.credentials(job_id)['trust_id'])

    def wait_for_requests(self, count: int) -> None:
        end = time.monotonic() + 60
        while len(self.keystone.requests) < count:
            self.assertLess(time.monotonic(), end, self.keystone.requests)
            time.sleep(0.01)

    def test_part_of_a_list_tells_nothing_of_the_rest(self) -> None:
        trust_id = self.credentials(self.job())['trust_id']
        for more in ({'truncated': True}, {'links': {'next': self.keystone.url}}):
            self.keystone.strange = {'GET': (200, {'trusts': [], **more})}
            self.assertIn('list_limit', self.manage('check', status=1))
        for document in (None, {}, {'trusts': [{}]}, []):
            self.keystone.strange = {'GET': (200, document)}
            self.assertIn('Keystone does not answer', self.manage('check', status=1))
        self.keystone.strange = {}
        self.assertEqual({trust_id: 'used'}, self.states())

    def test_failures_are_told(self) -> None:
        self.keystone.refused = {'GET': 503}
        self.assertIn('Keystone', self.manage('list', status=1))
        self.keystone.refused = {'GET': 403}
        self.assertIn('Keystone', self.manage('list', status=1))
        self.release()
        self.manage('purge', '--auth-section', 'nobody', status=1)
