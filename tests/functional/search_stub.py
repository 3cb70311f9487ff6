# SPDX-License-Identifier: Apache-2.0
"""A stub that answers like an Elasticsearch or OpenSearch, for where there is no Java, and for releases it cannot run.

It knows the requests of our reader and is as strict about them as the releases are. The answers have the keys that
the reader looks at, as the real servers of tests/integration answer them; those of Elasticsearch 8.19 and 9 and of
OpenSearch 3 are after their documentation.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.listener import Listener, Request

# Status, headers, and an object or bytes.
Answer = tuple[int, dict[str, str], Any]

_SHARDS = {'total': 2, 'successful': 2, 'failed': 0}
_PARAMETERS = {'scroll', 'allow_partial_search_results'}


class SearchStub(Listener):
    """Serves one index of small documents until it is closed.

    :ivar documents: hits; may be replaced by the test's own
    :ivar requests: 'METHOD /path' of all that came
    :ivar bodies: theirs
    :ivar authorizations: their headers of that name
    :ivar interfere: may answer in place of the stub, or change its answer, which is the second argument
    """

    def __init__(self, product: str, version: str, count: int = 0, index: str = 'freezer') -> None:
        self.product = product
        self.version = version
        self.index = index
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.authorizations: list[str | None] = []
        self.interfere: Callable[[str, Answer], Answer | None] = lambda request, answer: answer
        major, minor = (int(part) for part in version.split('.')[:2])
        self._release = (major + 6 if product == 'opensearch' else major, minor)
        self.documents = [self._document(number) for number in range(count)]
        self._scrolls: dict[str, tuple[int, int]] = {}
        super().__init__()

    def _document(self, number: int) -> dict[str, Any]:
        document: dict[str, Any] = {'_index': self.index}
        if self._release[0] < 7:
            document['_type'] = 'actions' if self._release[0] < 6 else 'doc'
        elif self._release[0] == 7:
            document['_type'] = '_doc'
        return {
            **document,
            '_id': str(number),
            '_version': 1,
            '_source': {'action_id': str(number)},
        }

    def answer(self, method: str, path: str, media_type: str, body: bytes) -> Answer:
        split = urlsplit(path)
        segments, query = split.path.strip('/').split('/'), parse_qs(split.query)
        if self._release[0] >= 6 and body and media_type != 'application/json':
            return _error(406, 'media_type_header_exception')
        if self._release[0] >= 5 and not query.keys() <= _PARAMETERS:
            return _error(400, 'illegal_argument_exception')
        if self._release < (6, 3) and 'allow_partial_search_results' in query:
            return _error(400, 'illegal_argument_exception')
        if segments == ['']:
            return self._root()
        if segments == ['_stats', 'docs']:
            return 200, {}, {'indices': {self.index: {'primaries': {'docs': {'count': 7}}}}}
        if segments == ['_search', 'scroll']:
            return self._page(method, body)
        if segments[0] not in (self.index, 'freezer*'):
            return _error(404, 'index_not_found_exception')
        return self._of_index(method, segments[1:], query, body)

    def _root(self) -> Answer:
        version = {'number': self.version}
        if self.product == 'opensearch':
            version['distribution'] = 'opensearch'
        return 200, {}, {'version': version, 'tagline': 'You Know, for Search'}

    def _of_index(
        self, method: str, segments: list[str], query: dict[str, list[str]], body: bytes
    ) -> Answer:
        found: Any
        match segments:
            case ['_settings']:
                found = {self.index: {'settings': {'index': {'number_of_shards': '2'}}}}
            case ['_mapping']:
                kinds = {line['_type']: {} for line in self.documents}
                found = {self.index: {'mappings': kinds}}
            case ['_count']:
                found = {'count': len(self.documents), '_shards': _SHARDS}
            case [kind, '_count']:
                count = sum(line['_type'] == kind for line in self.documents)
                found = {'count': count, '_shards': _SHARDS}
            case ['_stats', 'indexing,store']:
                indexing = {'index_total': len(self.documents), 'delete_total': 0}
                primaries = {'indexing': indexing, 'store': {'size_in_bytes': 5_000_000}}
                found = {'indices': {self.index: {'primaries': primaries}}}
            case ['_search'] if method == 'POST':
                return self._search(query, json.loads(body))
            case _:
                return _error(405, 'method_not_allowed')
        return 200, {}, found

    def _search(self, query: dict[str, list[str]], search: dict[str, Any]) -> Answer:
        if 'scroll' not in query:
            return self._hits('', self.documents[: search['size']])
        scroll = f'scroll{len(self._scrolls)}=='
        if self._release[0] == 1:
            # One that is sorted is not a scan.
            if query.get('search_type') != ['scan'] or 'sort' in search:
                return _error(400, 'not a scan')
            self._scrolls[scroll] = (0, search['size'] * 2)
            return self._hits(scroll, [])
        if search.get('sort') != ['_doc']:
            return _error(400, 'not the cheapest order')
        self._scrolls[scroll] = (search['size'], search['size'])
        return self._hits(scroll, self.documents[: search['size']])

    def _page(self, method: str, body: bytes) -> Answer:
        scroll = body.decode()
        if self._release[0] > 1:
            scroll = json.loads(body)['scroll_id']
        if method == 'DELETE':
            self._scrolls = {}
            return 200, {}, {}
        if scroll not in self._scrolls:
            return _error(404, 'search_context_missing_exception')
        start, size = self._scrolls[scroll]
        self._scrolls[scroll] = (start + size, size)
        return self._hits(scroll, self.documents[start : start + size])

    def _hits(self, scroll: str, hits: list[dict[str, Any]]) -> Answer:
        total: Any = len(self.documents)
        if self._release[0] >= 7:
            total = {'value': total, 'relation': 'eq'}
        found = {
            '_scroll_id': scroll,
            'timed_out': False,
            '_shards': _SHARDS,
            'hits': {'total': total, 'hits': [{**hit, '_score': None} for hit in hits]},
        }
        return 200, {}, found

    def handle(self, request: Request) -> None:
        self.requests.append(request.line)
        self.bodies.append(request.body)
        self.authorizations.append(request.headers.get('Authorization'))
        media_type = request.headers.get('Content-Type', '')
        answer: Answer | None = self.answer(request.command, request.path, media_type, request.body)
        assert answer is not None
        answer = self.interfere(request.line, answer)
        if answer is None:
            request.cut()
            return
        status, headers, content = answer
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        request.answer(status, headers, content)


def _error(status: int, kind: str) -> Answer:
    error = {'type': kind, 'reason': f'a reason of {kind}'}
    return status, {}, {'error': error, 'status': status}
