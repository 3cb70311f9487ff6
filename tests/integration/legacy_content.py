# SPDX-License-Identifier: Apache-2.0
"""What users did with an old service, and what it answers them afterwards."""

import dataclasses
from typing import Any

from tests.integration.legacy_service import Document, LegacyService, Refused, User

# Documents by collection and id.
Answers = dict[str, dict[str, Document]]

ALICE = User('alice', 'p1')
CAROL = User('carol', 'p2')
USERS = (ALICE, CAROL)

# Collections, with the keys of their documents' ids.
COLLECTIONS = {
    'clients': 'client_id',
    'sessions': 'session_id',
    'actions': 'action_id',
    'jobs': 'job_id',
    'backups': 'backup_id',
}

_BACKUP = {
    'action': 'backup',
    'mode': 'fs',
    'storage': 'local',
    'engine_name': 'tar',
    'backup_name': 'nightly',
    'container': 'freezer',
    'path_to_backup': '/srv/données',
    'log_file': '/var/log/freezer.log',
    'timeout': 3600,
    'priority': 3,
    'max_level': 7,
    'no_incremental': False,
    'nested': {'keys': ['of', 1, None, {'any': 1.5}]},
}
_RESTORE = {'action': 'restore', 'mode': 'fs', 'restore_abs_path': '/tmp', 'mandatory': True}


@dataclasses.dataclass(frozen=True)
class Content:
    """Ids of what is there, and of what was deleted, by collection."""

    kept: dict[str, list[str]]
    deleted: dict[str, list[str]]


