# SPDX-License-Identifier: Apache-2.0
"""A live source is read from a stub of many releases, and what is no source is told apart.

Real servers are in tests/integration/test_search_servers.py.
"""

import copy
import socket
import threading
from typing import Any, ClassVar

import testscenarios

from freezer_api.migrate import source as sources
from freezer_api.migrate import transport
from freezer_api.migrate.cluster import Cluster
from freezer_api.migrate.errors import SOURCE, SourceError
from tests import base
from tests.functional.search_stub import Answer, SearchStub

RELEASES = (
    *(('elasticsearch', number) for number in ('1.7.6', '2.4.6', '5.6.16', '6.8.23', '7.17.28')),
    *(('elasticsearch', number) for number in ('8.19.3', '9.2.0')),
    *(('opensearch', number) for number in ('1.3.20', '2.19.1', '3.3.0')),
)


class StubTestCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.pauses: list[float] = []
        self.patch(transport.time, 'sleep', self.pauses.append)

    def stub(
        self, product: str = 'elasticsearch', version: str = '7.17.28', count: int = 2500
    ) -> SearchStub:
        stub = SearchStub(product, version, count)
        self.addCleanup(stub.close)
        return stub

    def cluster(self, url: str, **keys: Any) -> Cluster:
        opened = Cluster(sources.from_url(url).replace(**{'timeout': 10, 'retries': 3, **keys}))
        self.addCleanup(opened.close)
        return opened

    def error_of(self, url: str, **keys: Any) -> str:
        """What the operator is told."""
        error = self.assertRaises(SourceError, self.cluster(url, **keys).describe)
        self.assertEqual(SOURCE, error.code)
        return str(error)


class StubbedReleaseTest(testscenarios.WithScenarios, StubTestCase):
    """Each release by a stub; those that no test has in real are Elasticsearch 8.19 and 9, and OpenSearch 3."""

    scenarios: ClassVar = [
        (f'stub of {product} {version}', {'product': product, 'version': version})
        for product, version in RELEASES
    ]
    product: str
    version: str

    def test_every_document_comes_once(self) -> None:
        stub = self.stub(self.product, self.version)
        cluster = self.cluster(stub.url)
        found = cluster.describe()
        self.assertEqual(
            (self.product, self.version, 2500),
            (found['distribution'], found['version'], found['documents']),
        )
        self.assertEqual(stub.documents, list(cluster.documents()))
        self.assertEqual([], cluster.changed_since(found))
        self.assertEqual('DELETE /_search/scroll', stub.requests[-2].partition('?')[0])
        self.assertEqual([], self.pauses)

    def test_expired_scroll_is_begun_again_without_repeating(self) -> None:
        stub = self.stub(self.product, self.version)
        pages = 0

        def expire(request: str, answer: Answer) -> Answer:
            nonlocal pages
            if request.startswith('POST /_search/scroll'):
                pages += 1
                if pages == 2:
                    return 404, {}, {'error': 'SearchContextMissingException'}
            return answer

        stub.interfere = expire
        self.assertEqual(stub.documents, list(self.cluster(stub.url).documents()))
        self.assertEqual(2, sum('/freezer/_search?' in request for request in stub.requests))


class InterruptionTest(StubTestCase):
    def test_pages_lost_by_the_way_are_noticed_and_read_again(self) -> None:
        stub = self.stub()
        lost = []

        def lose(request: str, answer: Answer) -> Answer:
            if request.startswith('POST /_search/scroll') and not lost:
                lost.append(request)
                # The server has gone on to the next page.
                return 503, {}, b''
            return answer

        stub.interfere = lose
        found = [line['_id'] for line in self.cluster(stub.url).documents()]
        self.assertEqual(sorted(line['_id'] for line in stub.documents), sorted(found))

    def test_part_of_a_scroll_that_expired_is_read_again(self) -> None:
        stub = self.stub()
        failed = []

        def fail(request: str, answer: Answer) -> Answer:
            if request.startswith('POST /_search/scroll') and not failed:
                failed.append(request)
                part = copy.deepcopy(answer[2])
                part['_shards'] = {'total': 2, 'successful': 1, 'failed': 1}
                del part['hits']['hits'][::2]
                return 200, {}, part
            return answer

        stub.interfere = fail
        self.assertEqual(stub.documents, list(self.cluster(stub.url).documents()))

    def test_source_that_never_answers_all_is_an_error(self) -> None:
        stub = self.stub()

        def shorten(request: str, answer: Answer) -> Answer:
            if '/freezer/_search?' in request:
                answer[2]['hits']['total']['value'] += 1
            return answer

        stub.interfere = shorten
        documents = self.cluster(stub.url).documents()
        error = self.assertRaises(SourceError, list, documents)
        self.assertIn('2500 of 2501 documents came', str(error))

    def test_answer_of_only_some_shards_is_an_error(self) -> None:
        for shards, timed_out in (
            ({'total': 5, 'successful': 4, 'failed': 1}, False),
            # Shards without a node.
            ({'total': 5, 'successful': 4, 'failed': 0}, False),
            ({'total': 5, 'successful': 5, 'failed': 0}, True),
        ):
            with self.subTest(shards=shards, timed_out=timed_out):
                stub = self.stub()

                def leave_out(
                    request: str, answer: Answer, changed: Any = (shards, timed_out)
                ) -> Answer:
                    if '/freezer/_search?' in request:
                        answer[2]['_shards'], answer[2]['timed_out'] = changed
                    return answer

                stub.interfere = leave_out
                documents = self.cluster(stub.url).documents()
                error = self.assertRaises(SourceError, list, documents)
                self.assertIn('parts of freezer answered', str(error))

    def test_pages_shrink_until_the_server_can_hold_one(self) -> None:
        stub = self.stub()

        def refuse(request: str, answer: Answer) -> Answer:
            if '/freezer/_search?' in request and b'"size": 62,' not in stub.bodies[-1]:
                return 429, {}, {'error': {'type': 'circuit_breaking_exception', 'reason': 'r'}}
            return answer

        stub.interfere = refuse
        self.assertEqual(stub.documents, list(self.cluster(stub.url).documents()))
        self.assertEqual(3, sum('/freezer/_search?' in request for request in stub.requests))

    def test_pauses_grow_and_are_as_long_as_the_server_asks(self) -> None:
        stub = self.stub(count=0)
        stub.interfere = lambda request, answer: (503, {'Retry-After': '5'}, b'')
        self.assertRaises(SourceError, self.cluster(stub.url).describe)
        self.assertEqual([5, 5, 5], self.pauses)
        self.pauses.clear()
        stub.interfere = lambda request, answer: (503, {}, b'')
        self.assertRaises(SourceError, self.cluster(stub.url).describe)
        self.assertEqual([0.25, 0.5, 1], self.pauses)


