# SPDX-License-Identifier: Apache-2.0
"""The commands, run as an operator runs them."""

import http.client
import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import ClassVar

import fixtures
import sqlalchemy
import testscenarios

import freezer_api
from freezer_api.cmd import manage
from freezer_api.db import migration
from tests import base, commands, databases

_TREE = Path(freezer_api.__file__).parent.parent


class CommandTestCase(base.TestCase):
    """Runs a command with a configuration file of its own."""

    module: str

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.useFixture(fixtures.TempDir()).path)
        self.config_file = self.folder / 'freezer-api.conf'

    def configure(self, connection: str, parameters: str = '', **default: object) -> None:
        """Write the file.

        :param parameters: of the connection
        """
        lines = [f'{name} = {value}' for name, value in default.items()]
        # A dollar sign of a URL would refer to another option.
        connection = connection.replace('$', '$$')
        lines += ['[database]', f'connection = {connection}']
        lines += [f'connection_parameters = {parameters}', '']
        self.config_file.write_text('\n'.join(['[DEFAULT]', *lines]))

    def command(self, *args: str) -> list[str]:
        return [sys.executable, '-m', self.module, '--config-file', str(self.config_file), *args]

    def run_command(self, *args: str, stdin: str = '') -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            self.command(*args),
            input=stdin,
            capture_output=True,
            text=True,
            cwd=_TREE,
            timeout=120,
            check=False,
        )
        self.assertNotIn('Traceback', result.stdout + result.stderr)
        return result

    def start_server(self, seconds: int) -> tuple[subprocess.Popen[str], tuple[str, int]]:
        """Start the service, until the test ends; return its process, and the host and port it listens on.

        :param seconds: that it may take to end
        """
        server = subprocess.Popen(self.command(), stdout=subprocess.PIPE, text=True, cwd=_TREE)
        self.addCleanup(server.communicate, timeout=seconds)
        self.addCleanup(server.terminate)
        assert server.stdout is not None
        host, port = server.stdout.readline().split('/')[-1].strip().split(':')
        return server, (host, int(port))

    def assert_works(self, *args: str, stdin: str = '') -> str:
        result = self.run_command(*args, stdin=stdin)
        self.assertEqual(0, result.returncode, result.stderr)
        return result.stdout

    def assert_fails(self, *args: str, stdin: str = '') -> str:
        """The message of a command that fails with 1."""
        result = self.run_command(*args, stdin=stdin)
        self.assertEqual(1, result.returncode, result.stdout + result.stderr)
        self.assertNotEqual('', result.stderr)
        return result.stderr


class ManageTest(testscenarios.WithScenarios, CommandTestCase):
    scenarios: ClassVar = [(name, {'database_name': name}) for name in databases.names()]
    database_name: str
    module = 'freezer_api.cmd.manage'

    def setUp(self) -> None:
        super().setUp()
        self.url, drop = databases.create(self.database_name)
        self.addCleanup(drop)
        self.configure(self.url)

    def run_command(self, *args: str, stdin: str = '') -> subprocess.CompletedProcess[str]:
        if self.database_name == databases.names()[0]:
            return super().run_command(*args, stdin=stdin)
        # What other databases make of a command does not depend on the process.
        self.useFixture(fixtures.MonkeyPatch('sys.stdin', io.StringIO(stdin)))
        done = commands.run(manage.main, '--config-file', self.config_file, *args)
        self.assertNotIn('Traceback', done.out + done.err)
        return subprocess.CompletedProcess(args, done.code, done.out, done.err)

    def test_sync_brings_an_empty_database_to_the_newest_revision(self) -> None:
        self.assertEqual('none', self.assert_works('db', 'version').strip())
        self.assertIn('db sync', self.assert_fails('db', 'check'))
        self.assertIn('no tables', self.assert_works('db', 'show'))
        self.assert_works('db', 'sync')
        self.assertEqual(migration.head(), self.assert_works('db', 'version').strip())
        self.assert_works('db', 'check')
        rows = dict(line.split() for line in self.assert_works('db', 'show').splitlines())
        self.assertEqual('0', rows['jobs'])

    def test_update_is_another_name_of_sync(self) -> None:
        self.assert_works('db', 'update')
        self.assert_works('db', 'check')

    def test_sync_again_is_no_failure(self) -> None:
        self.assert_works('db', 'sync')
        self.assert_works('db', 'sync')

    def test_removal_asks(self) -> None:
        migration.upgrade(self.url)
        for answer in ('', '\n', 'n\n', 'never\n'):
            self.assert_fails('db', 'remove', stdin=answer)
        self.assertNotEqual([], migration.tables(self.url))
        self.assert_works('db', 'remove', stdin='yes\n')
        self.assertEqual([], migration.tables(self.url))

    def test_removal_does_not_ask_if_told_so(self) -> None:
        for args in (['db', 'remove', '--yes'], ['--yes', 'db', 'remove'], ['db', 'remove', '-y']):
            migration.upgrade(self.url)
            self.assert_works(*args)
            self.assertEqual([], migration.tables(self.url))

    def test_a_revision_of_a_later_release_is_a_failure(self) -> None:
        migration.upgrade(self.url)
        engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '99999999_01'")
        self.assertIn('99999999_01', self.assert_fails('db', 'check'))
        self.assertIn('99999999_01', self.assert_fails('db', 'sync'))


