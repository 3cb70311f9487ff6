# SPDX-License-Identifier: Apache-2.0
"""Base class of the tests that migrate documents, and what makes such documents."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import fixtures

import freezer_api
from freezer_api.cmd import manage
from tests import base, commands

Document = dict[str, Any]

TREE = Path(freezer_api.__file__).parent.parent
DATA = Path(__file__).parent / 'data' / 'elasticsearch'

ALICE = {'user_id': 'alice', 'project_id': 'p1'}
DEFINITION = {'action': 'backup', 'mode': 'fs', 'path_to_backup': '/srv'}


def hit(kind: str, document_id: str, source: Any, **more: Any) -> Document:
    """A line of a dump of one index with types."""
    return {'_index': 'freezer', '_type': kind, '_id': document_id, '_source': source, **more}


def backup(number: int = 0, **more: Any) -> Document:
    """A backup of alice's."""
    metadata = {
        'container': 'c',
        'hostname': 'web01',
        'backup_name': f'name-{number}',
        'time_stamp': 1500000000 + number,
    }
    backup_id = f'{number:032x}'
    source = {'backup_id': backup_id, 'backup_metadata': metadata, **ALICE, **more}
    return hit('backups', backup_id, source)


def action(action_id: str, **more: Any) -> Document:
    """An action of alice's."""
    source = {'action_id': action_id, 'freezer_action': DEFINITION, **ALICE, **more}
    return hit('actions', action_id, source)


def client(client_id: str, document_id: str = 'c1', **more: Any) -> Document:
    """A client of alice's."""
    inner = {'client_id': client_id, 'hostname': 'web01', 'uuid': 'u1', **more}
    return hit('clients', document_id, {'client': inner, **ALICE})


def job(job_id: str, **more: Any) -> Document:
    """A job of alice's, on a client that is not registered."""
    source = {
        'job_id': job_id,
        'client_id': 'p1_web01',
        'job_actions': [],
        'job_schedule': {},
        **ALICE,
        **more,
    }
    return hit('jobs', job_id, source)


def session(session_id: str, **more: Any) -> Document:
    """A session of alice's."""
    source = {'session_id': session_id, 'schedule': {}, 'jobs': [], **ALICE, **more}
    return hit('sessions', session_id, source)


def mixture(count: int) -> list[Document]:
    """So many documents of all types that refer to each other, clean and dirty."""
    hits: list[Document] = []
    for number in range(count // 5):
        entry = {'action_id': f'action-{number}', 'freezer_action': DEFINITION}
        member = {'session_id': f'session-{number}', 'session_tag': 1}
        hits += [
            client(f'p1_host{number}', f'c{number}', uuid=f'u{number}'),
            action(f'action-{number}', max_retries='3'),
            job(f'job-{number}', client_id=f'p1_host{number}', job_actions=[entry], **member),
            session(f'session-{number}', jobs={f'job-{number}': {'status': 'completed'}}),
            backup(number) if number % 10 else {'_id': f'b{number}', '_source': None},
        ]
    return hits


def counts(report: Document, kind: str) -> Document:
    """The states of the documents of a type, and how many are in each."""
    return {state: count for state, count in report['states'][kind].items() if count}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run of the command came to."""

    code: int
    out: str
    err: str
    report: Document


class MigrationTestCase(base.ApiTestCase):
    """A test that migrates into an empty database, and looks at it through the API.

    :ivar source_name: what the command calls the source
    """

    source_name = 'elasticsearch'

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.useFixture(fixtures.TempDir()).path)
        self.config_file = self.folder / 'freezer-api.conf'
        self.configure(self.database.url)

    def configure(self, url: str) -> None:
        url = url.replace('$', '$$')
        self.config_file.write_text(f'[database]\nconnection = {url}\n')

    def register(self, client_id: str, status: int = 201, **more: Any) -> None:
        """Register a client of bob's in another project."""
        bob = self.as_('bob', 'p2', 'admin')
        document = {'client_id': client_id, 'hostname': client_id, **more}
        bob.post(bob.url('clients'), json=document, status=status)

    def write(self, *hits: Any, name: str = 'dump.ndjson') -> Path:
        """A dump with these lines: objects, texts or bytes."""
        path = self.folder / name
        with path.open('wb') as file:
            for line in hits:
                if not isinstance(line, bytes):
                    line = (line if isinstance(line, str) else json.dumps(line)).encode()
                file.write(line + b'\n')
        return path

    def arguments(self, *args: object) -> list[str]:
        if '--undo' in args:
            # There is nobody to ask.
            args = (*args, '--yes')
        return ['--config-file', str(self.config_file), 'migrate', self.source_name, *map(str, args)]

    def command(self, *args: object) -> list[str]:
        """The command line, for a process of its own."""
        return [sys.executable, '-m', 'freezer_api.cmd.manage', *self.arguments(*args)]

    def run_command(self, *args: object) -> Outcome:
        report = self.folder / 'report.json'
        report.unlink(missing_ok=True)
        args = ('--report', report, *args)
        done = commands.run(manage.main, *self.arguments(*args))
        self.assertNotIn('Traceback', done.out + done.err)
        found = json.loads(report.read_bytes()) if report.exists() else {}
        return Outcome(done.code, done.out, done.err, found)

    def migrate(self, *hits: Any, options: tuple[object, ...] = (), code: int = 0) -> Document:
        """Migrate a dump with these lines and verify it; return the report.

        :param code: the exit code to insist on
        """
        dump = self.write(*hits)
        verify = () if '--dry-run' in options else ('--verify',)
        outcome = self.run_command('--dump', dump, *verify, *options)
        self.assertEqual(code, outcome.code, outcome.out + outcome.err)
        if verify and code != 3:
            self.assertEqual(0, outcome.report['verification']['different'], outcome.out)
        states = outcome.report['states'].values()
        self.assertEqual(
            outcome.report['read'], sum(count for counts in states for count in counts.values())
        )
        return outcome.report

    def stored(self) -> Document:
        """The rows of all tables that have any."""
        return {name: rows for name, rows in self.rows().items() if rows}

    def contents(self) -> Document:
        """All rows, without what names the run that wrote them."""
        rows = self.rows()
        del rows['migration_runs']
        for entry in rows['migration_entries']:
            del entry['run_id']
        return rows

    def state_of(self, report: Document, kind: str) -> str:
        """The state of the only document of that type."""
        found = [state for state, count in report['states'][kind].items() if count]
        self.assertEqual(1, len(found), report['states'])
        return str(found[0])
