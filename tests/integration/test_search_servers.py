# SPDX-License-Identifier: Apache-2.0
"""A live source is read from real servers of several ages.

They are not started here: tools/test.sh does so.
"""

import json
import time
import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

import fixtures
import testscenarios

from freezer_api.migrate import cluster as clusters
from freezer_api.migrate import source as sources
from freezer_api.migrate import source_arguments, transport
from freezer_api.migrate.cluster import Cluster
from freezer_api.migrate.errors import SourceError
from tests import base, migrating
from tests.integration import search_proxy, search_server
from tests.integration.search_proxy import FIRST_PAGE, NEXT_PAGE, Fault
from tests.integration.search_server import Line

_NO_SERVER: Any = None


class SearchServerTest(testscenarios.WithScenarios, base.TestCase):
    """Once per server, with an index of the test's own."""

    scenarios: ClassVar = [
        (server.name, {'server': server}) for server in search_server.servers()
    ] or [('no server', {'server': _NO_SERVER})]
    server: search_server.SearchServer

    def setUp(self) -> None:
        super().setUp()
        if self.server is _NO_SERVER:
            self.skipTest('FREEZER_TEST_SEARCH_SERVERS names no server: no Java?')
        # Pauses are for servers that are busy.
        self.patch(transport, '_FIRST_PAUSE', 0.01)
        self.patch(clusters, '_PAUSE', 0)
        self.index = f'test-{uuid.uuid4().hex}'
        self.proxy = self.new_proxy()

    def new_proxy(self, *, tls: bool = False) -> search_proxy.Proxy:
        proxy = search_proxy.Proxy(self.server, tls=tls)
        self.addCleanup(proxy.close)
        return proxy

    def create(self, index: str, types: Iterable[str] = (), **settings: Any) -> None:
        self.server.create(index, types, **settings)
        self.addCleanup(self.server.remove, index)

    def fill(self, layout: str, lines: Iterable[Line] | None = None) -> list[Line]:
        """Store documents, those of the dump by default, in a layout; return them as lines of it."""
        moved = search_server.in_layout(
            search_server.dump() if lines is None else lines,
            layout,
            self.index,
            self.server.type_name,
        )
        types = sorted({line['_type'] for line in moved}) if layout == 'types' else []
        for index in sorted({line['_index'] for line in moved}):
            self.create(index, types)
        self.server.load(moved)
        return moved

    def fill_plain(self, count: int, size: int = 0) -> list[Line]:
        """Store small documents in one index, in the layout that is usual for the server."""
        lines = [
            {
                '_type': 'actions',
                '_id': f'{number:032x}',
                '_source': {'action_id': f'{number:032x}', 'user_id': 'u', 'text': 'x' * size},
            }
            for number in range(count)
        ]
        return self.fill('types' if self.server.major < 6 else 'typeless', lines)

    def source(self, url: str | None = None, **keys: Any) -> sources.Source:
        user, password = self.server.credentials or (None, None)
        defaults: dict[str, Any] = {
            'urls': (url or self.proxy.url,),
            'indices': (f'{self.index}*',),
            'user': user,
            'password': password,
            'retries': 3,
            'timeout': 30,
        }
        return sources.Source(**{**defaults, **keys})

    def cluster(self, url: str | None = None, **keys: Any) -> Cluster:
        """The source through the proxy, or at a URL."""
        opened = Cluster(self.source(url, **keys))
        self.addCleanup(opened.close)
        return opened

    def assertSameDocuments(self, expected: list[Line], found: Iterable[Line]) -> None:  # noqa: N802
        """What was stored is what came, each once, and nothing else."""
        came = [dict(line) for line in found]
        for line in came:
            self.assertEqual(1, line.pop('_version'))
        self.assertEqual(_sorted(expected), _sorted(came))


def _sorted(lines: Iterable[Line]) -> list[str]:
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


