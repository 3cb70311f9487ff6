# SPDX-License-Identifier: Apache-2.0
"""Trusts in a real Keystone, and a published scheduler that runs the jobs of all projects by them."""

import dataclasses
import os
import random
from typing import Any

from tests.integration import deployment, programs, published, real, report
from tests.integration.keystone import Account

STEPS = 200
SEED = int(os.environ.get('FREEZER_TEST_SEED', '20261121'))

_LOUD = """\
token_cache_time = -1
[DEFAULT]
debug = true
default_log_levels = root=DEBUG,urllib3=DEBUG,keystoneauth=DEBUG,keystonemiddleware=DEBUG,sqlalchemy=DEBUG
"""


@dataclasses.dataclass(frozen=True)
class Job:
    """What a job must be: in which project, and whose trust it has, if any."""

    project: tuple[str, str]
    trustor: Account | None


class CentralTestCase(real.RealTest):
    """A test with central clients of the service's own account."""

    def setUp(self) -> None:
        super().setUp()
        self.account = self.deployment.account

    def central_name(self, number: int = 0) -> str:
        """The name of a new central client, which is removed at the end: all projects see it."""
        name = f'central-{number}-{self.project[1]}'
        self.addCleanup(self.send, self.account, 'DELETE', 'clients', name)
        return name

    def send(
        self, account: Account, method: str, *segments: str, project: str = '', **document: Any
    ) -> Any:
        """The answer to a request that must succeed."""
        path = '/'.join(('', 'v2', project or account.project_id, *segments))
        answer = self.deployment.request(account, method, path, json=document)
        self.assertLess(answer.status_code, 300, f'{method} {path}: {answer.text}')
        return answer.json() if answer.content else None


class CentralSchedulerTest(CentralTestCase):
    """freezer-scheduler 19.0.0 in centralized mode."""

    environments = ('agent-19',)

    def test_job_of_a_member_is_run_in_its_project(self) -> None:
        self.new_files()
        name, account = self.central_name(), self.account
        agent = self.scheduler('agent-19', 'central', name, account=account, central=True)
        job_id = self.new_job(name)
        shown = self.job(job_id)['user_credentials']
        self.assertEqual(self.member.user_id, shown['trustor_user_id'])
        trusts = self.deployment.identity.trusts(account)
        self.assertNotIn(shown['trust_id'], trusts)

        self.wait_for_job(job_id, status='completed', result='success')
        self.assertEqual([job_id], agent.runs)
        backups = self.deployment.get(self.member, 'backups')['backups']
        self.assertEqual([job_id], [backup['backup_metadata']['job_id'] for backup in backups])
        self.assertEqual([], self.deployment.get(account, 'backups')['backups'])
        self.assertEqual([], agent.errors)

        self.command.run('job-delete', job_id)
        self.assertEqual(1, len(trusts - self.deployment.identity.trusts(account)))
        report.line('freezer-scheduler', '19.0.0', "central: a member's job ran by its trust")


