# SPDX-License-Identifier: Apache-2.0
"""Trusts of jobs: when they are made, shared, shown and deleted."""

import json
import logging

import fixtures

from tests import base
from tests.functional.trusts import CENTRAL, ENTRY, OTHER_CENTRAL, PLAIN, TrustsTestCase


class CreationTest(TrustsTestCase):
    def test_job_of_a_central_client_gets_a_trust_of_its_creator(self) -> None:
        trust = self.trust(self.job())
        self.assertEqual(
            {
                'trustor_user_id': 'alice',
                'trustee_user_id': 'freezer',
                'project_id': 'p1',
                'roles': [{'name': 'member'}],
                'impersonation': False,
                'allow_redelegation': False,
                'expires_at': None,
            },
            {key: value for key, value in (trust or {}).items() if key != 'id'},
        )

    def test_job_of_a_plain_client_gets_none_and_keystone_is_not_asked(self) -> None:
        job_id = self.job(PLAIN)
        self.patch(job_id, description='x')
        self.delete(job_id)
        self.assertEqual([], self.keystone.requests)

    def test_second_job_shares_the_trust(self) -> None:
        jobs = [self.job(), self.job(OTHER_CENTRAL)]
        self.assertEqual(1, len({self.credentials(job)['trust_id'] for job in jobs}))
        self.assertEqual(1, len(self.keystone.trusts))

    def test_trust_is_not_shared_with_other_users_and_projects(self) -> None:
        bob = self.caller('bob')
        elsewhere = self.caller('alice', 'p2')
        self.job()
        self.job(api=bob)
        self.job(api=elsewhere)
        made = {
            (trust['trustor_user_id'], trust['project_id'])
            for trust in self.keystone.trusts.values()
        }
        self.assertEqual({('alice', 'p1'), ('bob', 'p1'), ('alice', 'p2')}, made)
        self.assertEqual(3, len(self.keystone.trusts))

    def test_trust_with_other_roles_is_not_shared(self) -> None:
        first = self.job()
        self.start(trusts_delegated_roles='member,reader')
        second = self.job()
        self.assertEqual([{'name': 'member'}], (self.trust(first) or {})['roles'])
        self.assertEqual(
            [{'name': 'member'}, {'name': 'reader'}], (self.trust(second) or {})['roles']
        )

    def test_trust_for_another_trustee_is_not_shared(self) -> None:
        first = self.job()
        self.keystone.service = 'backup:services:service'
        self.start()
        second = self.job()
        trustees = [(self.trust(job) or {})['trustee_user_id'] for job in (first, second)]
        self.assertEqual(['freezer', 'backup'], trustees)

    def test_expired_trust_is_not_shared_and_stays_with_its_jobs(self) -> None:
        self.keystone.expiry = '2020-01-01T00:00:00.000000Z'
        first = self.job()
        self.keystone.expiry = '2999-01-01T00:00:00.000000Z'
        second, third = self.job(), self.job()
        ids = [self.credentials(job)['trust_id'] for job in (first, second, third)]
        self.assertEqual(ids[1], ids[2])
        self.assertNotEqual(ids[0], ids[1])
        self.delete(first)
        self.assertEqual([ids[1]], list(self.keystone.trusts))

    def test_without_named_roles_those_of_the_token_are_delegated(self) -> None:
        self.start(trusts_delegated_roles='')
        trust = self.trust(self.job(api=self.caller(roles='member,manager')))
        self.assertEqual([{'name': 'manager'}, {'name': 'member'}], (trust or {})['roles'])

    def test_switched_off_there_are_none(self) -> None:
        self.start(enabled='false')
        self.assertIsNone(self.credentials(self.job()))
        self.assertEqual([], self.keystone.requests)

    def test_enforced_jobs_of_all_clients_get_one(self) -> None:
        self.start(enforce_trusts='true')
        self.assertIsNotNone(self.trust(self.job(PLAIN)))

    def test_v1_makes_none(self) -> None:
        body = {'client_id': CENTRAL, 'job_actions': [ENTRY]}
        job_id = self.member.post('/v1/jobs', json=body, status=201).json['job_id']
        self.assertIsNone(self.credentials(job_id))
        self.assertEqual([], self.keystone.requests)

    def test_v1_leaves_and_hides_the_trust_of_a_job(self) -> None:
        job_id = self.job()
        shown = self.member.get(f'/v1/jobs/{job_id}', status=200).json
        self.assertNotIn('user_credentials', shown)
        self.member.patch(f'/v1/jobs/{job_id}', json={'description': 'x'}, status=200)
        body = {'client_id': OTHER_CENTRAL, 'job_actions': [ENTRY]}
        self.member.post(f'/v1/jobs/{job_id}', json=body, status=201)
        self.assertIsNotNone(self.trust(job_id))
        self.member.delete(f'/v1/jobs/{job_id}', status=204)
        self.assertEqual({}, self.keystone.trusts)

    def test_credentials_of_a_caller_are_not_taken(self) -> None:
        foreign = self.credentials(self.job(api=self.caller('bob', 'p2')), project='p2')
        job_id = self.job(PLAIN, user_credentials=foreign)
        self.patch(job_id, user_credentials=foreign)
        self.assertIsNone(self.credentials(job_id))
        other = self.job(user_credentials=foreign)
        self.assertEqual('alice', self.credentials(other)['trustor_user_id'])