class ReadingTest(SearchServerTest):
    def test_every_document_comes_as_it_was_stored_in_each_layout(self) -> None:
        for layout in self.server.layouts:
            with self.subTest(layout):
                self.index = f'test-{uuid.uuid4().hex}'
                expected = self.fill(layout)
                self.assertSameDocuments(expected, self.cluster().documents())

    def test_description_counts_what_is_there(self) -> None:
        dump = search_server.dump()
        types = dict.fromkeys(sorted({line['_type'] for line in dump}), 0)
        for line in dump:
            types[line['_type']] += 1
        for layout in self.server.layouts:
            with self.subTest(layout):
                self.index = f'test-{uuid.uuid4().hex}'
                self.fill(layout)
                found = self.cluster().describe()
                self.assertEqual(
                    (self.server.product, self.server.version, layout, len(dump)),
                    tuple(found[k] for k in ('distribution', 'version', 'layout', 'documents')),
                )
                self.assertGreater(found['bytes'], 1000)
                counts = {
                    name.removeprefix(f'{self.index}-'): index['documents']
                    for name, index in found['indices'].items()
                }
                if layout == 'types':
                    self.assertEqual(types, found['indices'][self.index]['types'])
                else:
                    self.assertEqual(
                        types if layout == 'indices' else {self.index: len(dump)}, counts
                    )

    def test_source_is_only_read(self) -> None:
        self.fill_plain(3000)
        before = self.server.state(self.index)
        cluster = self.cluster()
        description = cluster.describe()
        self.assertEqual(3000, len(list(cluster.documents())))
        self.assertEqual([], cluster.changed_since(description))
        for request in self.proxy.requests:
            self.assertRegex(
                request,
                rf'^(GET /(|{self.index}[^/]*/(_settings|_mapping|_count|actions/_count|doc/_count'
                r'|_stats/indexing,store))'
                rf'|POST /{self.index}/_search(\?.*)?|(POST|DELETE) /_search/scroll(\?.*)?)$',
            )
        self.assertEqual(1, self.proxy.count('DELETE /_search/scroll'))
        self.assertEqual(before, self.server.state(self.index))

    def test_more_documents_than_a_page_holds_come_once_each(self) -> None:
        expected = self.fill_plain(12_500)
        self.assertSameDocuments(expected, self.cluster().documents())
        self.assertGreater(self.proxy.count(NEXT_PAGE), 10)

    def test_scroll_is_ended_when_the_reader_stops_early(self) -> None:
        self.fill_plain(3000)
        documents = self.cluster().documents()
        next(documents)
        documents.close()  # type: ignore[attr-defined]
        self.assertEqual(1, self.proxy.count('DELETE /_search/scroll'))

    def test_huge_document_comes_whole(self) -> None:
        expected = self.fill_plain(2, size=20_000_000)
        self.assertSameDocuments(expected, self.cluster().documents())

    def test_pages_of_large_documents_are_small(self) -> None:
        random = [uuid.uuid4().hex for _ in range(4000)]
        lines = [
            {
                '_type': 'backups',
                '_id': str(number),
                '_source': {'backup_id': str(number), 'files': random},
            }
            for number in range(300)
        ]
        expected = self.fill('types' if self.server.major < 6 else 'typeless', lines)
        self.assertSameDocuments(expected, self.cluster().documents())
        self.assertGreater(self.proxy.count(NEXT_PAGE), 3)

    def test_empty_index_has_no_documents(self) -> None:
        self.create(self.index, ['jobs'] if self.server.major < 6 else ())
        cluster = self.cluster()
        self.assertEqual(0, cluster.describe()['documents'])
        self.assertEqual([], list(cluster.documents()))

    def test_alias_and_its_index_are_read_once(self) -> None:
        expected = self.fill_plain(30)
        alias = f'{self.index}-alias'
        action = {'add': {'index': self.index, 'alias': alias}}
        self.server.call('POST', '/_aliases', {'actions': [action]})
        cluster = self.cluster(indices=(alias, self.index))
        self.assertSameDocuments(expected, cluster.documents())

    def test_write_while_reading_is_noticed(self) -> None:
        expected = self.fill_plain(3000)
        cluster = self.cluster()
        description = cluster.describe()
        documents = cluster.documents()
        came = [next(documents)]
        late = {**expected[0], '_id': 'late'}
        self.server.load([late])
        came += documents
        # The scroll shows what was there when it began.
        self.assertSameDocuments(expected, came)
        self.assertEqual([self.index], cluster.changed_since(description))

    def test_write_lock_is_told(self) -> None:
        self.fill_plain(1)
        for read_only in (True, False):
            self.server.call(
                'PUT', f'/{self.index}/_settings', {'index': {'blocks': {'write': read_only}}}
            )
            found = self.cluster().describe()['indices'][self.index]
            self.assertIs(read_only, found['read_only'])


