# SPDX-License-Identifier: Apache-2.0
"""Documents out of a server that runs, by the command line; the server is a stub.

What real servers answer is in tests/integration/test_search_servers.py.
"""

import contextlib
import json
import os
import random
import stat
import subprocess
import threading
from typing import Any

import fixtures

from freezer_api.migrate import source_arguments, transport
from tests import migrating
from tests.functional.search_stub import Answer, SearchStub
from tests.migrating import action, backup, client, mixture

Document = dict[str, Any]

# Each takes seconds, most of which the program needs to start.
KILLS = 4
READING = r'^(GET /.*|POST /freezer/_search(\?.*)?|(POST|DELETE) /_search/scroll(\?.*)?)$'


def stored(hits: list[Document]) -> list[Document]:
    """Hits as a server answers them."""
    return [{**hit, '_version': 1} for hit in hits if hit['_source'] is not None]


class LiveTestCase(migrating.MigrationTestCase):
    def setUp(self) -> None:
        super().setUp()
        # Pauses before what is tried again.
        self.patch(transport.time, 'sleep', lambda seconds: None)

    def serve(self, hits: list[Document], version: str = '2.4.6') -> SearchStub:
        stub = SearchStub('elasticsearch', version)
        stub.documents = stored(hits)
        self.addCleanup(stub.close)
        return stub

    def spooled(self) -> list[str]:
        lines = (self.folder / 'spool' / 'documents.ndjson').read_text().splitlines()
        return sorted(json.dumps(json.loads(line), sort_keys=True) for line in lines)

    def expected(self, stub: SearchStub) -> list[str]:
        return sorted(json.dumps(hit, sort_keys=True) for hit in stub.documents)