class NoSourceTest(StubTestCase):
    """What operators get wrong ends in a sentence."""

    def test_what_is_no_search_server_is_told(self) -> None:
        for answer in (
            (200, {'Content-Type': 'text/html'}, b'<html>Welcome</html>'),
            (200, {}, {'versions': []}),
            (200, {}, ['version']),
            (200, {}, {'version': {'number': 5}}),
            (300, {'Location': 'https://u:secret@elsewhere/?token=secret'}, b''),
            (404, {}, b'not found'),
            (500, {}, b'\xff\xfe'),
        ):
            with self.subTest(answer):
                stub = self.stub(count=0)
                stub.interfere = lambda request, _, answer=answer: answer  # type: ignore[misc]
                text = self.error_of(stub.url)
                self.assertIn('is no Elasticsearch or OpenSearch', text)
                self.assertNotIn('secret', text)

    def test_program_that_speaks_no_http_is_told(self) -> None:
        listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listener.close)

        def greet() -> None:
            for _ in range(4):
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b'SSH-2.0-OpenSSH_9.2\r\n')

        thread = threading.Thread(target=greet)
        thread.start()
        self.addCleanup(thread.join)
        port = listener.getsockname()[1]
        self.assertIn(f'http://127.0.0.1:{port}', self.error_of(f'http://127.0.0.1:{port}'))

    def test_host_where_nothing_listens_is_told_soon(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as listener:
            port = listener.getsockname()[1]
        text = self.error_of(f'http://u:secret@127.0.0.1:{port}', retries=20)
        self.assertEqual(f'http://127.0.0.1:{port}: Connection refused.', text)
        self.assertEqual(3, len(self.pauses))

    def test_name_that_is_not_known_is_told(self) -> None:
        text = self.error_of('http://search.invalid')
        self.assertRegex(text, r'^http://search\.invalid:9200: .*(known|resolution|service)')

    def test_release_before_the_first_one_known_is_told(self) -> None:
        stub = self.stub(count=0)
        root = {'version': {'number': '0.90.13'}}
        stub.interfere = lambda request, answer: (200, {}, root)
        self.assertIn('is of version 0.90.13', self.error_of(stub.url))

    def test_missing_right_is_told_in_the_words_of_the_server(self) -> None:
        stub = self.stub(count=0)
        reason = 'action [cluster:monitor/main] is unauthorized'
        error = {'error': {'type': 'security_exception', 'reason': reason}}
        stub.interfere = lambda request, answer: (403, {}, error)
        text = self.error_of(stub.url)
        self.assertIn('answered 403', text)
        self.assertIn(reason, text)

    def test_missing_index_is_told_with_those_there_are(self) -> None:
        stub = SearchStub('elasticsearch', '2.4.6', 0, index='freezer_old')
        self.addCleanup(stub.close)
        text = self.error_of(stub.url)
        self.assertIn('There is no index "freezer"', text)
        self.assertIn('freezer_old (7 documents)', text)

    def test_files_for_tls_that_are_none_are_told(self) -> None:
        missing = '/nonexistent/file.pem'
        for keys in ({'ca_file': missing}, {'certificate_file': missing}, {'ca_file': __file__}):
            with self.subTest(keys):
                error = self.assertRaises(SourceError, self.cluster, 'https://127.0.0.1', **keys)
                self.assertIn(next(iter(keys.values())), str(error))

    def test_reader_refuses_to_send_what_would_write(self) -> None:
        stub = self.stub(count=0)
        sender = transport.Transport(sources.from_url(stub.url))
        self.addCleanup(sender.close)
        for method, path in (
            ('PUT', '/freezer'),
            ('POST', '/freezer/_doc/1'),
            ('POST', '/_bulk'),
            ('POST', '/freezer/_delete_by_query?x=/_search'),
            ('POST', '/freezer/_searching'),
            ('DELETE', '/freezer'),
            ('DELETE', '/freezer/_search'),
        ):
            with self.subTest(method=method, path=path):
                self.assertRaises(ValueError, sender.send, method, path)
        self.assertEqual([], stub.requests)