class TroubleTest(SearchServerTest):
    def test_missing_index_is_an_error_that_names_those_that_look_alike(self) -> None:
        alike = f'old-freezer-{uuid.uuid4().hex}'
        self.create(alike)
        for wanted in (self.index, f'{self.index}*'):
            error = self.assertRaises(SourceError, self.cluster(indices=(wanted,)).describe)
            self.assertIn(f'There is no index "{wanted}"', str(error))
            self.assertIn(f'{alike} (0 documents)', str(error))

    def test_index_that_may_be_missing_is_left_out(self) -> None:
        expected = self.fill_plain(3)
        indices = ('never-there', self.index)
        cluster = self.cluster(indices=indices, optional=frozenset(indices))
        self.assertEqual([self.index], list(cluster.describe()['indices']))
        self.assertSameDocuments(expected, cluster.documents())

    def test_closed_index_is_an_error(self) -> None:
        self.fill_plain(3)
        self.server.call('POST', f'/{self.index}/_close')
        error = self.assertRaises(SourceError, self.cluster(indices=(self.index,)).describe)
        self.assertIn('closed', str(error))

    def test_index_with_a_missing_part_is_an_error(self) -> None:
        # No node may hold its shards, so they stay unassigned.
        key = 'index.routing.allocation.require.name'
        body: dict[str, Any] = {'settings': {key: 'nowhere', 'number_of_shards': 1}}
        path = f'/{self.index}'
        if self.server.major >= 5:
            path += '?wait_for_active_shards=0'
        self.server.call('PUT', path, body)
        self.addCleanup(self.server.remove, self.index)
        started = time.monotonic()
        self.assertRaises(SourceError, self.cluster().describe)
        self.assertRaises(SourceError, list, self.cluster().documents())
        self.assertLess(time.monotonic() - started, 30)

    def test_expired_scroll_loses_and_repeats_nothing(self) -> None:
        expected = self.fill_plain(5000)
        # Servers look for expired scrolls once a minute; ending it is the same to the reader.
        self.proxy.faults.append(Fault(NEXT_PAGE, after=2, call=self._end_scrolls))
        self.assertSameDocuments(expected, self.cluster().documents())
        self.assertEqual(2, self.proxy.count(FIRST_PAGE))

    def _end_scrolls(self) -> None:
        self.server.call('DELETE', '/_search/scroll/_all')

    def test_lost_answers_lose_and_repeat_nothing(self) -> None:
        expected = self.fill_plain(5000)
        for fault in (
            Fault(NEXT_PAGE, after=1, cut='before'),
            Fault(NEXT_PAGE, after=2, cut='after'),
            Fault(NEXT_PAGE, after=1, cut='within', times=2),
            Fault(NEXT_PAGE, after=1, status=502),
            Fault(NEXT_PAGE, after=1, status=504),
            Fault(FIRST_PAGE, cut='before'),
            Fault(FIRST_PAGE, cut='within'),
            Fault(FIRST_PAGE, status=413),
            Fault(r'GET /[^/]+/_stats', cut='within'),
        ):
            with self.subTest(fault):
                self.proxy.faults[:] = [fault]
                self.assertSameDocuments(expected, self.cluster().documents())
                self.assertEqual(0, fault.times)

    def test_busy_server_is_asked_again(self) -> None:
        expected = self.fill_plain(3000)
        for status in (429, 503):
            for pattern in (FIRST_PAGE, NEXT_PAGE, r'GET /$', r'GET /[^/]+/_settings'):
                with self.subTest(status=status, pattern=pattern):
                    fault = Fault(pattern, status=status, times=2)
                    self.proxy.faults[:] = [fault]
                    self.proxy.requests.clear()
                    self.assertSameDocuments(expected, self.cluster().documents())
                    self.assertEqual(0, fault.times)
                    passes = 3 if pattern == FIRST_PAGE else 1
                    self.assertEqual(passes, self.proxy.count(FIRST_PAGE))

    def test_server_that_stays_busy_is_an_error_after_a_while(self) -> None:
        self.fill_plain(3000)
        for pattern in (FIRST_PAGE, NEXT_PAGE, r'GET /$'):
            with self.subTest(pattern):
                self.proxy.requests.clear()
                self.proxy.faults[:] = [Fault(pattern, status=503, times=1000)]
                cluster = self.cluster(retries=1)
                self.assertRaises(SourceError, list, cluster.documents())
                self.assertLess(self.proxy.count(pattern), 30)

    def test_next_host_takes_over(self) -> None:
        expected = self.fill_plain(3000)
        other = self.new_proxy()
        cluster = self.cluster(urls=(self.proxy.url, other.url))
        documents = cluster.documents()
        came = [next(documents)]
        # Every request but those to the other host is cut from now on.
        self.proxy.faults.append(Fault('', cut='before', times=1000))
        came += documents
        self.assertSameDocuments(expected, came)
        self.assertGreater(other.count(NEXT_PAGE), 0)


