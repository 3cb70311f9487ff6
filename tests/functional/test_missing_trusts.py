# SPDX-License-Identifier: Apache-2.0
"""Trusts that jobs run under and that Keystone has no more, or honours no more."""

from tests.functional.trusts import CENTRAL, ENTRY, PLAIN, TrustsTestCase


class MissingTest(TrustsTestCase):
    """Trusts that Keystone has no more, although jobs run under them."""

    def setUp(self) -> None:
        super().setUp()
        self.broken = self.job()
        self.missing = self.credentials(self.broken)
        self.keystone.trusts.clear()

    def check_all_are_good(self, *jobs: str) -> None:
        trusts = {self.credentials(job_id)['trust_id'] for job_id in jobs}
        self.assertEqual(set(self.keystone.trusts), trusts)
        self.assertEqual(1, len(trusts))
        self.delete(*jobs)
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))

    def test_further_jobs_get_another_and_the_first_with_its_next_change(self) -> None:
        job_id = self.job()
        self.assertIsNotNone(self.trust(job_id))
        self.assertEqual(self.missing, self.credentials(self.broken))
        self.patch(self.broken, description='other')
        self.check_all_are_good(self.broken, job_id)

    def test_replaced_job_gets_another(self) -> None:
        self.replace(self.broken, CENTRAL)
        self.check_all_are_good(self.broken)

    def test_any_member_mends_a_job(self) -> None:
        self.job()
        bob = self.caller('bob')
        bob.patch(bob.v2('jobs', self.broken), json={'description': 'other'}, status=200)
        self.assertEqual('bob', self.credentials(self.broken)['trustor_user_id'])

    def test_expired_trust_is_mended_too(self) -> None:
        self.delete(self.broken)
        self.keystone.expiry = '2020-01-01T00:00:00Z'
        job_id = self.job()
        expired = self.credentials(job_id)
        self.keystone.expiry = None
        self.patch(job_id, description='other')
        self.assertNotEqual(expired, self.credentials(job_id))
        self.assertEqual([self.credentials(job_id)['trust_id']], list(self.keystone.trusts))

    def test_change_succeeds_though_keystone_gives_no_other(self) -> None:
        good = self.job()
        kept = self.credentials(good)['trust_id']
        for status in (403, 503):
            self.keystone.refused = {'POST': status}
            bob = self.caller('bob')
            document = {'description': f'{status}'}
            bob.patch(bob.v2('jobs', self.broken), json=document, status=200)
            self.assertEqual(f'{status}', self.read(self.broken)['description'])
            self.assertEqual(self.missing, self.credentials(self.broken))
        self.assertEqual([kept], list(self.keystone.trusts))

    def test_scheduler_does_not_mend(self) -> None:
        self.job()
        requests = len(self.keystone.requests)
        agent = self.caller('freezer', roles=f'member:{self.missing["trust_id"]}')
        agent.patch(agent.v2('jobs', self.broken), json={'description': 'other'}, status=200)
        self.assertEqual(self.missing, self.credentials(self.broken))
        self.assertEqual(requests, len(self.keystone.requests))

    def test_only_keystone_is_believed_that_a_trust_is_gone(self) -> None:
        body = {'client_id': CENTRAL, 'job_actions': [ENTRY]}
        for status, document in (
            *((404, {}), (404, None), (404, ['error']), (404, {'error': {}})),
            *((200, {}), (200, {'trust': None})),
        ):
            self.keystone.strange = {'GET': (status, document)}
            self.member.post(self.member.v2('jobs'), json=body, status=503)
        self.keystone.strange = {}
        self.assertEqual(1, len(self.stored()))

    def test_trust_that_keystone_does_not_show_is_shared(self) -> None:
        shared = self.credentials(self.job())
        self.keystone.refused = {'GET': 403}
        self.assertEqual(shared, self.credentials(self.job()))
        self.keystone.refused = {'GET': 503}
        body = {'client_id': CENTRAL, 'job_actions': [ENTRY]}
        self.member.post(self.member.v2('jobs'), json=body, status=503)


class LackingTest(TrustsTestCase):
    """Jobs of central clients that were never given a trust."""

    def setUp(self) -> None:
        super().setUp()
        self.before = self.job(PLAIN)
        self.member.delete(self.member.v2('clients', PLAIN), status=204)
        owner = self.caller(roles='admin,member')
        document = {'client_id': PLAIN, 'is_central': True}
        owner.post(owner.v2('clients'), json=document, status=201)
        self.assertIsNone(self.credentials(self.before))

    def test_job_that_was_there_before_its_client_became_central_gets_one_with_a_change(self) -> None:
        self.patch(self.before, description='other')
        self.assertEqual('alice', (self.trust(self.before) or {})['trustor_user_id'])
        shown = self.credentials(self.before)
        self.patch(self.before, description='another')
        self.assertEqual(shown, self.credentials(self.before))

    def test_job_by_v1_gets_one_with_a_change(self) -> None:
        body = {'client_id': CENTRAL, 'job_actions': [ENTRY]}
        job_id = self.member.post('/v1/jobs', json=body, status=201).json['job_id']
        self.patch(job_id, description='other')
        self.assertIsNotNone(self.trust(job_id))

    def test_change_succeeds_though_keystone_gives_none(self) -> None:
        self.keystone.refused = {'POST': 403}
        self.patch(self.before, description='other')
        self.assertEqual('other', self.read(self.before)['description'])
        self.assertIsNone(self.credentials(self.before))

    def test_job_whose_trust_was_dropped_gets_none(self) -> None:
        dropped = self.job()
        for job_id in (self.before, dropped):
            version = self.patch(job_id, user_credentials={})['version']
            self.assertEqual(version, self.patch(job_id, user_credentials={})['version'])
            self.patch(job_id, description='other')
            for caller in (self.member, self.scheduler):
                self.assertIsNone(self.credentials(job_id, caller))
        self.assertEqual({}, self.keystone.trusts)
        # Whoever answers for the whole of the job gives it one again.
        self.replace(dropped, CENTRAL)
        self.patch(self.before, client_id=CENTRAL)
        for job_id in (self.before, dropped):
            self.assertIsNotNone(self.trust(job_id))
        self.delete(self.before, dropped)
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))
