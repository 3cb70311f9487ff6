# SPDX-License-Identifier: Apache-2.0
"""Trusts of jobs: when they are made, shared, shown and deleted, and what happens when Keystone fails."""

import contextlib
import dataclasses
import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import fixtures
import webtest

import freezer_api
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
        job_id = self.job()
        trust_id = next(iter(self.keystone.trusts))
        self.patch(job_id, client_id=PLAIN)
        self.assertEqual({}, self.keystone.trusts)
        # The default levels leave out what urllib3 says at DEBUG: every URL.
        lines = [line for line in self.log.output.splitlines() if '/OS-TRUST/trusts/' not in line]
        self.assertNotIn(trust_id, '\n'.join(lines))


class FailureTest(TrustsTestCase):
    def refused(self, status: int, **document: Any) -> Document:
        """A job must be refused, and nothing stored or made."""
        before = self.rows(), dict(self.keystone.trusts)
        body = {'client_id': CENTRAL, 'job_actions': [ENTRY], **document}
        answer = self.member.post(self.member.v2('jobs'), json=body, status=status)
        self.assertEqual(status, answer.json['code'])
        self.assertEqual(before, (self.rows(), self.keystone.trusts))
        return dict(answer.json)

    def test_what_keystone_refuses_is_unprocessable(self) -> None:
        for status in (400, 403, 404):
            self.keystone.refused = {'POST': status}
            self.refused(422)

    def test_roles_that_cannot_be_delegated_are_unprocessable(self) -> None:
        for role in ('manager', 'nonsense'):
            self.start(trusts_delegated_roles=role)
            self.refused(422)

    def test_trustee_that_cannot_log_in_is_unprocessable(self) -> None:
        self.start(auth_section='nobody')
        self.refused(422)

    def test_broken_keystone_is_unavailable(self) -> None:
        for status in (500, 503, 429):
            self.keystone.refused = {'POST': status}
            answer = self.refused(503)
            self.assertIn('Keystone', answer['description'])

    def test_silent_keystone_is_not_waited_for(self) -> None:
        self.start(timeout='0.5')
        self.keystone.awake.clear()
        begin = time.monotonic()
        self.refused(503)
        self.assertLess(time.monotonic() - begin, 10)

    def test_job_that_is_wrong_makes_no_trust(self) -> None:
        taken = self.job(PLAIN)
        foreign = {'action_id': 'unknown', 'freezer_action': {'action': 'backup'}}
        for status, document in (
            (400, {'job_actions': {}}),
            (400, {'session_id': 'unknown'}),
            (409, {'job_id': taken}),
            (422, {'job_actions': [foreign]}),
            (422, {'client_id': 'unknown'}),
        ):
            self.refused(status, **document)
        self.assertEqual([], self.keystone.requests)

    def test_trust_is_undone_if_the_write_fails_after_it_was_made(self) -> None:
        body = {'job_id': 'wanted', 'client_id': CENTRAL, 'job_actions': [ENTRY]}
        with self.while_keystone_makes_a_trust(lambda: self.job(PLAIN, job_id='wanted')):
            self.member.post(self.member.v2('jobs'), json=body, status=409)
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))
        self.assertEqual(['POST', 'DELETE'], [method for method, _ in self.keystone.requests])

    def test_trust_that_cannot_be_undone_is_remembered(self) -> None:
        self.keystone.refused = {'DELETE': 503}
        body = {'job_id': 'wanted', 'client_id': CENTRAL, 'job_actions': [ENTRY]}
        with self.while_keystone_makes_a_trust(lambda: self.job(PLAIN, job_id='wanted')):
            self.member.post(self.member.v2('jobs'), json=body, status=409)
        (row,) = self.stored()
        self.assertEqual([row['trust_id']], list(self.keystone.trusts))
        self.assertIsNotNone(row['released_at'])

    @contextlib.contextmanager
    def while_keystone_makes_a_trust(self, call: Callable[[], object]) -> Iterator[None]:
        """Make a call while the first request to Keystone that is sent within waits."""
        self.keystone.requests.clear()
        self.keystone.awake.clear()

        def run() -> None:
            try:
                end = time.monotonic() + 20
                while not self.keystone.requests and time.monotonic() < end:
                    time.sleep(0.01)
                call()
            finally:
                self.keystone.awake.set()

        with futures.ThreadPoolExecutor(1) as pool:
            done = pool.submit(run)
            yield
            done.result()

    def test_failed_deletion_is_remembered_and_the_trust_not_used_again(self) -> None:
        job_id = self.job()
        (old,) = self.keystone.trusts
        for status in (403, 503):
            self.keystone.refused = {'DELETE': status}
            self.delete(job_id)
            released = [row for row in self.stored() if row['released_at'] is not None]
            self.assertIn(old, [row['trust_id'] for row in released])
            job_id = self.job()
            self.assertNotEqual(old, self.credentials(job_id)['trust_id'])

    def test_trust_that_is_gone_from_keystone_is_forgotten(self) -> None:
        job_id = self.job()
        self.keystone.trusts.clear()
        self.delete(job_id)
        self.assertEqual([], self.stored())


