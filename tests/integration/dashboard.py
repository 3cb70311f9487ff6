# SPDX-License-Identifier: Apache-2.0
"""The pages of the dashboard, freezer-web-ui 19.0.0: what they ask, in which order, and what they show of the answers.

A page reads some keys without asking whether they are there; it does so here too, and a test fails where the page
would. Documents that a page fetched go back changed in place, with whatever else was in them.
"""

import contextlib
import dataclasses
import datetime
import re
from collections.abc import Callable, Iterable
from typing import Any

from tests.integration import server

Document = dict[str, Any]

# What the pages ask for at once.
_ALL = 500
_JOBS = 100

# Fields of a form that become the schedule of a job or session.
_SCHEDULE = ('schedule_start_date', 'schedule_interval', 'schedule_end_date')
# Keys that every definition has once a page has fetched it, null where the service had none.
_COMPLETED = ('action', 'mode', 'storage', 'engine', 'engine_name', 'backup_name')
_OPTIONS = ('max_retries', 'max_retries_interval', 'mandatory')
_CAPABILITIES = {
    'supported_actions': ('action',),
    'supported_modes': ('mode',),
    'supported_storages': ('storage',),
    'supported_engines': ('engine_name', 'engine'),
}


@dataclasses.dataclass(frozen=True)
class JobLine:
    """A line of the list of jobs."""

    job_id: str
    description: str
    status: str
    result: str
    client: str


@dataclasses.dataclass(frozen=True)
class SessionLine:
    """A line of the list of sessions."""

    session_id: str
    description: str
    status: str
    start: str | None
    interval: str | None
    end: str | None


@dataclasses.dataclass(frozen=True)
class MemberLine:
    """A line of the jobs in one session."""

    job_id: str
    client_id: str
    result: str


@dataclasses.dataclass(frozen=True)
class ActionLine:
    """A line of the list of actions."""

    action_id: str
    name: str
    action: str
    path: str | None
    storage: str
    mode: str


@dataclasses.dataclass(frozen=True)
class ClientLine:
    """A line of the list of clients."""

    client_id: str
    hostname: str
    uuid: str
    deletable: bool


@dataclasses.dataclass(frozen=True)
class BackupLine:
    """A line of the list of backups."""

    backup_id: str
    name: str
    hostname: str
    status: str
    created: str
    level: int


