# SPDX-License-Identifier: Apache-2.0
"""Every command of a ``freezer``, one after the other, each checked at the service."""

import re
from typing import Any

import testtools

from tests.integration import programs
from tests.integration.command_line import CommandLine
from tests.integration.deployment import Deployment

CLIENT = 'walked-host'


class Walk:
    """All commands of one release with one version of the API, in a project that has nothing.

    :param broken: commands that fail by themselves, to the text of their failure
    """

    def __init__(
        self,
        test: testtools.TestCase,
        deployment: Deployment,
        command: CommandLine,
        broken: dict[str, str],
    ) -> None:
        self._test = test
        self._deployment = deployment
        self._command = command
        self._broken = broken
        self._succeeded: set[str] = set()

    def run(self) -> int:
        """Run all; return how many commands there are."""
        self._clients()
        action_id = self._actions()
        job_id = self._jobs()
        self._session(job_id)
        self._backups()
        for thing, identifier in (('job', job_id), ('action', action_id), ('client', CLIENT)):
            self._run(f'{thing}-delete', identifier)
            self._test.assertEqual([], self._listed(f'{thing}s'))
        commands = set(re.findall(r'^  (\w+(?:-\w+)+)  ', self._command.run('--help'), re.M))
        self._test.assertEqual(commands, self._succeeded | set(self._broken))
        return len(commands)

    def _run(self, name: str, *words: str) -> str:
        if name in self._broken:
            error = self._test.assertRaises(programs.CommandFailed, self._command.run, name, *words)
            self._test.assertIn(self._broken[name], error.output)
            return ''
        output = self._command.run(name, *words)
        self._succeeded.add(name)
        return output

    def _shows(self, text: str, name: str, *words: str) -> None:
        if name not in self._broken:
            self._test.assertIn(text, self._run(name, *words))
        else:
            self._run(name, *words)

    def _refused(self, *words: str) -> None:
        self._test.assertRaises(programs.CommandFailed, self._command.run, *words)

    def _listed(self, collection: str) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = self._get(collection)[collection]
        return documents

    def _get(self, *segments: str) -> Any:
        command = self._command
        return self._deployment.get(command.account, *segments, version=command.version)

    def _clients(self) -> None:
        registration = {'client_id': CLIENT, 'hostname': 'host', 'description': 'the first'}
        self._run('client-register', '--file', self._command.file(registration))
        self._test.assertEqual(CLIENT, self._get('clients', CLIENT)['client']['client_id'])
        self._shows(CLIENT, 'client-list')
        self._shows(CLIENT, 'client-list', '--search', 'the first')
        self._shows('the first', 'client-show', CLIENT)
        self._refused('client-show', 'missing')

    def _actions(self) -> str:
        definition = {
            'action': 'backup',
            'mode': 'fs',
            'storage': 'local',
            'backup_name': 'walked',
            'path_to_backup': '/srv',
            'container': '/var/backups',
        }
        action = {'freezer_action': definition, 'max_retries': 2}
        self._run('action-create', '--file', self._command.file(action))
        action_id: str = self._listed('actions')[0]['action_id']
        self._shows(action_id, 'action-list')
        self._shows('/srv', 'action-show', action_id)
        changes = {'freezer_action': {**definition, 'path_to_backup': '/home'}}
        self._run('action-update', action_id, self._command.file(changes))
        stored = self._get('actions', action_id)
        self._test.assertEqual('/home', stored['freezer_action']['path_to_backup'])
        self._test.assertEqual(2, stored['max_retries'])
        return action_id

    def _jobs(self) -> str:
        action = self._listed('actions')[0]
        entry = {key: action[key] for key in ('action_id', 'freezer_action')}
        job = {
            'description': 'walked job',
            'job_actions': [entry],
            'job_schedule': {'schedule_interval': '1 days'},
        }
        self._run('job-create', '--client', CLIENT, '--file', self._command.file(job))
        stored = self._listed('jobs')[0]
        job_id: str = stored['job_id']
        self._test.assertEqual(CLIENT, stored['client_id'])
        self._test.assertEqual(action['action_id'], stored['job_actions'][0]['action_id'])
        self._shows(job_id, 'job-list')
        self._shows(job_id, 'job-list', '--client', CLIENT)
        self._shows('1 days', 'job-show', job_id)
        self._shows('walked job', 'job-get', job_id)
        self._run('job-update', job_id, self._command.file({'description': 'changed'}))
        self._test.assertEqual('changed', self._get('jobs', job_id)['description'])
        for event in ('start', 'stop', 'abort'):
            self._run(f'job-{event}', job_id)
            schedule = self._get('jobs', job_id)['job_schedule']
            self._test.assertEqual(event, schedule['event'])
            self._test.assertEqual('1 days', schedule['schedule_interval'])
        self._refused('job-stop', 'missing')
        return job_id

    def _session(self, job_id: str) -> None:
        session = {'description': 'walked session', 'schedule': {'schedule_interval': '2 days'}}
        self._run('session-create', '--file', self._command.file(session))
        session_id: str = self._listed('sessions')[0]['session_id']
        self._shows(session_id, 'session-list')
        self._shows('walked session', 'session-show', session_id)
        self._run('session-update', session_id, self._command.file({'hold_off': 5}))
        self._test.assertEqual(5, self._get('sessions', session_id)['hold_off'])

        both = ['--session-id', session_id, '--job-id', job_id]
        self._run('session-add-job', *both)
        self._test.assertEqual([job_id], list(self._get('sessions', session_id)['jobs']))
        self._run('session-start', *both, '--job-tag', '0')
        stored = self._get('sessions', session_id)
        self._test.assertEqual((1, 'running'), (stored['session_tag'], stored['status']))
        self._run('session-remove-job', *both)
        self._test.assertEqual('', self._get('jobs', job_id)['session_id'])
        self._run('session-delete', session_id)
        self._test.assertEqual([], self._listed('sessions'))

    def _backups(self) -> None:
        metadata = {
            'backup_name': 'walked backup',
            'container': '/var/backups',
            'hostname': 'host',
            'time_stamp': 1800000000,
            'curr_backup_level': 0,
        }
        self._run('backup-create', '--file', self._command.file(metadata))
        stored = self._listed('backups')[0]
        self._test.assertEqual(metadata, stored['backup_metadata'])
        self._shows(stored['backup_id'], 'backup-list')
        self._shows('walked backup', 'backup-show', stored['backup_id'])
        self._run('backup-delete', stored['backup_id'])
        self._test.assertEqual([], self._listed('backups'))
        self._refused('backup-delete', stored['backup_id'])
