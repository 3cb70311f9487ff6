# SPDX-License-Identifier: Apache-2.0
"""What the commands print and log, searched for marked passwords and documents."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib import parse

import fixtures

import freezer_api
from freezer_api.db import migration
from tests import base, canaries, report
from tests.canaries import Kind

_TREE = Path(freezer_api.__file__).parent.parent
_PATIENCE = 120
MAP = _TREE / 'etc' / 'freezer' / 'api_audit_map.conf'

_MANAGE = 'freezer_api.cmd.manage'
_STATUS = ('freezer_api.cmd.status', 'upgrade', 'check')
_API = ('freezer_api.cmd.api',)


class ProgramsTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.useFixture(fixtures.TempDir()).path)
        self.marks = canaries.Canaries()
        self.searched = 0

    def start(self, text: str, module: str, *args: str) -> subprocess.Popen[bytes]:
        """Run a command with a configuration."""
        number = len(list(self.folder.iterdir()))
        path = self.folder / f'{number}.conf'
        path.write_text(text)
        process = subprocess.Popen(
            [sys.executable, '-m', module, '--config-file', str(path), *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_TREE,
            env={**os.environ, 'PYTHONPATH': str(_TREE)},
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def search(self, case: str, *outputs: str | bytes) -> None:
        for output in outputs:
            self.searched += 1
            text = output.decode(errors='replace') if isinstance(output, bytes) else output
            found = {
                kind.name: {self.marks.places.get(name, name) for name in names}
                for kind, names in canaries.find(text).items()
            }
            self.assertEqual({}, found, f'{case}: {text}')

    def test_commands(self) -> None:
        password = self.marks.name(Kind.CREDENTIAL, '[database] connection')
        odd = f'{password}%40a:b'
        urls = {
            'nobody answers': f'mysql+pymysql://freezer:{odd}@127.0.0.1:1/freezer',
            'in the query': f'mysql+pymysql://127.0.0.1:1/freezer?user=freezer&password={password}',
            'a port that is none': f'mysql+pymysql://freezer:{password}@127.0.0.1:port/freezer',
            'an "@" that is not quoted': f'mysql+pymysql://freezer:x@{password}@127.0.0.1:1/freezer',
            'an unknown database': f'nosuch://freezer:{password}@127.0.0.1/freezer',
            'no URL': f'freezer:{password}',
        }
        texts = {
            **{case: f'[DEFAULT]\ndebug = true\n[database]\nconnection = {url}\n' for case, url in urls.items()},
            'a line that is none': f'[keystone_authtoken]\npassword {password}\n',
            'a line outside of groups': f'{password} =\n',
            'a "$" in a URL': f'[database]\nconnection = mysql+pymysql://freezer:pa${password}@db/x\n',
            'a number that is none': f'[api]\nmax_limit = {password}\n',
        }
        keystone = (
            '[DEFAULT]\ndebug = true\n[keystone_authtoken]\nauth_type = password\nusername = freezer\n'
            'auth_url = http://127.0.0.1:1\n'
        )
        starts = {
            'a "$" in a password': f'{keystone}password = pa${password}\n',
            'a "/" in a password of the bus': f'{keystone}[audit]\nenabled = true\nmap_file = {MAP}\n'
            f'[audit_middleware_notifications]\ntransport_url = rabbit://mq:{password}/er2@rabbit:5672/\n',
        }
        texts |= starts
        commands = ((_MANAGE, 'db', 'version'), (_MANAGE, 'db', 'remove'), _STATUS)
        for case, text in texts.items():
            started = {command: self.start(text, *command) for command in commands if case not in starts}
            if case in ('a port that is none', 'an "@" that is not quoted') or case not in urls:
                started[_API] = self.start(text, *_API)
            if case == 'nobody answers':
                more = ((_MANAGE, 'trusts', 'list'), (_MANAGE, 'db', 'sync'))
                started |= {command: self.start(text, *command) for command in more}
            for command, process in started.items():
                output, errors = process.communicate(timeout=_PATIENCE)
                self.assertNotEqual(0, process.returncode, f'{case} {command}')
                self.assertNotIn(b'Traceback', output + errors, f'{case} {command}')
                self.search(f'{case}, {command}', output, errors)
        report.line(f'Secrets, commands: {self.searched} outputs searched, 0 leaks')

    def test_server(self) -> None:
        for use_json in ('false', 'true'):
            self.serve(use_json)
        report.line(f'Secrets, freezer-api with debug: {self.searched} outputs searched, 0 leaks')

    def serve(self, use_json: str) -> None:
        """Let a server with all debugging on succeed, refuse and fail."""
        path = self.folder / f'{use_json}.sqlite'
        migration.upgrade(f'sqlite:///{path}')
        # Nobody would read a pipe meanwhile.
        log = path.with_suffix('.log')
        server = self.start(
            '[DEFAULT]\nauth_strategy = noauth\nbind_host = 127.0.0.1\nbind_port = 0\ndebug = true\n'
            f'use_json = {use_json}\nworkers = 1\nlog_file = {log}\n[database]\nconnection = sqlite:///{path}\n'
            'connection_debug = 100\nconnection_trace = true\n',
            *_API,
        )
        assert server.stdout is not None
        line = server.stdout.readline().decode()
        address = parse.urlsplit(line.split()[-1])
        self.assertEqual('http', address.scheme, line)
        place = (str(address.hostname), int(address.port or 0))
        client = {'client_id': 'web01', **self.marks.secrets('client')}
        entry = {'freezer_action': {'action': 'backup', **self.marks.secrets('job')}}
        job = {'client_id': 'web01', 'job_actions': [entry]}
        search = parse.quote(json.dumps([{'free': self.marks.text(Kind.SECRET, 'match')}]))
        for _ in range(2):
            for method, url, body in (
                ('POST', '/v2/p1/clients', client),
                ('POST', '/v2/p1/jobs', job),
                ('POST', '/v2/p1/jobs', {**job, 'description': entry}),
                ('GET', '/v2/p1/jobs', None),
                ('GET', f'/v2/p1/jobs?match={search}', None),
                ('GET', f'/v2/p1/jobs?limit={search}', None),
            ):
                connection = http.client.HTTPConnection(*place, timeout=60)
                headers = {
                    'X-Auth-Token': self.marks.name(Kind.CREDENTIAL, 'token'),
                    'X-User-Id': 'alice',
                    'X-Project-Id': 'p1',
                    'X-Roles': 'member',
                }
                connection.request(method, url, None if body is None else json.dumps(body), headers)
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                if answer.status != 200:
                    self.search(f'{method} {url}', content)
                self.search(f'{method} {url}', str(answer.headers))
            # From here on statements fail.
            with sqlite3.connect(path) as database:
                database.execute(
                    'CREATE TRIGGER IF NOT EXISTS broken BEFORE INSERT ON jobs'
                    " BEGIN SELECT RAISE(ABORT, 'broken'); END"
                )
            database.close()
        secret = self.marks.name(Kind.CREDENTIAL, 'a header')
        for line in (
            f'X-Auth-Token {secret}',
            f'X-Auth-Token : {secret}',
            f'X-Auth-Token: {secret}\0',
            f'X-Auth-Token: a\r\n {secret}',
            f'X-Auth-Token: {secret * 2000}',
            f'Content-Length: {secret}',
            f'Transfer-Encoding: {secret}',
            f'Expect: {secret}',
        ):
            with socket.create_connection(place, timeout=60) as raw:
                raw.sendall(f'GET /v2/p1/jobs HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n'.encode())
                raw.settimeout(1)
                answered = b''
                try:
                    while part := raw.recv(65536):
                        answered += part
                except TimeoutError:
                    pass
            self.search(line, answered)
            self.assertIn(b'Content-Type: application/json', answered, line)
        server.send_signal(signal.SIGTERM)
        output, errors = server.communicate(timeout=_PATIENCE)
        logged = log.read_bytes()
        self.assertIn(b'INSERT INTO jobs', logged)
        self.assertIn(b'Unexpected error of the database', logged)
        self.search('server', output, errors, logged)
