# SPDX-License-Identifier: Apache-2.0
"""How fast documents of an older store become rows, and how much memory that takes.

    python benchmarks/migrate.py [--documents 1000000] [--url mysql+pymysql://root@127.0.0.1:3306/]

Migrates a dump with the command, and once more, which changes nothing. Before that and after it inserts the very same
rows, batch by batch, with nothing but ``executemany``, and takes the mean: what else a machine does changes with time.
Fails if an aim is missed. See README.rst beside this file.
"""

import argparse
import contextlib
import io
import json
import pickle
import random
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa
from harness import ROOT, database, server

from freezer_api import conf as freezer_conf
from freezer_api.migrate import ledger, run, targets
from freezer_api.migrate.rows import TABLES
from freezer_api.migrate.settings import Settings

# Of the rate of a bare executemany; of the time of the first run; MiB.
LEAST_SHARE = 1 / 3
LEAST_SPEEDUP = 5
MOST_MEMORY = 300

_PROJECTS = 200
# Documents of each type, of 100.
_SHARES = {'clients': 5, 'actions': 22, 'jobs': 20, 'sessions': 5, 'backups': 48}


def write_dump(path: Path, count: int) -> None:
    """A dump of so many documents, one in twenty of them with something to repair or reject."""
    source = random.Random(20261121)
    with path.open('w') as file:
        for number in range(count):
            file.write(json.dumps(_hit(source, number)) + '\n')


def _id(source: random.Random) -> str:
    return f'{source.getrandbits(128):032x}'


def _hit(source: random.Random, number: int) -> dict[str, Any]:
    kind = source.choices(list(_SHARES), list(_SHARES.values()))[0]
    owner = source.randrange(_PROJECTS)
    project_id = str(uuid.UUID(int=owner).hex)
    host = f'node-{source.randrange(20)}.example.org'
    document_id = _id(source)
    document: dict[str, Any] = {'user_id': f'user-{owner}', 'project_id': project_id}
    client_id = f'{project_id}_{host}'
    definition = {
        'action': 'backup',
        'mode': 'fs',
        'path_to_backup': f'/srv/{number}',
        'backup_name': f'backup-{number}',
        'container': f'container-{number % 1000}',
        'storage': 'swift',
        'max_level': 5,
    }
    if kind == 'clients':
        host = f'node-{number}.example.org'
        inner = {'client_id': f'{project_id}_{host}', 'hostname': host, 'uuid': document_id}
        document['client'] = {**inner, 'description': 'a host'}
    elif kind == 'actions':
        document |= {'action_id': document_id, 'freezer_action': definition, 'max_retries': 3}
    elif kind == 'jobs':
        entries = [
            {'action_id': _id(source), 'freezer_action': definition, 'user_id': f'user-{owner}'}
            for _ in range(source.randrange(1, 3))
        ]
        schedule = {'schedule_interval': '1 days', 'status': 'scheduled', 'time_created': 1500000000 + number}
        document |= {'job_id': document_id, 'client_id': client_id, 'description': 'nightly'}
        document |= {'job_actions': entries, 'job_schedule': schedule}
    elif kind == 'sessions':
        document |= {'session_id': document_id, 'session_tag': 3, 'hold_off': 30}
        document |= {'schedule': {'schedule_interval': '1 days'}, 'jobs': []}
    else:
        metadata = {**definition, 'hostname': host, 'time_stamp': 1500000000 + number}
        metadata |= {'client_os': 'linux', 'client_version': '9.0.0', 'curr_backup_level': 0}
        metadata |= {'always_level': '', 'dry_run': '', 'log_file': '', 'ssh_port': 22}
        document |= {'backup_id': document_id, 'user_name': 'name', 'backup_metadata': metadata}
    trouble = source.random()
    if trouble < 0.02:
        del document['project_id']
    elif trouble < 0.04:
        document['_version'] = 3
    elif trouble < 0.05:
        del document['user_id']
    return {'_index': 'freezer', '_type': kind, '_id': document_id, '_source': document}