class Dashboard:
    """The pages for one user.

    :param call: calls ``manager.method`` of the client library
    :param project_id: of the user
    """

    def __init__(self, call: Callable[..., Any], project_id: str) -> None:
        self._call = call
        self._project_id = project_id

    # --- jobs -----------------------------------------------------------------------------------

    def jobs(self) -> list[JobLine]:
        """The list of jobs."""
        return [_job_line(job) for job in self._call('jobs.list_all', limit=_JOBS, offset=0)]

    def job(self, job_id: str) -> Document:
        """The page of one job, with its times made readable."""
        job: Document = self._call('jobs.get', job_id)
        schedule = job['job_schedule']
        for key in ('time_created', 'time_started', 'time_ended'):
            if schedule.get(key):
                schedule[f'{key}_shown'] = _shown_time(schedule[key])
        _job_line(job)
        return job

    def create_job(
        self, uuids: Iterable[str], action_ids: Iterable[str], **form: str
    ) -> None:
        """Make one job for each of the clients, and stop it."""
        schedule = {key: form[key] for key in _SCHEDULE if form.get(key)}
        job: Document = {
            'description': form.get('description'),
            'job_actions': [self._fetched_action(action_id) for action_id in action_ids],
            'job_schedule': schedule,
        }
        for uuid in uuids:
            first = self.clients(uuid)[0]
            self.stop(self._call('jobs.create', {**job, 'client_id': first.client_id}))

    def edit_job(self, job_id: str, **form: str) -> None:
        """Fill the form from the job, change some fields, and save it."""
        job = self._call('jobs.get', job_id)
        fields = {'description': job['description'], **job['job_schedule'], **form}
        schedule = {key: fields[key] for key in _SCHEDULE if fields.get(key)}
        self._call(
            'jobs.update', job_id, {'description': fields['description'], 'job_schedule': schedule}
        )

    def offered_actions(self, job_id: str) -> tuple[list[str], list[str]]:
        """Ids of the actions that a job may get, as its client can run them, and of those that it has."""
        actions = self._call('actions.list', limit=_ALL, offset=0)
        job = self._call('jobs.get', job_id)
        selected = [entry['action_id'] for entry in job['job_actions']]
        client = self._call('clients.get', job['client_id'])
        able = client['client'] if client else {}
        available = [
            action['action_id']
            for action in actions
            if action['action_id'] not in selected and _can_run(able, action['freezer_action'])
        ]
        return available, selected

    def edit_actions(self, job_id: str, action_ids: Iterable[str]) -> None:
        """Put these actions in place of those that the job has."""
        job = self._call('jobs.get', job_id)
        job['job_actions'] = [self._fetched_action(action_id) for action_id in action_ids]
        self._call('jobs.update', job_id, job)

    def remove_action(self, job_id: str, action_id: str) -> None:
        """Drop one action from a job."""
        job = self._call('jobs.get', job_id)
        kept = [entry for entry in job['job_actions'] if entry.get('action_id') != action_id]
        self._call('jobs.update', job_id, {**job, 'job_actions': kept})

    def clone(self, job_id: str) -> str:
        """Copy a job and stop the copy, whose id is returned."""
        job = self._call('jobs.get', job_id)
        job['description'] += '_clone'
        del job['job_id']
        job.pop('_version', None)
        copy: str = self._call('jobs.create', job)
        self.stop(copy)
        return copy

    def start(self, job_id: str) -> None:
        self._call('jobs.start_job', job_id)

    def stop(self, job_id: str) -> None:
        self._call('jobs.stop_job', job_id)

    def delete_job(self, job_id: str) -> None:
        self._call('jobs.delete', job_id)

    # --- sessions -------------------------------------------------------------------------------

    def sessions(self) -> list[SessionLine]:
        """The list of sessions."""
        found = self._call('sessions.list_all', limit=_JOBS, offset=0)
        return [_session_line(session) for session in found]

    def session(self, session_id: str) -> tuple[Document, list[MemberLine]]:
        """The page of one session, and its jobs."""
        session: Document = self._call('sessions.get', session_id)
        for key in ('time_started', 'time_ended'):
            if session.get(key):
                session[f'{key}_shown'] = _shown_time(session[key])
        _session_line(session)
        members = [
            MemberLine(job_id, part['client_id'], part['result'] or 'pending')
            for job_id, part in session['jobs'].items()
        ]
        return session, members

    def create_session(self, job_ids: Iterable[str] = (), **form: Any) -> str:
        """Make a session of some jobs.

        :param form: its fields; those left empty are not sent
        """
        filled = {key: value for key, value in form.items() if value}
        if filled.get('interval_unit'):
            filled['schedule_interval'] = _interval(filled)
        schedule = {key: filled.pop(key) for key in _SCHEDULE if key in filled}
        document = {**filled, 'jobs': {}, 'schedule': schedule}
        session_id: str = self._call('sessions.create', document)
        self.manage_jobs(session_id, job_ids)
        return session_id

    def session_form(self, session_id: str) -> Document:
        """The fields of the form that edits a session."""
        session = self._call('sessions.get', session_id)
        return {**session, **session['schedule'], 'jobs': list(session['jobs'])}

    def edit_session(self, session_id: str, **form: Any) -> None:
        """Fill the form from the session, change some fields, and save it and its jobs."""
        fields = {**self.session_form(session_id), **form}
        if fields.get('interval_unit'):
            fields['schedule_interval'] = _interval(fields)
        schedule = {key: fields[key] for key in _SCHEDULE if fields.get(key)}
        self._call(
            'sessions.update',
            session_id,
            {'schedule': schedule, 'description': fields['description']},
        )
        self.manage_jobs(session_id, fields['jobs'])

    def attachable_jobs(self, session_id: str) -> list[str]:
        """Ids of the jobs that can be chosen for a session."""
        attached = list(self._call('sessions.get', session_id)['jobs'].keys())
        return [line.job_id for line in self.jobs() if line.job_id not in attached]

    def attach(self, session_id: str, job_id: str) -> None:
        self._call('sessions.add_job', session_id, job_id)

    def detach(self, session_id: str, job_id: str) -> None:
        """Take a job out of a session; the page hides any error of it."""
        with contextlib.suppress(server.ClientError):
            self._call('sessions.remove_job', session_id, job_id)

    def manage_jobs(self, session_id: str, job_ids: Iterable[str]) -> None:
        """Attach and detach until these jobs, and no others, are in the session."""
        wanted = set(job_ids)
        current = set(self._call('sessions.get', session_id)['jobs'].keys())
        for job_id in sorted(wanted - current):
            self.attach(session_id, job_id)
        for job_id in sorted(current - wanted):
            self.detach(session_id, job_id)

    def delete_session(self, session_id: str) -> None:
        self._call('sessions.delete', session_id)

    # --- actions --------------------------------------------------------------------------------

    def actions(self, text: str | None = None) -> list[ActionLine]:
        """The list of actions, those with the text if one is given."""
        return [
            _action_line(action)
            for action in self._call('actions.list', limit=_ALL, offset=0, search=_search(text))
        ]

    def create_action(self, **form: Any) -> str:
        """Make an action; false and empty fields of its definition are not sent."""
        rules = {key: form.pop(key) for key in _OPTIONS if key in form}
        definition = {key: value for key, value in form.items() if value}
        # Names of backups become names of files.
        definition['backup_name'] = definition['backup_name'].replace(' ', '_')
        action_id: str = self._call('actions.create', {'freezer_action': definition, **rules})
        return action_id

    def action_form(self, action_id: str) -> Document:
        """The fields of the form that edits an action."""
        action = self._fetched_action(action_id)
        options = {key: action.get(key) for key in _OPTIONS}
        return {**action['freezer_action'], **options, 'action_id': action['action_id']}

    def edit_action(self, action_id: str, **form: Any) -> None:
        """Fill the form from the action, change some fields, and save it."""
        fields = {**self.action_form(action_id), **form}
        # The options and the id go into the definition too.
        definition = {key: value for key, value in fields.items() if value}
        options = {key: fields[key] for key in _OPTIONS}
        self._call('actions.update', action_id, {'freezer_action': definition, **options})

    def delete_action(self, action_id: str) -> None:
        self._call('actions.delete', action_id)

    def _fetched_action(self, action_id: str) -> Any:
        """An action as forms and jobs get it; None if it is gone."""
        action = self._call('actions.get', action_id)
        if action is not None:
            for key in _COMPLETED:
                action['freezer_action'].setdefault(key)
        return action

    # --- clients --------------------------------------------------------------------------------

    def clients(self, text: str | None = None) -> list[ClientLine]:
        """The list of clients, those with the text if one is given."""
        found = self._call('clients.list', limit=_ALL, offset=0, search=_search(text))
        return [self._client_line(client) for client in found]

    def client(self, client_id: str) -> Document:
        """The page of one client."""
        client: Document = self._call('clients.get', client_id)
        self._client_line(client)
        return client

    def delete_client(self, client_id: str) -> None:
        self._call('clients.delete', client_id)

    def _client_line(self, document: Document) -> ClientLine:
        client = document['client']
        own = document['project_id'] == self._project_id
        return ClientLine(
            client['client_id'],
            client['hostname'],
            client['uuid'],
            deletable=own and not client['is_central'],
        )

    # --- backups --------------------------------------------------------------------------------

    def backups(self, text: str | None = None) -> list[BackupLine]:
        """The list of backups, those with the text if one is given."""
        return [
            _backup_line(backup)
            for backup in self._call('backups.list', limit=_ALL, offset=0, search=_search(text))
        ]

    def backup(self, backup_id: str) -> Document:
        """The page of one backup, which comes from a list."""
        search = {'match': [{'backup_id': backup_id}]}
        backup: Document = self._call('backups.list', limit=1, search=search)[0]
        _backup_line(backup)
        return backup

    def restore(self, backup_id: str, client_id: str, path: str) -> str:
        """Make an action and a job that restore a backup on a client, and start the job; return its id."""
        metadata = self.backup(backup_id)['backup_metadata']
        definition = {
            'action': 'restore',
            'backup_name': metadata.get('backup_name'),
            'restore_abs_path': path,
            'container': metadata.get('container'),
            'restore_from_host': metadata.get('hostname'),
            'storage': metadata.get('storage'),
            'restore_from_date': _moment(metadata['time_stamp']).isoformat(),
        }
        if definition['storage'] == 'ssh':
            for key in ('ssh_host', 'ssh_key', 'ssh_username', 'ssh_port'):
                definition[key] = metadata.get(key)
        action_id = self.create_action(**definition)
        job = {
            # Not what the action was made of: that had no empty fields.
            'job_actions': [{'action_id': action_id, 'freezer_action': definition}],
            'client_id': client_id,
            'description': f'Restore {metadata["backup_name"]} for {client_id}',
            'job_schedule': {},
        }
        job_id: str = self._call('jobs.create', job)
        self.start(job_id)
        return job_id

    def delete_backup(self, backup_id: str) -> None:
        self._call('backups.delete', backup_id)