class AccessTest(SearchServerTest):
    def test_certificate_is_verified(self) -> None:
        expected = self.fill_plain(30)
        proxy = self.new_proxy(tls=True)
        error = self.assertRaises(SourceError, self.cluster(proxy.url).describe)
        self.assertRegex(str(error), 'TLS failed: .*Name the authority')
        authority = str(search_server.certificate())
        with self.subTest('with its authority'):
            cluster = self.cluster(proxy.url, ca_file=authority)
            self.assertSameDocuments(expected, cluster.documents())
        with self.subTest('not at all'):
            cluster = self.cluster(proxy.url, verify=False)
            self.assertSameDocuments(expected, cluster.documents())
        with self.subTest('for another name'):
            url = proxy.url.replace('127.0.0.1', 'localhost')
            self.assertRaises(SourceError, self.cluster(url, ca_file=authority).describe)

    def test_answers_that_tls_lost_are_asked_for_again(self) -> None:
        expected = self.fill_plain(3000)
        proxy = self.new_proxy(tls=True)
        for cut in ('before', 'after', 'within'):
            with self.subTest(cut):
                fault = Fault(NEXT_PAGE, cut=cut)
                proxy.faults[:] = [fault]
                cluster = self.cluster(proxy.url, ca_file=str(search_server.certificate()))
                self.assertSameDocuments(expected, cluster.documents())
                self.assertEqual(0, fault.times)

    def test_https_where_http_is_spoken_is_an_error(self) -> None:
        url = self.proxy.url.replace('http:', 'https:')
        error = self.assertRaises(SourceError, self.cluster(url).describe)
        self.assertIn('TLS failed', str(error))

    def test_password_of_the_url_is_used(self) -> None:
        if self.server.credentials is None:
            self.skipTest(f'{self.server.name} of this run wants no password')
        expected = self.fill_plain(30)
        source = sources.from_url(self.server.url)
        cluster = Cluster(
            source.replace(indices=(self.index,), ca_file=str(search_server.certificate()))
        )
        self.addCleanup(cluster.close)
        self.assertSameDocuments(expected, cluster.documents())

    def test_credentials_are_sent_in_each_form(self) -> None:
        expected = self.fill_plain(30)
        for header, keys in (
            ('Basic dTpww6Rzc3c6MQ==', {'user': 'u', 'password': 'pässw:1'}),
            ('ApiKey aWQ6a2V5', {'user': None, 'api_key': 'id:key'}),
            ('ApiKey aWQ6a2V5', {'user': None, 'api_key': 'aWQ6a2V5'}),
        ):
            with self.subTest(keys):
                self.proxy.authorization = header
                self.assertSameDocuments(expected, self.cluster(**keys).documents())

    def test_wrong_and_missing_credentials_are_errors_that_do_not_show_them(self) -> None:
        self.proxy.authorization = 'Basic dTpwYXNzd29yZA=='
        for words, keys in (
            ('credentials are wrong', {'user': 'u', 'password': 'not-this-one'}),
            ('credentials are wrong', {'user': None, 'api_key': 'not:this-one'}),
            ('wants credentials', {'user': None}),
        ):
            with self.subTest(keys):
                error = self.assertRaises(SourceError, self.cluster(**keys).describe)
                self.assertRegex(str(error), f'answered 401: .*{words}')
                self.assertNotIn('this-one', str(error))

    def test_server_itself_refuses_wrong_and_missing_credentials(self) -> None:
        if self.server.credentials is None:
            self.skipTest(f'{self.server.name} of this run wants no password')
        for words, keys in (
            ('credentials are wrong', {'password': 'not-this-one'}),
            ('credentials are wrong', {'user': None, 'api_key': 'not:this-one'}),
            ('wants credentials', {'user': None}),
        ):
            with self.subTest(keys):
                error = self.assertRaises(SourceError, self.cluster(**keys).describe)
                self.assertRegex(str(error), f'answered 401: .*{words}')