class MistakeTest(testscenarios.WithScenarios, CommandTestCase):
    """An operator's mistake gives one line, and no secret in it."""

    module = 'freezer_api.cmd.manage'
    connection: str
    scenarios: ClassVar = [
        ('no MariaDB there', {'connection': 'mysql+pymysql://freezer:secret@127.0.0.1:1/freezer'}),
        (
            'no PostgreSQL there',
            {'connection': 'postgresql+psycopg2://freezer:secret@127.0.0.1:1/freezer'},
        ),
        ('no folder', {'connection': 'sqlite:////nonexistent/secret/freezer.sqlite'}),
        ('no URL', {'connection': 'freezer:secret'}),
        ('unknown database', {'connection': 'fridge://freezer:secret@127.0.0.1/freezer'}),
        ('missing driver', {'connection': 'mysql+oursql2://freezer:secret@127.0.0.1/freezer'}),
    ]

    def test_is_reported(self) -> None:
        self.configure(self.connection)
        for args in (['sync'], ['check'], ['remove', '--yes']):
            self.assertNotIn('secret', self.assert_fails('db', *args))


class ArgumentTest(CommandTestCase):
    module = 'freezer_api.cmd.manage'

    def test_missing_configuration_file(self) -> None:
        self.assertIn(str(self.config_file), self.assert_fails('db', 'sync'))

    def test_unknown_command(self) -> None:
        self.configure('sqlite://')
        for args in ([], ['db'], ['db', 'explode'], ['explode']):
            self.assertEqual(2, self.run_command(*args).returncode)

    def test_bad_arguments_of_a_migration_are_no_rejects(self) -> None:
        self.configure('sqlite://')
        for args in ([], ['elastic'], ['--bogus', 'elasticsearch'], ['legacy-sql', '--bogus']):
            self.assertEqual(127, self.run_command('migrate', *args).returncode)

    def test_bad_configuration_of_a_migration_can_not_be_taken_up_again(self) -> None:
        args = ('migrate', 'elasticsearch', '--dump', 'dump.ndjson')
        self.assertEqual(127, self.run_command(*args).returncode)
        for text in ('max_limit = 7\n', '[api]\nmax_limit = seven\n'):
            self.config_file.write_text(text)
            self.assertEqual(127, self.run_command(*args).returncode)


class ParametersTest(CommandTestCase):
    """Without the parameters SQLite would look for a folder ``file:``."""

    def setUp(self) -> None:
        super().setUp()
        self.configure(f'sqlite:///file:{self.folder}/freezer.sqlite', 'uri=true')
        self.url = f'sqlite:///{self.folder}/freezer.sqlite'

    def test_of_the_connection_are_used_by_freezer_manage(self) -> None:
        self.module = 'freezer_api.cmd.manage'
        self.assert_works('db', 'sync')
        self.assertFalse(migration.pending(self.url))
        for action in ('version', 'check', 'show'):
            self.assert_works('db', action)
        self.assert_works('--yes', 'db', 'remove')
        self.assertTrue(migration.pending(self.url))

    def test_of_the_connection_are_used_by_freezer_status(self) -> None:
        self.module = 'freezer_api.cmd.status'
        migration.upgrade(self.url)
        self.assert_works('upgrade', 'check')