def _migrate(dump: Path, url: str, folder: Path) -> tuple[float, dict[str, Any]]:
    """Run the command; return the seconds it took, and its report."""
    report, config = folder / 'report.json', folder / 'freezer-api.conf'
    config.write_text(f'[database]\nconnection = {url.replace("$", "$$")}\n')
    command = [sys.executable, '-m', 'freezer_api.cmd.manage', '--config-file', str(config)]
    command += ['migrate', 'elasticsearch', '--dump', str(dump), '--report', str(report), '--quiet']
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    elapsed = time.perf_counter() - began
    if done.returncode not in (0, 2):
        raise SystemExit(f'The migration ended with {done.returncode}.')
    return elapsed, json.loads(report.read_bytes())


def _record(dump: Path, url: str, path: Path) -> None:
    """Write the rows of every batch to a file, as the migration made them; the database only answers questions."""
    conf = freezer_conf.new(args=[], default_config_files=[])
    conf.set_override('connection', url, group='database')
    with path.open('wb') as file, contextlib.ExitStack() as stack:

        def insert(connection: sa.Connection, found: Any) -> bool:
            by_table: dict[str, list[Any]] = {}
            for rows in found:
                for table, some in rows.items():
                    by_table.setdefault(table.name, []).extend(some)
            pickle.dump(by_table, file)
            return True

        patches = {
            (targets, 'insert'): insert,
            (ledger, 'is_empty'): lambda connection: True,
            (ledger, 'last_report'): lambda connection, digest: None,
            (ledger, 'write'): lambda *args: None,
            (ledger, 'begin'): lambda *args: None,
            (ledger, 'end'): lambda *args: None,
        }
        for (module, name), function in patches.items():
            stack.enter_context(mock.patch.object(module, name, function))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        run.Run(conf, Settings(dump=dump, quiet=True)).execute()


def _batches(path: Path) -> Iterator[dict[str, list[Any]]]:
    with path.open('rb') as file, contextlib.suppress(EOFError):
        while True:
            yield pickle.load(file)


def _insert(path: Path, url: str) -> float:
    """Insert recorded rows; return the seconds it took, apart from reading them."""
    engine = sa.create_engine(url)
    elapsed = 0.0
    for batch in _batches(path):
        began = time.perf_counter()
        with engine.begin() as connection:
            for table in TABLES:
                if batch.get(table.name):
                    connection.execute(sa.insert(table), batch[table.name])
        elapsed += time.perf_counter() - began
    engine.dispose()
    return elapsed


def main() -> int:
    """Print the figures; returns the exit code."""
    parser = argparse.ArgumentParser(description='Rate and memory of a migration.')
    parser.add_argument('--documents', type=int, default=1_000_000)
    parser.add_argument('--url', help='a MariaDB server to use; databases are made and dropped there')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, server(options.url) as of, database(of) as url:
        folder = Path(name)
        dump, rows = folder / 'dump.ndjson', folder / 'rows'
        write_dump(dump, options.documents)
        _record(dump, url, rows)
        with database(of) as bare_url:
            before = _insert(rows, bare_url)
        first, report = _migrate(dump, url, folder)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        again, second = _migrate(dump, url, folder)
        assert second['states'] == report['states']
        with database(of) as bare_url:
            after = _insert(rows, bare_url)
    bare = (before + after) / 2
    load = report['seconds']['load']
    size = options.documents
    print(f'{size:,} documents: {json.dumps(report["seconds"])}')
    print(f'first run     {first:8.1f} s  {size / first:8,.0f}/s  peak memory {memory:.0f} MiB')
    print(f'of it loading {load:8.1f} s  {size / load:8,.0f}/s')
    print(f'executemany   {bare:8.1f} s  {size / bare:8,.0f}/s  {before:.1f} s before, {after:.1f} s after')
    print(f'share of the rate of executemany: {bare / first:.2f}')
    print(f'second run    {again:8.1f} s  {size / again:8,.0f}/s  {first / again:.1f} times as fast')
    missed = [
        name
        for name, good in (
            ('rate', bare / first >= LEAST_SHARE),
            ('second run', first / again >= LEAST_SPEEDUP),
            ('memory', memory < MOST_MEMORY),
        )
        if not good
    ]
    if missed:
        print(f'Aims missed: {", ".join(missed)}')
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