class ChangeTest(TrustsTestCase):
    def test_job_that_moves_to_a_central_client_gets_a_trust(self) -> None:
        job_id = self.job(PLAIN)
        self.patch(job_id, client_id=CENTRAL)
        self.assertIsNotNone(self.trust(job_id))

    def test_job_that_moves_away_leaves_its_trust(self) -> None:
        job_id = self.job()
        self.patch(job_id, client_id=PLAIN)
        self.assertIsNone(self.credentials(job_id))
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))

    def test_other_changes_keep_the_trust(self) -> None:
        job_id = self.job()
        before = self.credentials(job_id)
        document = self.read(job_id)
        path = self.member.v2('jobs', job_id)
        self.member.patch(path, json={**document, 'description': 'sent back'}, status=200)
        self.patch(job_id, job_actions=[])
        # The scheduler, in the name of the job's project.
        agent = self.caller('freezer', roles='member')
        report = {'job_schedule': {**document['job_schedule'], 'status': 'running'}}
        agent.patch(agent.v2('jobs', job_id), json=report, status=200)
        self.assertEqual(before, self.credentials(job_id))

    def test_empty_credentials_drop_the_trust(self) -> None:
        kept, job_id = self.job(), self.job()
        version = self.patch(job_id, user_credentials={})['version']
        self.assertEqual(2, version)
        self.assertNotIn('user_credentials', self.read(job_id))
        self.assertIsNotNone(self.trust(kept))
        self.patch(kept, user_credentials={})
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))
        self.assertEqual(2, self.patch(kept, user_credentials={})['version'])

    def test_replacing_is_like_creating(self) -> None:
        self.keystone.service = 'freezer:services:service,admin'
        job_id = self.job()
        before = self.credentials(job_id)
        self.replace(job_id, CENTRAL)
        self.assertEqual(before, self.credentials(job_id))
        self.replace(job_id, CENTRAL, api=self.caller('bob'))
        self.assertEqual('bob', self.credentials(job_id)['trustor_user_id'])
        self.replace(job_id, PLAIN)
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))
        self.replace('new', CENTRAL)
        self.assertEqual('alice', self.credentials('new')['trustor_user_id'])

    def test_trust_is_deleted_with_its_last_job(self) -> None:
        jobs = [self.job() for _ in range(3)]
        self.delete(*jobs[:2])
        self.assertEqual(1, len(self.keystone.trusts))
        self.delete(jobs[2])
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))

    def test_new_trust_follows_a_deleted_one(self) -> None:
        first = self.job()
        before = self.credentials(first)['trust_id']
        self.delete(first)
        self.assertNotEqual(before, self.credentials(self.job())['trust_id'])

    def test_other_members_and_administrators_delete_too(self) -> None:
        self.keystone.service = 'freezer:services:service,admin'
        first = self.job()
        self.delete(first, api=self.caller('bob'))
        self.assertEqual({}, self.keystone.trusts)
        second = self.job()
        self.caller('root', 'root', 'admin').delete(f'/v2/p1/jobs/{second}', status=204)
        self.assertEqual({}, self.keystone.trusts)

    def test_trust_takes_few_statements(self) -> None:
        self.job()
        with self.count_statements() as statements:
            self.job()
        # Twice up to the trust, of which only the second is kept: that of a plain job is eight.
        self.assertLessEqual(len(statements), 22, statements)
        for _ in range(5):
            self.job()
        with self.count_statements() as statements:
            self.member.get(self.member.v2('jobs'), status=200)
        self.assertLessEqual(len(statements), 3, statements)