def _reasons(report: migrating.Document) -> dict[str, int]:
    """How often there was a reason for something; examples depend on the order."""
    return {reason: found['count'] for reason, found in report['reasons'].items()}


class CommandTest(SearchServerTest, migrating.MigrationTestCase):
    """Documents go from a server to the tables by the command line."""

    # What the tables make of documents is tested on all of them elsewhere.
    one_database = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scenarios = testscenarios.multiply_scenarios(
            self.scenarios, SearchServerTest.scenarios
        )

    def options(self, url: str) -> tuple[object, ...]:
        """How to read the index of the test; the password is in the environment."""
        user, password = self.server.credentials or (None, None)
        if user is None:
            return '--from', url, '--index', f'{self.index}*'
        variable = fixtures.EnvironmentVariable(source_arguments.PASSWORD, password)
        self.useFixture(variable)
        return '--from', url, '--index', f'{self.index}*', '--user', user

    def tables(self) -> migrating.Document:
        found = self.contents()
        for entry in found['migration_entries']:
            if entry['state'] == 'rejected':
                # Of its line, which may be written in several ways.
                del entry['digest']
        return found

    def test_server_is_migrated_like_a_dump_of_it(self) -> None:
        for layout in self.server.layouts:
            with self.subTest(layout):
                self.index = f'test-{uuid.uuid4().hex}'
                lines = [{**line, '_version': 1} for line in self.fill(layout)]
                indices = sorted({line['_index'] for line in lines})
                before = [self.server.state(index) for index in indices]
                self.database.clear()
                dumped = self.run_command('--dump', self.write(*lines))
                expected = self.tables()
                self.database.clear()
                options = self.options(self.proxy.url)
                outcome = self.run_command(*options)
                self.assertEqual(dumped.code, outcome.code, outcome.err)
                self.assertEqual(expected, self.tables())
                self.assertEqual(len(lines), outcome.report['read'])
                self.assertEqual(dumped.report['states'], outcome.report['states'])
                self.assertEqual(*(_reasons(found.report) for found in (dumped, outcome)))
                again = self.run_command(*options, '--verify')
                self.assertEqual(0, again.report['rows']['new'])
                self.assertEqual(0, again.report['verification']['different'])
                self.assertEqual(before, [self.server.state(index) for index in indices])
        for request in self.proxy.requests:
            self.assertRegex(
                request,
                r'^(GET /.*|POST /[^/]+/_search(\?.*)?|(POST|DELETE) /_search/scroll(\?.*)?)$',
            )

    def test_certificate_is_checked_with_the_authority_named(self) -> None:
        self.fill_plain(30)
        proxy = self.new_proxy(tls=True)
        pull = ('--stage', 'pull', '--spool', self.folder / 'spool', *self.options(proxy.url))
        refused = self.run_command(*pull)
        self.assertEqual(4, refused.code)
        self.assertIn('--cafile', refused.err)
        for option in (('--cafile', search_server.certificate()), ('--insecure',)):
            outcome = self.run_command(*pull, *option)
            self.assertEqual(0, outcome.code, outcome.err)