class _Member:
    """Fills a project through the API."""

    def __init__(self, service: LegacyService, user: User) -> None:
        self._service = service
        self._user = user
        self._age = int(service.release.partition('.')[0])
        self.content = Content(
            {name: [] for name in COLLECTIONS}, {name: [] for name in COLLECTIONS}
        )

    def send(self, method: str, path: str, document: Any = None) -> Any:
        return self._service.request(self._user, method, path, document)

    def create(self, name: str, document: Document) -> str:
        """Create a document; return its id."""
        created: str = self.send('POST', name, document)[COLLECTIONS[name]]
        self.content.kept[name].append(created)
        return created

    def delete(self, name: str, document_id: str) -> None:
        self.send('DELETE', f'{name}/{document_id}')
        self.content.kept[name].remove(document_id)
        self.content.deleted[name].append(document_id)

    def fill(self) -> Content:
        project = self._user.project_id
        hosts = [
            self.create('clients', self._client(f'{project}_{name}', name)) for name in ('a', 'b')
        ]
        # The same name in every project.
        hosts.append(self.create('clients', self._client('web01', 'web01')))
        self.delete('clients', self.create('clients', self._client(f'{project}_gone', 'gone')))
        if self._age >= 16:
            limited = {**self._client(f'{project}_limited', 'limited'), 'supported_modes': ['fs']}
            self.create('clients', limited)
        shared = self._fill_actions()
        jobs = self._fill_jobs(hosts, shared)
        self._fill_sessions(jobs)
        self._fill_backups(jobs[0])
        if self._age >= 19:
            self._fill_as_19(hosts[0])
        return self.content

    def _client(self, client_id: str, host: str) -> Document:
        return {'client_id': client_id, 'hostname': f'{host}.example.org', 'description': 'Häuser'}

    def _fill_actions(self) -> Document:
        project = self._user.project_id
        chosen = {'action_id': f'{project}-chosen', 'freezer_action': _BACKUP, 'max_retries': 2}
        self.create('actions', chosen)
        action_id = self.create('actions', {'freezer_action': _RESTORE, 'max_retries_interval': 9})
        changed = {**_RESTORE, 'backup_name': 'changed'}
        self.send('PATCH', f'actions/{action_id}', {'freezer_action': changed, 'max_retries': 1})
        # Its answers show the columns that this left as they were.
        action_id = self.create('actions', {'freezer_action': _BACKUP})
        short = {'action': 'backup', 'mode': 'fs', 'backup_name': 'short'}
        self.send('PATCH', f'actions/{action_id}', {'freezer_action': short})
        self.delete('actions', self.create('actions', {'freezer_action': _BACKUP}))
        # As the service wants it from who refers to it.
        return {**chosen, 'max_retries_interval': 6}

    def _fill_jobs(self, hosts: list[str], shared: Document) -> list[str]:
        own = {'freezer_action': {**_BACKUP, 'backup_name': 'own'}, 'max_retries': 4}
        schedule = {
            'schedule_start_date': '2026-01-02T03:04:05',
            'schedule_interval': '2 hours',
        }
        jobs = [
            self.create(
                'jobs',
                {
                    'client_id': hosts[0],
                    'description': 'Tägliche Sicherung',
                    'job_schedule': schedule,
                    'job_actions': [own, {**shared}, {'freezer_action': _RESTORE}],
                },
            ),
            self.create(
                'jobs', {'client_id': hosts[1], 'job_schedule': {}, 'job_actions': [{**shared}]}
            ),
            self.create('jobs', {'client_id': hosts[2], 'job_schedule': {}, 'job_actions': []}),
        ]
        deleted = {'client_id': hosts[0], 'job_schedule': {}, 'job_actions': [{**shared}]}
        self.delete('jobs', self.create('jobs', deleted))
        ran = {'event': '', 'status': 'scheduled', 'result': 'success', 'current_pid': 4711}
        times = {'time_created': 1767323045, 'time_started': 1767323046, 'time_ended': -1}
        self.send('PATCH', f'jobs/{jobs[0]}', {'job_schedule': {**schedule, **ran, **times}})
        self._try_event(jobs[1])
        return jobs

    def _try_event(self, job_id: str) -> None:
        try:
            self.send('POST', f'jobs/{job_id}/event', {'start': None})
        except Refused as refused:
            # Over SQL, v1 refuses all events.
            if self._service.version != 'v1' or refused.status != 400:
                raise

    def _fill_sessions(self, jobs: list[str]) -> None:
        document = {
            'description': 'Überall',
            'hold_off': 60,
            'schedule': {'schedule_interval': '3 days', 'schedule_hour': '4'},
        }
        session_id = self.create('sessions', document)
        for job_id in jobs[1:3]:
            self.send('PUT', f'sessions/{session_id}/jobs/{job_id}')
        if self._service.version != 'v1':
            # Over SQL, v1 refuses these.
            self.act(session_id, 'start', {'job_id': jobs[1], 'current_tag': 0})
            self.act(session_id, 'end', {'job_id': jobs[1], 'result': 'success'})
        self.create('sessions', {'schedule': {}})
        self.delete('sessions', self.create('sessions', document))

    def act(self, session_id: str, action: str, values: Document) -> None:
        """Report the part of one job."""
        self.send('POST', f'sessions/{session_id}/action', {action: values})

    def _fill_backups(self, job_id: str) -> None:
        for number in range(3):
            metadata = {
                'container': 'freezer',
                'hostname': 'a.example.org',
                'backup_name': f'nächtlich-{number}',
                'time_stamp': 1767323045 + number,
                'curr_backup_level': number,
                'ssh_host': '',
                'always_level': None,
                'excluded_files': [f'/tmp/{n}' for n in range(50)],
                **({'job_id': job_id} if number else {}),
            }
            self.create('backups', metadata if number else {**metadata, 'level': '1'})
        self.delete('backups', self.content.kept['backups'][-1])

    def _fill_as_19(self, host: str) -> None:
        """Do what earlier releases did not know."""
        central = {**self._client(f'{self._user.project_id}_central', 'central'), 'is_central': True}
        self._user = dataclasses.replace(self._user, roles='admin')
        self.create('clients', central)
        self._user = dataclasses.replace(self._user, roles='member,reader')
        # Jobs follow their actions: one is changed, one is deleted.
        actions = [self.create('actions', {'freezer_action': _BACKUP}) for _ in range(2)]
        entries = [{'action_id': action_id} for action_id in actions]
        self.create('jobs', {'client_id': host, 'job_schedule': {}, 'job_actions': entries})
        changed = {**_BACKUP, 'backup_name': 'later', 'container': 'other'}
        self.send('PATCH', f'actions/{actions[0]}', {'freezer_action': changed, 'max_retries': 3})
        self.delete('actions', actions[1])
        # A backup that is recorded while it is made.
        started = {'backup_name': 'started', 'status': 'creating', 'container': None}
        backup_id = self.create('backups', started)
        known = {'container': 'freezer', 'hostname': 'a.example.org'}
        done = {'status': 'available', 'backup_metadata': known}
        self.send('PATCH', f'backups/{backup_id}', done)
        self.create('backups', {**started, 'backup_name': 'failed', 'status': 'error'})


def fill(service: LegacyService, user: User) -> Content:
    """Have a user fill the project; return what there is now."""
    return _Member(service, user).fill()


def answers(service: LegacyService, user: User) -> Answers:
    """What the service answers to GET, by collection and id: of one document, else as the list shows it."""
    found: Answers = {}
    for name, key in COLLECTIONS.items():
        listed = service.request(user, 'GET', f'{name}?limit=1000')[name]
        found[name] = {}
        for document in listed:
            document_id = (document['client'] if name == 'clients' else document)[key]
            one = service.request(user, 'GET', f'{name}/{document_id}')
            found[name][document_id] = {**document, **(one or {})}
    return found