class VisibilityTest(TrustsTestCase):
    def test_tenants_see_a_handle_that_jobs_share(self) -> None:
        jobs = [self.job(), self.job()]
        for caller in (self.member, self.caller('bob'), self.caller('root', 'x', 'admin')):
            shown = [self.credentials(job, caller) for job in jobs]
            self.assertEqual({'trust_id', 'trustor_user_id'}, set(shown[0]))
            self.assertEqual(shown[0], shown[1])
            self.assertEqual('alice', shown[0]['trustor_user_id'])
            self.assertNotIn(shown[0]['trust_id'], self.keystone.trusts)

    def test_readers_see_no_handle(self) -> None:
        job_id = self.job()
        shown = self.credentials(job_id, self.caller('eve', roles='reader'))
        self.assertEqual({'trust_id': '***', 'trustor_user_id': '***'}, shown)

    def test_services_see_the_trust(self) -> None:
        shown = self.credentials(self.job(), self.caller('other', 'x', 'service'))
        self.assertEqual(list(self.keystone.trusts), [shown['trust_id']])

    def test_owner_of_the_central_client_sees_the_trusts_of_its_jobs_alone(self) -> None:
        own, foreign = self.job(OTHER_CENTRAL), self.job(CENTRAL)
        operator = self.caller('operator', 'operators', 'admin,member')
        self.assertIn(self.credentials(own, operator)['trust_id'], self.keystone.trusts)
        self.assertNotIn(self.credentials(foreign, operator)['trust_id'], self.keystone.trusts)
        listed = operator.get(
            operator.v2('jobs'),
            params={'all_projects': 'True'},
            json={
                'match': [{'client_id': OTHER_CENTRAL}],
                'match_not': [{'status': 'completed'}],
            },
        ).json['jobs']
        self.assertEqual(
            list(self.keystone.trusts), [job['user_credentials']['trust_id'] for job in listed]
        )

    def test_jobs_of_plain_clients_show_it_to_services_alone(self) -> None:
        self.start(enforce_trusts='true')
        job_id = self.job(PLAIN)
        self.assertIsNotNone(self.trust(job_id))
        for caller in (self.member, self.caller('root', 'x', 'admin')):
            self.assertNotIn('user_credentials', self.read(job_id, caller))

    def test_open_policy_shows_no_trust(self) -> None:
        policy = self.configuration.with_name('policy.yaml')
        rules = {'jobs:get_all_projects': '@', 'jobs:get': '@', 'cross_project:access': 'role:member'}
        policy.write_text(json.dumps(rules))
        self.start(f'[oslo_policy]\npolicy_file = {policy}\n')
        job_id = self.job()
        stranger = self.caller('mallory', 'p9', 'member')
        shown = stranger.get(f'/v2/p1/jobs/{job_id}', status=200).json['user_credentials']
        self.assertNotIn(shown['trust_id'], self.keystone.trusts)

    def test_ids_of_trusts_are_in_no_log(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        job_id = self.job()
        trust_id = next(iter(self.keystone.trusts))
        self.patch(job_id, client_id=PLAIN)
        self.assertEqual({}, self.keystone.trusts)
        # By a token that is described with its trust.
        agent = self.caller('freezer', roles=f'member:{trust_id}')
        agent.get(agent.v2('jobs'), status=200)
        self.assertIn('/OS-TRUST/trusts/***', log.output)
        self.assertNotIn(trust_id, log.output)


class NoAuthTest(base.ApiTestCase):
    def test_jobs_of_central_clients_are_taken_without_a_trust(self) -> None:
        headers = {'X-Roles': 'admin,member'}
        body = {'client_id': CENTRAL, 'is_central': True}
        self.api.post(self.v2('clients'), json=body, headers=headers, status=201)
        job_id = self.api.create_job({'client_id': CENTRAL, 'job_actions': [ENTRY]})
        self.assertNotIn('user_credentials', self.api.get(self.v2('jobs', job_id)).json)
