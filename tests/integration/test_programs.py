# SPDX-License-Identifier: Apache-2.0
"""Published agents and clients on a running service, with a real Keystone: version 2."""

import datetime
import re
import shutil

from tests.integration import programs, real, report
from tests.integration.command_line import CommandLine


class AgentTest(real.RealTest):
    """freezer-scheduler and freezer-agent 19.0.0."""

    environments = ('agent-19',)

    def test_agents_run_the_jobs_of_their_own_client(self) -> None:
        self.new_files()
        agents = {name: self.scheduler('agent-19', name, name) for name in ('host-a', 'host-b')}
        clients = self.command.list('client-list')
        self.assertEqual({'host-a', 'host-b'}, {client['Client ID'] for client in clients})

        shown = self.command.show(
            'action-create', '--file', self.command.file({'freezer_action': self.definition()})
        )
        document = {'job_actions': [{'action_id': shown['Action ID']}], 'job_schedule': {}}
        jobs = {
            name: self.command.show('job-create', '-C', name, '--file', self.command.file(document))
            for name in agents
        }
        for name, job in jobs.items():
            self.wait_for_job(job['Job ID'], status='completed', result='success')
            self.assertEqual([job['Job ID']], agents[name].runs)

        listed = {row['Job ID']: row for row in self.command.list('job-list')}
        self.assertEqual({'success'}, {row['Result'] for row in listed.values()})
        self.assertEqual({job['Job ID'] for job in jobs.values()}, set(listed))
        backups = self.deployment.get(self.member, 'backups')['backups']
        self.assertEqual(
            {job['Job ID'] for job in jobs.values()},
            {backup['backup_metadata']['job_id'] for backup in backups},
        )
        table = self.command.run('backup-list')
        for backup in backups:
            self.assertEqual('available', backup['status'])
            self.assertIn(backup['backup_id'], table)
        for agent in agents.values():
            self.assertEqual([], agent.errors)

    def test_readme_tells_how_to_back_up_and_restore(self) -> None:
        source = self.new_files()
        target = self.folder / 'restored'
        target.mkdir()
        values = {
            'https://keystone.example.org:5000/v3': self.member.url,
            'alice': self.member.username,
            '=PASSWORD': f'={self.member.password}',
            '= PASSWORD': f'= {self.member.password}',
            'demo': self.member.project_name,
            'interval = 60': 'interval = 1',
            '/var/lib/freezer/jobs': str(self.folder / 'jobs'),
            '/var/backups/freezer': str(self.folder / 'container'),
            '/srv/www': str(source),
            '/srv/restored': str(target),
        }
        configuration, backup, restore = real.readme("Using it with Freezer's agents", values)
        agent = self.scheduler('agent-19', 'readme', 'host-1', configuration=configuration)
        account = ''.join(re.findall(r'^export .*\n', backup, re.M))
        for script in (backup, account + restore):
            self.command.run_script(script)
            jobs = self.deployment.get(self.member, 'jobs')['jobs']
            self.wait_for_job(jobs[-1]['job_id'], status='completed', result='success')
        self.assertEqual(real.tree(source), real.tree(target))
        self.assertEqual([], agent.errors)

    def test_incremental_backups_are_restored_byte_for_byte(self) -> None:
        source = self.new_files()
        agent = self.scheduler('agent-19', 'host', 'host')
        definition = self.definition(incremental=True, max_level=3)
        job_id = self.new_job('host', definition)
        states = []
        for level in range(3):
            if level:
                (source / 'text').write_text(f'changed for level {level}\n')
                (source / f'new {level}').write_bytes(b'\x00\xff' * 5000)
                (source / 'old').unlink(missing_ok=True)
                self.command.run('job-start', job_id)
            self.wait_for_job(job_id, status='completed', result='success')
            states.append(real.tree(source))
            self.assertEqual(level + 1, len(agent.runs))

        # As <level>_<seconds>; the metadata that the agent posts say level 0 of all, whatever they are.
        stored = sorted(path.name for path in (self.folder / 'container').glob('metadata/*/*/*/*'))
        stamps = [int(name.partition('_')[2]) for name in stored]
        self.assertEqual(['0', '1', '2'], [name.partition('_')[0] for name in stored])
        backups = self.deployment.get(self.member, 'backups')['backups']
        self.assertEqual(stamps, [backup['backup_metadata']['time_stamp'] for backup in backups])

        shutil.rmtree(source)
        for level in range(3):
            target = self.folder / f'restored-{level}'
            target.mkdir()
            stamp = datetime.datetime.fromtimestamp(stamps[level], datetime.UTC)
            restore = self.definition(
                action='restore',
                restore_abs_path=str(target),
                restore_from_date=stamp.strftime('%Y-%m-%dT%H:%M:%S'),
            )
            del restore['path_to_backup']
            self.wait_for_job(self.new_job('host', restore), status='completed', result='success')
            self.assertEqual(states[level], real.tree(target))
        self.assertEqual([], agent.errors)
        report.line('freezer-agent', '19.0.0', 'restored levels 0, 1 and 2, byte-identical')

    def test_session_is_run_by_the_agents_of_all_its_jobs(self) -> None:
        self.check_session(
            {name: self.scheduler('agent-19', name, name) for name in ('host-a', 'host-b')}
        )

    def test_recurring_job_is_stopped_and_started_again(self) -> None:
        self.new_files()
        agent = self.scheduler('agent-19', 'host', 'host')
        job_id = self.new_job('host', schedule={'schedule_interval': '2 seconds'})
        agent.program.wait_for('its second run', lambda: len(agent.runs) >= 2)

        self.stop(job_id)
        runs = len(agent.runs)
        agent.wait_for_polls(4)
        self.assertEqual(runs, len(agent.runs))

        self.command.run('job-start', job_id)
        agent.program.wait_for('a run after the start', lambda: len(agent.runs) > runs)
        self.wait_for_job(job_id, event='', status='scheduled', result='success')
        self.assertEqual([], agent.errors)

    def test_failing_job_is_tried_again_and_shown_as_failed(self) -> None:
        agent = self.scheduler('agent-19', 'host', 'host')
        definition = self.definition(path_to_backup=str(self.folder / 'missing'))
        job_id = self.new_job('host', definition, max_retries=1, max_retries_interval=1)
        self.wait_for_job(job_id, status='completed', result='fail')
        self.assertIn('retrying in 1 seconds', agent.program.output)
        self.assertEqual('fail', self.command.show('job-show', job_id)['Result'])
        self.assertEqual([], self.deployment.get(self.member, 'backups')['backups'])

    def test_abort_of_a_running_job_lets_it_end_and_the_agent_go_on(self) -> None:
        agent = self.scheduler('agent-19', 'host', 'host')
        definition = self.definition(path_to_backup=str(self.folder / 'missing'))
        job_id = self.new_job('host', definition, max_retries=2, max_retries_interval=5)
        self.wait_for_job(job_id, status='running')
        self.command.run('job-abort', job_id)
        self.wait_for_job(job_id, status='completed', result='fail')
        agent.wait_for_polls(2)
        self.assertEqual([job_id], agent.runs)
        self.assertNotIn('Unable to get jobs', agent.program.output)

    def test_schedulers_of_a_cluster_run_each_job_once(self) -> None:
        self.new_files()
        cluster = self.folder / 'cluster'
        members = [
            self.scheduler('agent-19', name, 'shared', cluster=cluster)
            for name in ('member-1', 'member-2')
        ]
        self.assertEqual(
            ['shared'], [client['Client ID'] for client in self.command.list('client-list')]
        )
        for member in members:
            member.wait_for_polls(2)

        jobs: list[str] = []
        # Which member gets a job depends on their process ids. A batch is one member's alone now and then.
        for _ in range(6):
            batch = [self.new_job('shared') for _ in range(3)]
            for job_id in batch:
                self.wait_for_job(job_id, status='completed', result='success')
            jobs += batch
            if all(member.runs for member in members):
                break
        for member in members:
            self.assertNotEqual([], member.runs)
        self.assertEqual(sorted(jobs), sorted(job for member in members for job in member.runs))

        members[0].end()
        before = members[1].runs
        last = [self.new_job('shared') for _ in range(2)]
        for job_id in last:
            self.wait_for_job(job_id, status='completed', result='success')
        self.assertEqual(sorted(last), sorted(members[1].runs[len(before) :]))
        report.line('freezer-scheduler', '19.0.0', f'two as a cluster: {len(jobs)} jobs once each')