class LiveSourceTest(LiveTestCase):
    def test_server_is_migrated_like_a_dump_of_it(self) -> None:
        stub = self.serve(mixture(500))
        dumped = self.run_command('--dump', self.write(*stub.documents), '--verify')
        expected = self.contents()
        self.database.clear()
        outcome = self.run_command('--from', stub.url, '--verify')
        self.assertEqual(0, outcome.code, outcome.err)
        self.assertEqual(expected, self.contents())
        for name in ('read', 'states', 'reasons', 'verification'):
            self.assertEqual(dumped.report[name], outcome.report[name])

    def test_server_is_only_read(self) -> None:
        stub = self.serve(mixture(500))
        self.run_command('--from', stub.url, '--verify')
        for request in stub.requests:
            self.assertRegex(request, READING)

    def test_order_of_answers_makes_no_difference(self) -> None:
        twins = [client(f'p1_twin{n}', f't{n}', uuid='shared') for n in range(20)]
        stub = self.serve([*mixture(500), *twins])
        self.run_command('--from', stub.url)
        expected = self.contents()
        random.Random(20261121).shuffle(stub.documents)
        outcome = self.run_command('--from', stub.url)
        self.assertEqual([0, 0], [outcome.report['rows'][name] for name in ('new', 'updated')])
        self.assertEqual(expected, self.contents())
        self.database.clear()
        self.run_command('--from', stub.url)
        self.assertEqual(expected, self.contents())

    def test_preflight_tells_what_is_there(self) -> None:
        outcome = self.run_command('--from', self.serve(mixture(500)).url, '--dry-run')
        for words in (
            'elasticsearch 2.4.6 at http://127.0.0.1:',
            'Index freezer has 490 documents (',
            '100 clients',
            '5 MiB',
            '/freezer/_settings {"index": {"blocks": {"write": true}}}',
        ):
            self.assertIn(words, outcome.err)
        found = outcome.report['source']['server']
        self.assertEqual(
            ('elasticsearch', '2.4.6', 490, []),
            tuple(found[k] for k in ('distribution', 'version', 'documents', 'changed_while_read')),
        )
        self.assertEqual({}, self.stored())

    def test_faults_of_the_server_lose_and_repeat_nothing(self) -> None:
        stub = self.serve([backup(number) for number in range(2500)])
        faults = [
            ('GET /freezer/_settings', 429),
            ('POST /freezer/_search?', 503),
            ('POST /_search/scroll', 404),
            ('POST /_search/scroll', 503),
        ]

        def fail(request: str, answer: Answer) -> Answer:
            for fault in faults:
                if request.startswith(fault[0]):
                    faults.remove(fault)
                    return fault[1], {}, {'error': 'no'}
            return answer

        stub.interfere = fail
        outcome = self.run_command('--from', stub.url)
        self.assertEqual((0, []), (outcome.code, faults), outcome.err)
        self.assertEqual(2500, outcome.report['rows']['new'])

    def test_change_while_it_is_read_is_told(self) -> None:
        stub = self.serve(mixture(500))

        def write(request: str, answer: Answer) -> Answer:
            if request.startswith('DELETE /_search/scroll'):
                stub.documents = [*stub.documents, *stored([backup(1234)])]
            return answer

        stub.interfere = write
        outcome = self.run_command('--from', stub.url, '--quiet')
        self.assertEqual(0, outcome.code)
        self.assertIn('The source changed while it was read (freezer).', outcome.err)
        self.assertEqual(['freezer'], outcome.report['source']['server']['changed_while_read'])
        self.assertEqual(490, outcome.report['read'])
        # The second run takes the rest.
        outcome = self.run_command('--from', stub.url)
        self.assertEqual(1, outcome.report['rows']['new'])

    def test_stages_can_be_run_alone(self) -> None:
        stub = self.serve(mixture(500))
        spool = ('--spool', self.folder / 'spool')
        pulled = self.run_command('--from', stub.url, '--stage', 'pull', *spool)
        self.assertEqual(0, pulled.code, pulled.err)
        self.assertEqual(self.expected(stub), self.spooled())
        self.assertEqual({}, self.stored())
        requests = len(stub.requests)
        for stage, code in (('load', 0), ('verify', 0)):
            outcome = self.run_command('--from', stub.url, '--stage', stage, *spool)
            self.assertEqual(code, outcome.code, outcome.err)
        self.assertEqual(490, outcome.report['verification']['equal'])
        # Neither asked for anything again.
        self.assertEqual(requests, len(stub.requests))

    def test_values_that_few_programs_can_hold_are_decided_about_when_loaded(self) -> None:
        stub = self.serve([backup(1, odd='\ud83d'), backup(2, odd=2**70), backup(3)])
        outcome = self.run_command('--from', stub.url)
        self.assertEqual(2, outcome.code, outcome.err)
        for reason in ('characters_replaced', 'unstorable'):
            self.assertEqual(1, outcome.report['reasons'][reason]['count'])

    def answer_with(self, value: bytes, code: int) -> migrating.Outcome:
        stub = self.serve([backup(1, odd='ODD'), backup(2)], '7.10.2')

        def replace(request: str, answer: Answer) -> Answer:
            text = json.dumps(answer[2]).encode().replace(b'"ODD"', value)
            return *answer[:2], text

        stub.interfere = replace
        outcome = self.run_command('--from', stub.url)
        self.assertEqual(code, outcome.code, outcome.err)
        return outcome

    def test_numbers_beyond_all_bounds_are_rejected(self) -> None:
        for value in (b'1e400', b'-1E999', b'9' * 5000):
            self.database.clear()
            outcome = self.answer_with(value, 2)
            self.assertEqual(['unstorable'], list(outcome.report['reasons']))
            self.assertEqual(1, len(self.rows()['backups']))

    def test_document_that_is_nested_too_deeply_is_rejected_alone(self) -> None:
        for levels in (300, 960, 985, 1100, 4000):
            self.database.clear()
            outcome = self.answer_with(b'[' * levels + b']' * levels, 2)
            self.assertEqual(['unstorable'], list(outcome.report['reasons']), levels)
            self.assertEqual(1, len(self.rows()['backups']))

    def test_document_that_nobody_can_read_is_no_traceback(self) -> None:
        outcome = self.answer_with(b'[' * 100_000 + b']' * 100_000, 4)
        self.assertIn('nested too deeply', outcome.err)

    def test_configuration_file_of_the_old_service_names_the_server(self) -> None:
        stub = self.serve([backup(1)])
        old = self.folder / 'old.conf'
        old.write_text(f'[storage]\nendpoint = {stub.url}\nindex = vault\n')
        outcome = self.run_command('--from-config', old)
        # Its index was freezer in truth.
        self.assertEqual((0, 1), (outcome.code, outcome.report['read']), outcome.err)

    def test_indices_of_the_map_are_read(self) -> None:
        stub = SearchStub('elasticsearch', '6.8.23', index='old')
        stub.documents = [{**stored([action('a1')])[0], '_index': 'old', '_type': 'doc'}]
        self.addCleanup(stub.close)
        outcome = self.run_command('--from', stub.url, '--index-map', 'old=actions')
        self.assertEqual(0, outcome.code, outcome.err)
        self.assertEqual(['actions'], list(outcome.report['states']))


