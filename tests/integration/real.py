# SPDX-License-Identifier: Apache-2.0
"""What tests with real programs have in common."""

import re
import shutil
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from testtools import content

from tests import base
from tests.integration import deployment, programs, published, report
from tests.integration.agents import Scheduler
from tests.integration.command_line import CommandLine
from tests.integration.walk import Walk


class RealTest(base.TestCase):
    """A test in a project of its own, with its member and its programs. Shows their logs when it fails."""

    # Keys of published.REQUIREMENTS; making them may take longer than a test may.
    environments: ClassVar[tuple[str, ...]] = ()
    command_environment = 'freezerclient'
    command_options: ClassVar[dict[str, Any]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for name in (cls.command_environment, *cls.environments):
            published.environment(name)
        deployment.start()

    def setUp(self) -> None:
        super().setUp()
        self.deployment = deployment.start()
        self.folder = Path(tempfile.mkdtemp(prefix='freezer_real_'))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.project = self.deployment.identity.new_project()
        self.member = self.deployment.identity.new_account(self.project, 'member')
        self.command = self.command_line(self.command_environment, **self.command_options)
        # Each with the length of its log up to now.
        self._programs: dict[programs.Program, int] = {}
        for program in (self.deployment.identity.program, self.deployment.service):
            self._programs[program] = len(program.output)
        self.addOnException(self._show_logs)

    def _show_logs(self, exc_info: object) -> None:
        for program, length in self._programs.items():
            self.addDetail(program.name, content.text_content(program.output[length:]))
        for log in self.folder.glob('**/agent.log'):
            name = str(log.relative_to(self.folder))
            self.addDetail(name, content.text_content(log.read_text(errors='replace')[-20000:]))

    def command_line(self, environment: str, **options: Any) -> CommandLine:
        """The member's ``freezer`` command, or another account's."""
        folder = Path(tempfile.mkdtemp(prefix='command_', dir=self.folder))
        return CommandLine(environment, options.pop('account', self.member), folder, **options)

    def walk(self, environment: str, broken: dict[str, str] | None = None, **options: Any) -> None:
        """Run all commands of a release, as a member of another project, and tell of it.

        :param broken: commands that fail by themselves, to the text of their failure
        """
        identity = self.deployment.identity
        account = identity.new_account(identity.new_project(), 'member')
        command = self.command_line(environment, account=account, **options)
        count = Walk(self, self.deployment, command, broken or {}).run()
        report.line(
            'python-freezerclient',
            command.release,
            f'{count - len(broken or {})} of {count} commands on v{command.version}'
            + (f', {", ".join(broken)} fails by itself' if broken else ''),
        )

    def scheduler(self, environment: str, name: str, client_id: str, **options: Any) -> Scheduler:
        """A scheduler of the member, or of another account, which is registered."""
        account = options.pop('account', self.member)
        scheduler = Scheduler(environment, name, client_id, account, self.folder, **options)
        self._programs[scheduler.program] = 0
        self.addCleanup(scheduler.end)
        path = f'/v2/{self.member.project_id}/clients/{client_id}'
        scheduler.program.wait_for(
            'registration',
            lambda: self.deployment.request(self.member, 'GET', path).status_code == 200,
        )
        return scheduler

    def new_files(self) -> Path:
        """A folder with what backups must keep: folders, an empty one too, blanks, letters, any bytes."""
        source = self.folder / 'source'
        (source / 'empty').mkdir(parents=True)
        (source / 'deep' / 'er').mkdir(parents=True)
        (source / 'text').write_text('one line\n')
        (source / 'old').write_text('to be removed\n')
        (source / 'old').chmod(0o600)
        (source / 'blanks and \u00fc').write_text('')
        (source / 'deep' / 'er' / 'bytes').write_bytes(bytes(range(256)) * 1000)
        return source

    def definition(self, **keys: Any) -> dict[str, Any]:
        """What an agent is to do: back up the files, unless the keys say something else."""
        return {
            'action': 'backup',
            'mode': 'fs',
            'storage': 'local',
            'backup_name': 'files',
            'path_to_backup': str(self.folder / 'source'),
            'container': str(self.folder / 'container'),
            'log_file': str(self.folder / 'agent.log'),
            **keys,
        }

    def new_job(
        self,
        client_id: str,
        definition: dict[str, Any] | None = None,
        schedule: dict[str, Any] | None = None,
        **entry: Any,
    ) -> str:
        """Create a job of one action by the command line; return its id.

        :param entry: further keys of the action, such as max_retries
        """
        action = {'freezer_action': definition or self.definition(), **entry}
        document = {
            'description': self.id(),
            'job_actions': [action],
            'job_schedule': schedule or {},
        }
        shown = self.command.show(
            'job-create', '--client', client_id, '--file', self.command.file(document)
        )
        return str(shown['Job ID'])

    def check_agent_18(self) -> None:
        """Agent 18.0.0 repeats a backup, is stopped, and restores, with the version of the command line."""
        source = self.new_files()
        agent = self.scheduler('agent-18', 'old-host', 'old-host', v1=self.command.version == '1')
        job_id = self.new_job('old-host', schedule={'schedule_interval': '2 seconds'})
        agent.program.wait_for('its second run', lambda: len(agent.runs) >= 2)
        self.stop(job_id)
        runs = len(agent.runs)

        target = self.folder / 'restored'
        target.mkdir()
        restore = self.definition(action='restore', restore_abs_path=str(target))
        self.wait_for_job(self.new_job('old-host', restore), status='completed', result='success')
        self.assertEqual(tree(source), tree(target))
        self.assertEqual(runs + 1, len(agent.runs))
        backups = self.deployment.get(self.member, 'backups')['backups']
        self.assertEqual({job_id}, {backup['backup_metadata']['job_id'] for backup in backups})
        self.assertEqual(runs, len(backups))
        self.assertEqual([], agent.errors)

    def check_session(self, agents: dict[str, Scheduler]) -> None:
        """A session with a job of each agent runs once on all of them.

        :param agents: by client id
        """
        self.new_files()
        # Long enough for slow machines: what starts after it is another run of the session.
        document = {'description': 'all hosts', 'schedule': {}, 'hold_off': 300}
        shown = self.command.show('session-create', '--file', self.command.file(document))
        session_id = shown['Session ID']
        jobs = {name: self.new_job(name, schedule={'status': 'stop'}) for name in agents}
        for job_id in jobs.values():
            self.command.run('session-add-job', '--session-id', session_id, '--job-id', job_id)
        for job_id in jobs.values():
            self.command.run('job-start', job_id)

        def completed() -> Any:
            session = self.deployment.get(self.member, 'sessions', session_id)
            return session if session['status'] == 'completed' else None

        session = programs.wait_for(f'completion of session {session_id}', completed)
        self.assertEqual((1, 'success'), (session['session_tag'], session['result']))
        self.assertEqual(
            dict.fromkeys(jobs.values(), ('completed', 'success')),
            {job_id: (part['status'], part['result']) for job_id, part in session['jobs'].items()},
        )
        shown = self.command.show('session-show', session_id)
        self.assertEqual(('completed', 'success'), (shown['Status'], shown['Result']))
        for name, agent in agents.items():
            document = self.wait_for_job(jobs[name], status='completed', result='success')
            self.assertEqual(1, document['session_tag'])
            self.assertEqual([jobs[name]], agent.runs)
            self.assertEqual([], agent.errors)
        names = ' and '.join(agent.release for agent in agents.values())
        report.line('freezer-scheduler', names, 'one session: tag 1, both succeeded, completed')

    def job(self, job_id: str) -> dict[str, Any]:
        """The document of a job."""
        document: dict[str, Any] = self.deployment.get(self.member, 'jobs', job_id)
        return document

    def stop(self, job_id: str) -> None:
        """Stop a recurring job by the command line, and wait until its agent did."""
        self.command.run('job-stop', job_id)

        def stopped() -> bool:
            schedule = self.job(job_id)['job_schedule']
            # The former between two runs, the latter at the end of one.
            return schedule['event'] == '' and schedule['status'] in ('stop', 'completed')

        programs.wait_for(f'stop of job {job_id}', stopped)

    def wait_for_job(self, job_id: str, **schedule: Any) -> dict[str, Any]:
        """The document of a job as soon as its schedule has these values."""
        seen: dict[str, Any] = {}

        def reached() -> bool:
            seen.update(self.job(job_id))
            return all(seen['job_schedule'].get(key) == value for key, value in schedule.items())

        try:
            programs.wait_for(f'job {job_id} {schedule}', reached)
        except AssertionError as error:
            raise AssertionError(f'{error}; it is {seen}') from error
        return seen


def tree(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Mode and contents of everything below a folder, by relative path; folders have no contents."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob('*'))
    }


def readme(title: str, values: Mapping[str, str]) -> list[str]:
    """The literal blocks of a section of README.rst.

    :param title: how the section's title begins
    :param values: words of the blocks, to what stands for them here
    """
    text = (published.ROOT / 'README.rst').read_text()
    section = re.split(r'\n=+\n', text[text.index(f'\n{title}') :])[1]
    blocks = re.findall(r'::\n\n((?:    .*\n|\n)+)', section)
    words = re.compile('|'.join(map(re.escape, values)))
    return [
        words.sub(lambda found: values[found.group()], textwrap.dedent(block)) for block in blocks
    ]