class WrongFileTest(testscenarios.WithScenarios, CommandTestCase):
    """What is wrong with the configuration or the log is told in one line, without a value."""

    scenarios: ClassVar = [
        ('manage', {'module': 'freezer_api.cmd.manage', 'args': ['db', 'version']}),
        ('api', {'module': 'freezer_api.cmd.api', 'args': []}),
    ]
    args: ClassVar[list[str]]

    def assert_told(self, text: str) -> None:
        errors = self.assert_fails(*self.args)
        self.assertTrue(errors.startswith('The configuration is wrong: '), errors)
        self.assertEqual(1, errors.count('\n'), errors)
        self.assertIn(text, errors)
        self.assertNotIn('secret', errors)

    def test_file_that_is_not_utf8(self) -> None:
        self.config_file.write_bytes(b'[DEFAULT]\ntransport_url = secret\n# \xff\n')
        self.assert_told('UTF-8')

    def test_log_that_cannot_be_written(self) -> None:
        path = self.folder / 'none' / 'service.log'
        self.configure('sqlite://', log_file=path)
        self.assert_told(str(path))

    def test_wrong_configuration_of_the_log(self) -> None:
        path = self.folder / 'log.conf'
        for text in (None, 'secret', '[loggers]\nkeys = secret\n'):
            if text is not None:
                path.write_text(text)
            self.configure('sqlite://', log_config_append=path)
            self.assert_told(str(path))

    def test_wrong_level_of_the_log(self) -> None:
        self.configure('sqlite://', default_log_levels='a=secret')
        self.assert_told('log')


class StatusTest(CommandTestCase):
    module = 'freezer_api.cmd.status'

    def test_check_fails_until_the_database_is_at_the_newest_revision(self) -> None:
        url = f'sqlite:///{self.folder}/freezer.sqlite'
        self.configure(url)
        result = self.run_command('upgrade', 'check')
        self.assertEqual(2, result.returncode)
        self.assertIn('db sync', result.stdout)
        migration.upgrade(url)
        self.assert_works('upgrade', 'check')

    def test_file_that_is_not_utf8_is_told(self) -> None:
        self.config_file.write_bytes(b'# \xff\n')
        result = self.run_command('upgrade', 'check')
        self.assertEqual(255, result.returncode)
        self.assertEqual(
            'The configuration is wrong: a configuration file is not UTF-8\n', result.stderr
        )

    def test_check_fails_without_a_database(self) -> None:
        self.configure('mysql+pymysql://freezer:secret@127.0.0.1:1/freezer')
        result = self.run_command('upgrade', 'check')
        self.assertEqual(2, result.returncode)
        self.assertNotIn('secret', result.stdout + result.stderr)

    def test_check_reads_the_folder_of_files(self) -> None:
        url = f'sqlite:///{self.folder}/freezer.sqlite'
        migration.upgrade(url)
        folder = self.folder / '.freezer' / 'freezer-api.conf.d'
        folder.mkdir(parents=True)
        (folder / 'database.conf').write_text(f'[database]\nconnection = {url}\n')
        result = subprocess.run(
            [sys.executable, '-m', self.module, 'upgrade', 'check'],
            capture_output=True,
            text=True,
            cwd=_TREE,
            env={**os.environ, 'HOME': str(self.folder)},
            timeout=120,
            check=False,
        )
        self.assertEqual(0, result.returncode, result.stdout)

    def test_check_fails_for_a_policy_file_in_json(self) -> None:
        url = f'sqlite:///{self.folder}/freezer.sqlite'
        migration.upgrade(url)
        self.configure(url)
        (self.folder / 'policy.yaml').write_text('{"jobs:get": "role:admin"}')
        result = self.run_command('upgrade', 'check')
        self.assertEqual(2, result.returncode)
        self.assertIn('JSON', result.stdout)