def _search(text: str | None) -> Document | None:
    return {'match': [{'_all': text}]} if text else None


def _job_line(job: Document) -> JobLine:
    schedule = job['job_schedule']
    client = job['client_id']
    if re.match('[a-z0-9]{32}_.', client):
        client = client.split('_')[1]
    return JobLine(
        job['job_id'],
        job['description'],
        schedule['status'] or 'stop',
        schedule['result'] or 'pending',
        client,
    )


def _session_line(session: Document) -> SessionLine:
    return SessionLine(
        session['session_id'],
        session['description'],
        session['status'],
        *(session['schedule'].get(key) for key in _SCHEDULE),
    )


def _action_line(action: Document) -> ActionLine:
    definition = action['freezer_action']
    return ActionLine(
        action['action_id'],
        definition.get('backup_name') or 'no backup name available',
        definition.get('action') or 'backup',
        definition.get('path_to_backup') or definition.get('restore_abs_path'),
        definition.get('storage') or 'swift',
        definition.get('mode') or 'fs',
    )


def _backup_line(backup: Document) -> BackupLine:
    metadata = backup['backup_metadata']
    return BackupLine(
        backup['backup_id'],
        metadata['backup_name'],
        metadata.get('hostname') or '',
        backup['status'],
        _shown_time(metadata['time_stamp']),
        metadata.get('curr_backup_level') or 0,
    )


def _can_run(able: Document, definition: Document) -> bool:
    """Whether a page takes an action for one that a client can run; without a list it can run everything."""
    for supported, keys in _CAPABILITIES.items():
        value = next((definition[key] for key in keys if definition.get(key)), None)
        if value and able.get(supported) and value not in able[supported]:
            return False
    return True


def _interval(form: Document) -> str:
    unit: str = form['interval_unit']
    return unit if unit == 'continuous' else f'{form["interval_value"]} {unit}'


def _moment(time_stamp: int) -> datetime.datetime:
    # Without a zone, in which the dashboard puts it into the form of a restore.
    return datetime.datetime.fromtimestamp(time_stamp)


def _shown_time(time_stamp: int) -> str:
    return '' if time_stamp == -1 else f'{_moment(int(time_stamp)):%Y-%m-%d %H:%M}'