class ConcurrencyTest(TrustsTestCase):
    def at_once(self, *calls: Any) -> list[Any]:
        barrier = threading.Barrier(len(calls))

        def run(call: Any) -> Any:
            barrier.wait()
            return call()

        with futures.ThreadPoolExecutor(len(calls)) as pool:
            return [future.result() for future in [pool.submit(run, call) for call in calls]]

    def test_first_jobs_at_once_share_one_trust(self) -> None:
        jobs = self.at_once(*[self.job] * 8)
        self.assertEqual(1, len({self.credentials(job)['trust_id'] for job in jobs}))
        self.assertEqual(1, len(self.keystone.trusts))
        self.assertEqual(1, len(self.stored()))

    def test_jobs_that_come_while_others_go_have_a_trust_that_is_there(self) -> None:
        jobs = [self.job()]
        for _ in range(6):
            calls = [lambda job_id=job_id: self.delete(job_id) for job_id in jobs]
            jobs = [job for job in self.at_once(*calls, self.job, self.job) if job]
            shown = [self.credentials(job)['trust_id'] for job in jobs]
            self.assertEqual(set(shown), set(self.keystone.trusts))
            self.assertEqual(set(shown), {row['trust_id'] for row in self.stored()})
        self.at_once(*[lambda job_id=job_id: self.delete(job_id) for job_id in jobs])
        self.assertEqual(({}, []), (self.keystone.trusts, self.stored()))


class NoAuthTest(base.ApiTestCase):
    def test_jobs_of_central_clients_are_taken_without_a_trust(self) -> None:
        headers = {'X-Roles': 'admin,member'}
        body = {'client_id': CENTRAL, 'is_central': True}
        self.api.post(self.v2('clients'), json=body, headers=headers, status=201)
        job_id = self.api.create_job({'client_id': CENTRAL, 'job_actions': [ENTRY]})
        self.assertNotIn('user_credentials', self.api.get(self.v2('jobs', job_id)).json)


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
        command = [sys.executable, '-m', 'freezer_api.cmd.manage']
        done = subprocess.run(
            [*command, '--config-file', str(self.configuration), 'trusts', *words],
            capture_output=True,
            text=True,
            cwd=Path(freezer_api.__file__).parents[1],
            timeout=120,
            check=False,
        )
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertNotIn('Traceback', done.stderr)
        return done.stdout + done.stderr

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

    def test_failures_are_told(self) -> None:
        self.keystone.refused = {'GET': 503}
        self.assertIn('Keystone', self.manage('list', status=1))
        self.keystone.refused = {'GET': 403}
        self.assertIn('Keystone', self.manage('list', status=1))
        self.release()
        self.manage('purge', '--auth-section', 'nobody', status=1)