class WalkTest(CentralTestCase):
    """Many edits of jobs, after which the trusts in Keystone are those that jobs need."""

    def setUp(self) -> None:
        super().setUp()
        self.random = random.Random(SEED)
        identity = self.deployment.identity
        projects = [self.project, identity.new_project()]
        self.members = {
            project: [identity.new_account(project, 'member') for _ in range(2)]
            for project in projects
        }
        self.central = [self.central_name(number) for number in range(2)]
        for client_id in self.central:
            self.send(self.account, 'POST', 'clients', client_id=client_id, is_central=True)
        for members in self.members.values():
            self.send(members[0], 'POST', 'clients', client_id='plain')
        self.jobs: dict[str, Job] = {}
        self.others = identity.trusts(self.account)

    def step(self) -> str:
        """Do something to a job; return what."""
        kinds = ('create', 'create', 'move', 'replace', 'delete', 'drop', 'edit', 'start')
        kind = self.random.choice(kinds) if self.jobs else 'create'
        project = self.random.choice(list(self.members))
        job_id = ''
        if kind != 'create':
            job_id = self.random.choice(sorted(self.jobs))
            project = self.jobs[job_id].project
        member = self.random.choice(self.members[project])
        client_id = self.random.choice([*self.central, 'plain'])
        trustor = None if client_id == 'plain' else member
        document = {'client_id': client_id, 'job_actions': []}
        if kind == 'create':
            job_id = self.send(member, 'POST', 'jobs', **document)['job_id']
            self.jobs[job_id] = Job(project, trustor)
        elif kind == 'replace':
            self.send(member, 'POST', 'jobs', job_id, **document)
            self.jobs[job_id] = Job(project, trustor)
        elif kind == 'move':
            before = self.send(member, 'GET', 'jobs', job_id)['client_id']
            self.send(member, 'PATCH', 'jobs', job_id, client_id=client_id)
            if before != client_id:
                self.jobs[job_id] = Job(project, trustor)
        elif kind == 'drop':
            self.send(member, 'PATCH', 'jobs', job_id, user_credentials={})
            self.jobs[job_id] = Job(project, None)
        elif kind == 'edit':
            self.send(member, 'PATCH', 'jobs', job_id, description=str(self.random.random()))
        elif kind == 'start':
            self.send(member, 'POST', 'jobs', job_id, 'event', start=None)
        else:
            self.send(member, 'DELETE', 'jobs', job_id)
            del self.jobs[job_id]
        return kind

    def used(self) -> set[str]:
        """The trusts that jobs have, each of which must be the right one."""
        found: dict[tuple[str, str], set[str]] = {}
        for job_id, job in self.jobs.items():
            shown = self.send(self.account, 'GET', 'jobs', job_id, project=job.project[0])
            if job.trustor is None:
                self.assertNotIn('user_credentials', shown)
                continue
            credentials = shown['user_credentials']
            self.assertEqual(job.trustor.user_id, credentials['trustor_user_id'])
            key = (job.project[0], job.trustor.user_id)
            found.setdefault(key, set()).add(credentials['trust_id'])
        for trusts in found.values():
            self.assertEqual(1, len(trusts), found)
        return {trust for trusts in found.values() for trust in trusts}

    def made(self) -> set[str]:
        return self.deployment.identity.trusts(self.account) - self.others

    def purge(self) -> str:
        """Delete what only an administrator of Keystone may."""
        return self.manage('purge', '--auth-section', 'administrator')

    def manage(self, *words: str) -> str:
        """What ``freezer-manage trusts`` prints."""
        admin = self.deployment.identity.admin
        configuration = self.folder / 'freezer-api.conf'
        configuration.write_text(
            self.deployment.configuration.read_text()
            + f'[administrator]\nauth_type = password\nauth_url = {admin.url}\n'
            f'username = {admin.username}\npassword = {admin.password}\n'
            f'project_name = {admin.project_name}\n'
            'user_domain_name = Default\nproject_domain_name = Default\n'
        )
        variables = {**programs.environment(self.folder), 'PYTHONPATH': str(published.ROOT)}
        command = deployment.command('freezer-manage', 'manage')
        options = ['--config-file', str(configuration), 'trusts']
        return programs.run([*command, *options, *words], self.folder, variables)

    def test_trusts_in_keystone_are_those_that_jobs_need(self) -> None:
        kinds: dict[str, int] = {}
        for number in range(STEPS):
            kind = self.step()
            kinds[kind] = kinds.get(kind, 0) + 1
            if number % 25 == 24:
                # Those that are to be purged may be there too.
                self.assertEqual(set(), self.used() - self.made())
        self.purge()
        used = self.used()
        self.assertEqual(used, self.made())
        for job_id, job in list(self.jobs.items()):
            # Each by the one who may delete the trust, so that nothing is left over.
            member = job.trustor or self.members[job.project][0]
            self.send(member, 'DELETE', 'jobs', job_id)
        self.assertEqual(set(), self.made())
        report.line(
            'keystone',
            published.release('keystone', 'keystone'),
            f'{STEPS} edits of jobs (seed {SEED}, {kinds}): {len(used)} trusts needed and there',
        )

    def test_trust_that_is_deleted_in_keystone_is_replaced(self) -> None:
        member = self.members[self.project][0]
        document = {'client_id': self.central[0], 'job_actions': []}
        first, second = (self.send(member, 'POST', 'jobs', **document)['job_id'] for _ in range(2))
        self.jobs = dict.fromkeys((first, second), Job(self.project, member))
        (missing,) = self.used()
        self.deployment.identity.delete_trust(missing)
        self.assertEqual(set(), self.made())

        error = self.assertRaises(programs.CommandFailed, self.manage, 'check')
        self.assertIn(missing, error.output)
        for job_id in self.jobs:
            self.send(member, 'PATCH', 'jobs', job_id, description='changed')
        self.assertEqual(self.used(), self.made())

        (missing,) = self.used()
        self.deployment.identity.delete_trust(missing)
        # Nobody has noticed yet.
        third = self.send(member, 'POST', 'jobs', **document)['job_id']
        for job_id in self.jobs:
            self.send(member, 'POST', 'jobs', job_id, **document)
        self.jobs[third] = Job(self.project, member)
        self.assertEqual(self.used(), self.made())
        self.assertIn('0 of', self.manage('check'))

    def test_role_that_the_caller_lacks_is_refused(self) -> None:
        reader = self.deployment.identity.new_account(self.project, 'manager')
        admin = self.deployment.identity.admin
        before = self.made()
        path = f'/v2/{self.project[0]}/jobs'
        document = {'client_id': self.central[0], 'job_actions': []}
        answer = self.deployment.request(admin, 'POST', path, json=document)
        self.assertEqual(422, answer.status_code, answer.text)
        self.assertEqual(before, self.made())
        # A manager is a member too.
        answer = self.deployment.request(reader, 'POST', path, json=document)
        self.assertEqual(201, answer.status_code, answer.text)
        self.assertEqual(1, len(self.made() - before))