class ServerTest(CommandTestCase):
    module = 'freezer_api.cmd.api'

    def test_noauth_is_refused_unless_on_a_loopback_address(self) -> None:
        for host in ('0.0.0.0', '::', '192.0.2.1', 'freezer.example'):
            self.configure('sqlite://', auth_strategy='noauth', bind_host=host)
            self.assertIn(host, self.assert_fails())

    def test_wrong_option_is_reported(self) -> None:
        self.configure('sqlite://', auth_strategy='trust-me')
        self.assertIn('auth_strategy', self.assert_fails())

    def test_serves_until_told_to_end(self) -> None:
        url = f'sqlite:///{self.folder}/freezer.sqlite'
        migration.upgrade(url)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.configure(
                url, auth_strategy='noauth', bind_host='127.0.0.1', bind_port=0, workers=2
            )
            with subprocess.Popen(
                self.command(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=_TREE,
                env={**os.environ, 'GUNICORN_CMD_ARGS': '--bind=192.0.2.1:1'},
            ) as server:
                self.addCleanup(server.kill)
                assert server.stdout is not None
                line = server.stdout.readline()
                self.assertIn('http://127.0.0.1:', line)
                address = line.split()[-1]
                request = urllib.request.Request(f'{address}/v2/p1/jobs')
                with urllib.request.urlopen(request, timeout=60) as answer:
                    self.assertEqual(200, answer.status)
                server.send_signal(number)
                output, errors = server.communicate(timeout=60)
            self.assertEqual(0, server.returncode, errors)
            self.assertEqual('', output)
            self.assertNotIn('Traceback', errors)


    def test_requests_that_are_too_long_are_told_so(self) -> None:
        self.configure(
            f'sqlite:///{self.folder}/freezer.sqlite',
            auth_strategy='noauth',
            bind_host='127.0.0.1',
            bind_port=0,
            workers=1,
            max_request_line=1024,
            max_header_size=4096,
        )
        with subprocess.Popen(
            self.command(), stdout=subprocess.PIPE, text=True, cwd=_TREE
        ) as server:
            self.addCleanup(server.kill)
            assert server.stdout is not None
            host, port = server.stdout.readline().split('/')[-1].strip().split(':')
            for path, length, status in (
                ('/', 4000, 300),
                ('/', 4200, 400),
                ('/v2/' + 'x' * 900, 10, 404),
                ('/v2/' + 'x' * 1100, 10, 400),
            ):
                connection = http.client.HTTPConnection(host, int(port), timeout=60)
                connection.request('GET', path, headers={'X-Auth-Token': 'x' * length})
                answer = connection.getresponse()
                document = json.load(answer)
                connection.close()
                if status == 400:
                    self.assertEqual(400, document['code'])
                    self.assertIn('than this service takes', document['description'])
                self.assertEqual(status, answer.status)
            server.terminate()


class WSGITest(CommandTestCase):
    module = 'freezer_api.wsgi'

    def test_errors_of_the_configuration_quote_no_values(self) -> None:
        for text in (
            '[keystone_authtoken]\nauth_type = password\nauth_url = http://127.0.0.1:1\npassword = pa$hunter2\n',
            '[database]\nconnection = mysql+pymysql://freezer:pa$hunter2@db/x\n',
            '[api]\nmax_limit = hunter2\n',
        ):
            self.config_file.write_text(text)
            result = subprocess.run(
                [sys.executable, '-c', 'import freezer_api.wsgi'],
                capture_output=True,
                text=True,
                cwd=_TREE,
                env={**os.environ, 'FREEZER_API_CONFIG_FILES': str(self.config_file)},
                timeout=120,
                check=False,
            )
            self.assertEqual(1, result.returncode)
            output = result.stdout + result.stderr
            self.assertNotIn('hunter2', output)
            self.assertIn('$$' if '$' in text else 'max_limit', output)

    def test_reads_the_files_named_in_the_environment_and_no_arguments(self) -> None:
        other = self.folder / 'limits.conf'
        other.write_text('[api]\nmax_limit = 7\n')
        self.configure(f'sqlite:///{self.folder}/freezer.sqlite', auth_strategy='noauth')
        for separator in (os.pathsep, ',', ', '):
            code = (
                'from freezer_api import wsgi; conf = wsgi.configure(); '
                'print(callable(wsgi.application), conf.auth_strategy, conf.api.max_limit)'
            )
            files = separator.join([str(self.config_file), str(other)])
            result = subprocess.run(
                [sys.executable, '-c', code, '--config-file', '/nonexistent', '--bogus'],
                capture_output=True,
                text=True,
                cwd=_TREE,
                env={**os.environ, 'FREEZER_API_CONFIG_FILES': files},
                timeout=120,
                check=False,
            )
            self.assertEqual('True noauth 7', result.stdout.strip(), result.stderr)