class PullTest(LiveTestCase):
    """What does not come to the database."""

    one_database = True

    def pull(self, stub: SearchStub, *options: object) -> migrating.Outcome:
        return self.run_command(
            *('--from', stub.url, '--stage', 'pull', '--spool', self.folder / 'spool'), *options
        )

    def test_values_that_few_programs_can_hold_are_kept(self) -> None:
        stub = self.serve([action('a1', huge=2**70, half='\ud83d', nothing='\x00')])
        self.assertEqual(0, self.pull(stub).code)
        self.assertEqual(self.expected(stub), self.spooled())

    def test_no_database_is_needed(self) -> None:
        self.configure('mysql+pymysql://freezer:s3cret@127.0.0.1:1/freezer')
        stub = self.serve([backup(1)])
        self.assertEqual(0, self.pull(stub).code)
        self.assertEqual(self.expected(stub), self.spooled())

    def test_kills_lead_to_the_same_spool(self) -> None:
        stub = self.serve([backup(number) for number in range(5000)])
        wait = threading.Event()
        # Not by time.sleep, which waits for nothing here.
        stub.interfere = lambda request, answer: (wait.wait(0.1), answer)[1]
        arguments = ('--from', stub.url, '--stage', 'pull', '--spool', self.folder / 'spool')
        moments = random.Random(20261121)
        killed = 0
        for _ in range(KILLS):
            before = len(stub.requests)
            with subprocess.Popen(
                self.command(*arguments, '--quiet'),
                cwd=migrating.TREE,
                env={**os.environ, 'PYTHONPATH': str(migrating.TREE)},
            ) as process:
                while process.poll() is None and len(stub.requests) == before:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.02)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(moments.random() * 1.2)
                process.kill()
            killed += process.returncode < 0
            if (self.folder / 'spool' / 'documents.ndjson').exists():
                # It is there as a whole.
                self.assertEqual(self.expected(stub), self.spooled())
        self.assertGreater(killed, KILLS // 2)
        self.assertEqual(0, self.pull(stub).code)
        self.assertEqual(self.expected(stub), self.spooled())
        self.assertEqual(['documents.ndjson'], os.listdir(self.folder / 'spool'))

    def test_spool_that_another_run_fills_is_left_alone(self) -> None:
        stub = self.serve([backup(number) for number in range(20)])
        inner: list[migrating.Outcome] = []

        def pull_as_well(request: str, answer: Answer) -> Answer:
            if request.startswith('DELETE /_search/scroll'):
                stub.interfere = lambda request, answer: answer
                inner.append(self.pull(stub))
            return answer

        stub.interfere = pull_as_well
        self.assertEqual(0, self.pull(stub).code)
        self.assertEqual(4, inner[0].code)
        self.assertIn('Another run', inner[0].err)
        self.assertEqual(self.expected(stub), self.spooled())

    def test_spool_is_for_nobody_else_to_read(self) -> None:
        spool = self.folder / 'spool'
        spool.mkdir()
        part = spool / 'documents.ndjson.part'
        part.touch()
        part.chmod(0o666)
        self.pull(self.serve([backup(1)]))
        self.assertEqual(0o600, stat.S_IMODE((spool / 'documents.ndjson').stat().st_mode))

    def test_server_that_ends_in_the_middle_leaves_no_spool(self) -> None:
        stub = self.serve([backup(number) for number in range(2500)])

        def end(request: str, answer: Answer) -> Answer | None:
            return None if request.startswith('POST /_search/scroll') else answer

        stub.interfere = end
        outcome = self.pull(stub, '--retries', 1)
        self.assertEqual(4, outcome.code, outcome.err)
        self.assertIn('cannot be read to its end', outcome.err)
        self.assertEqual([], os.listdir(self.folder / 'spool'))

    def test_credentials_are_sent_and_shown_nowhere(self) -> None:
        self.config_file.write_text(f'{self.config_file.read_text()}[DEFAULT]\ndebug = true\n')
        stub = self.serve([backup(1)])
        host = stub.url.removeprefix('http://')
        secret = self.folder / 'secret'
        secret.write_text('s3cret\n')
        old = self.folder / 'old.conf'
        old.write_text(f'[elasticsearch]\nhosts = {stub.url}\nhttp_auth = u:s3cret\n')
        basic, key, token = 'Basic dTpzM2NyZXQ=', 'ApiKey s3cret', 'Bearer s3cret'
        for expected, variables, options in (
            (basic, {}, ('--from', f'http://u:s3cret@{host}')),
            (basic, {}, ('--from', stub.url, '--user', 'u', '--password-file', secret)),
            (basic, {'PASSWORD': 's3cret'}, ('--from', f'http://u@{host}')),
            (basic, {}, ('--from-config', old)),
            (key, {}, ('--from', stub.url, '--api-key-file', secret)),
            (key, {'API_KEY': 's3cret'}, ('--from', stub.url)),
            (token, {}, ('--from', stub.url, '--token-file', secret)),
            (token, {'TOKEN': 's3cret'}, ('--from', stub.url)),
            # Options count for more than the environment.
            (key, {'TOKEN': 'other'}, ('--from', stub.url, '--api-key-file', secret)),
            # So do credentials in what they name.
            (basic, {'PASSWORD': 'other'}, ('--from', f'http://u:s3cret@{host}')),
            (basic, {'API_KEY': 'other', 'TOKEN': 'other'}, ('--from', f'http://u:s3cret@{host}')),
            (basic, {'API_KEY': 'other', 'PASSWORD': 'other'}, ('--from-config', old)),
        ):
            with self.subTest(options), contextlib.ExitStack() as stack:
                for name, value in variables.items():
                    variable = getattr(source_arguments, name)
                    stack.enter_context(fixtures.EnvironmentVariable(variable, value))
                stub.authorizations.clear()
                outcome = self.run_command(*options, '--dry-run')
                self.assertEqual(0, outcome.code, outcome.err)
                self.assertEqual({expected}, set(stub.authorizations))
                shown = outcome.out + outcome.err + json.dumps(outcome.report)
                self.assertNotIn('s3cret', shown)
                self.assertNotIn('czNjcmV0', shown)
        self.assertNotIn('s3cret', self.log.output)

    def test_source_that_cannot_be_used_is_no_traceback(self) -> None:
        stub = self.serve([backup(1)])
        stub.interfere = lambda request, answer: (401, {}, {})
        gone = SearchStub('elasticsearch', '2.4.6')
        gone.close()
        other = self.serve([backup(1)])
        for words, options in (
            ('credentials are wrong', ('--from', stub.url.replace('//', '//u:s3cret@'))),
            ('wants credentials', ('--from', stub.url)),
            ('refused', ('--from', gone.url.replace('//', '//u:s3cret@'))),
            ('There is no index "vault"', ('--from', other.url, '--index', 'vault')),
            ('CA file', ('--from', other.url, '--cafile', self.folder / 'none')),
            ('TLS failed', ('--from', other.url.replace('http:', 'https:'))),
        ):
            with self.subTest(words):
                outcome = self.run_command(*options)
                self.assertEqual(4, outcome.code, outcome.err)
                self.assertIn(words, outcome.err)
                self.assertNotIn('s3cret', outcome.out + outcome.err)

    def test_mistakes_have_their_own_exit_code(self) -> None:
        empty = self.write(name='empty')
        secret = self.write('s3cret', name='secret')
        two_lines = self.write('s3cret', 's3cret', name='two')
        foreign = self.write('s3cret\u0142', name='foreign')
        binary = self.write(b'[storage]\nendpoint = \xff', name='binary')
        strange_host = self.write('[storage]\nhosts = u:s3cr\u2100et@h', name='strange')
        url = ('--from', 'http://u@127.0.0.1:1')
        for words, options in (
            ('Name a source', ()),
            ('Name one source', (*url, '--dump', empty)),
            ('not allowed with', (*url, '--from-config', empty)),
            ('--undo', (*url, '--undo')),
            ('is not a URL', ('--from', 'search:9200')),
            ('is not a URL', ('--from', 'http://u:s3cret@[::1:9200')),
            ('is not a URL', ('--from', 'http://u:s3cr\u2100et@h')),
            ('%2F', ('--from', 'http://user:12/s3cret@127.0.0.1:9')),
            ('is not a URL', ('--from-config', strange_host)),
            ('no text in UTF-8', ('--from-config', binary)),
            ('more than one line', (*url, '--token-file', two_lines)),
            ('letters of ASCII', (*url, '--token-file', foreign)),
            ('letters of ASCII', (*url, '--api-key-file', foreign)),
            ('neither [storage]', ('--from-config', empty)),
            ('--index goes with', ('--dump', empty, '--index', 'x')),
            ('--old-tls goes with', ('--dump', empty, '--old-tls')),
            ('is empty', (*url, '--password-file', empty)),
            ('cannot be read', (*url, '--password-file', self.folder / 'none')),
            ('needs a --user', ('--from', 'http://127.0.0.1:1', '--password-file', secret)),
            ('not written over', (*url, '--password-file', secret, '--reject-file', secret)),
            ('choose one', (*url, '--user', 'u', '--api-key-file', secret)),
            ('needs a --certfile', (*url, '--keyfile', secret)),
            ('invalid', (*url, '--retries', '0')),
            ('INDEX=TYPE', (*url, '--index-map', '=jobs')),
        ):
            with self.subTest(words):
                outcome = self.run_command(*options)
                self.assertEqual(127, outcome.code, outcome.err)
                self.assertIn(words, outcome.err)
                self.assertNotIn('s3cret', outcome.err)