class CommandTest(real.RealTest):
    """The ``freezer`` command of today's python-freezerclient."""

    def test_every_command_works(self) -> None:
        self.walk('freezerclient')

    def test_accounts_do_what_their_roles_allow(self) -> None:
        identity = self.deployment.identity
        action = self.command.file({'freezer_action': self.definition()})
        self.command.run('action-create', '--file', action)

        reader = identity.new_account(self.project, 'reader')
        command = self.command_line('freezerclient', account=reader)
        self.assertEqual(['files'], [row['Name'] for row in command.list('action-list')])
        self.assert_refused(403, command, 'action-create', '--file', command.file({}))

        stranger = identity.new_account(identity.new_project(), 'member')
        command = self.command_line('freezerclient', account=stranger)
        self.assertEqual([], command.list('action-list'))
        path = f'/v2/{self.member.project_id}/actions'
        self.assertEqual(403, self.deployment.request(stranger, 'GET', path).status_code)
        for account in (identity.admin, identity.new_account(identity.new_project(), 'service')):
            self.assertEqual(200, self.deployment.request(account, 'GET', path).status_code)

    def test_token_that_keystone_does_not_know_is_refused(self) -> None:
        path = f'/v2/{self.member.project_id}/jobs'
        answer = self.deployment.request(
            self.member, 'GET', path, authenticated=False, headers={'X-Auth-Token': 'gAAAA'}
        )
        self.assertEqual(401, answer.status_code)
        self.assertEqual(401, answer.json()['code'])
        self.assertIn(self.member.url, answer.headers['WWW-Authenticate'])

    def assert_refused(self, status: int, command: CommandLine, *words: str) -> None:
        error = self.assertRaises(programs.CommandFailed, command.run, *words)
        self.assertIn(f'Error {status}', error.output)


class OldAgentTest(real.RealTest):
    """freezer-scheduler and freezer-agent 18.0.0."""

    environments = ('agent-18',)

    def test_agent_backs_up_restores_and_is_stopped(self) -> None:
        self.check_agent_18()