class LogTest(CentralTestCase):
    """What the service logs if an operator switches everything on."""

    def test_no_token_no_trust_and_no_password_is_in_the_log(self) -> None:
        identity = self.deployment.identity
        loud = self.deployment.beside('freezer-api-loud', _LOUD)
        self.addCleanup(loud.service.end)
        self.deployment = loud
        name = self.central_name()
        self.send(self.account, 'POST', 'clients', client_id=name, is_central=True)
        before = identity.trusts(self.account)
        document = {'client_id': name, 'job_actions': []}
        jobs = [self.send(self.member, 'POST', 'jobs', **document)['job_id'] for _ in range(2)]
        (trust_id,) = identity.trusts(self.account) - before
        # As the scheduler comes.
        by_trust = self.account.token(trust_id=trust_id)
        credential = self.member.credential()
        tokens = [
            self.member.token(),
            self.member.token_by(credential),
            self.account.token(),
            identity.admin.token(),
            by_trust,
        ]
        path = f'/v2/{self.project[0]}/jobs/{jobs[0]}'
        for token in tokens:
            headers = {'X-Auth-Token': token, 'X-Service-Token': tokens[2]}
            self.assertEqual(200, self.status_of('GET', path, headers))
        bad = by_trust[:-8] + 'AAAAAAAA'
        self.assertEqual(401, self.status_of('GET', path, {'X-Auth-Token': bad}))
        identity.revoke(tokens[0])
        second = self.member.token()
        self.assertEqual(401, self.status_of('GET', path, {'X-Auth-Token': tokens[0]}))
        for job_id in jobs:
            self.send(self.member, 'DELETE', 'jobs', job_id)
        self.assertEqual(before, identity.trusts(self.account))

        output = loud.service.output
        for logger in ('urllib3', 'keystoneauth', 'keystonemiddleware', 'sqlalchemy'):
            self.assertIn(f'DEBUG {logger}', output)
        secrets = {
            'a token': [*tokens, second, bad, self.member.session.get_token()],
            'a trust': [trust_id],
            'a password': [self.account.password, credential['secret']],
        }
        lines = output.splitlines()
        for kind, values in secrets.items():
            found = [line for line in lines if any(value in line for value in values)]
            self.assertEqual([], found[:5], f'{kind} in {len(found)} lines')
        report.line('freezer-api', 'log', f'{len(lines)} lines at DEBUG: no token, trust, password')

    def status_of(self, method: str, path: str, headers: dict[str, str]) -> int:
        answer = self.deployment.request(
            self.member, method, path, authenticated=False, headers=headers
        )
        return int(answer.status_code)
