# SPDX-License-Identifier: Apache-2.0
"""Real Elasticsearch and OpenSearch servers, as tools/search_servers.sh starts them, and documents for them."""

import contextlib
import copy
import dataclasses
import functools
import gzip
import json
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import urllib3
from urllib3.util import parse_url

from tests.migrating import DATA

Line = dict[str, Any]

# The servers have little memory.
_BATCH_LINES = 4000
_BATCH_BYTES = 50_000


@functools.cache
def _dump() -> list[Line]:
    lines: dict[str, Line] = {}
    with gzip.open(DATA / 'single-index-3.ndjson.gz') as file:
        for text in file:
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                source = line.get('_source')
                # Not all servers take the rest, nor can a place hold two documents.
                if isinstance(source, dict) and '_version' not in source:
                    lines.setdefault(line['_id'], line)
    return list(lines.values())


def dump() -> list[Line]:
    """Documents of an old service, clean and dirty, as lines of elasticdump: one index with types."""
    return copy.deepcopy(_dump())


def in_layout(lines: Iterable[Line], layout: str, index: str, type_name: str | None) -> list[Line]:
    """Lines of the dump as they are after their operator reindexed them.

    :param layout: 'types', 'indices' (one for each type, ``index`` before their names) or 'typeless'
    :param type_name: what hits have for a type where it means nothing
    """
    moved = []
    for line in lines:
        place: Line = {'_index': index, '_type': line['_type']}
        if layout != 'types':
            place = {'_index': f'{index}-{line["_type"]}' if layout == 'indices' else index}
            if type_name is not None:
                place['_type'] = type_name
        moved.append({**place, '_id': line['_id'], '_source': line['_source']})
    return moved


@dataclasses.dataclass(frozen=True)
class SearchServer:
    """A server and what a test does to it; the code under test only reads.

    :ivar name: product and version, 'elasticsearch-2.4.6'
    :ivar url: with the credentials it wants, if any
    """

    name: str
    url: str

    @property
    def product(self) -> str:
        return self.name.partition('-')[0]

    @property
    def version(self) -> str:
        return self.name.partition('-')[2]

    @property
    def major(self) -> int:
        """Of the Elasticsearch that it is or descends from."""
        major = int(self.version.partition('.')[0])
        return major if self.product == 'elasticsearch' else major + 6

    @property
    def layouts(self) -> tuple[str, ...]:
        return ('types',) if self.major < 6 else ('indices', 'typeless')

    @property
    def type_name(self) -> str | None:
        """The type of documents in layouts without types, as hits name it."""
        return {6: 'doc', 7: '_doc'}.get(self.major)

    @property
    def address(self) -> str:
        parts = parse_url(self.url)
        return f'{parts.scheme}://{parts.host}:{parts.port}'

    @property
    def credentials(self) -> tuple[str, str] | None:
        user, _, password = (parse_url(self.url).auth or '').partition(':')
        return (user, password) if user else None

    @property
    def headers(self) -> dict[str, str]:
        """Those that let a request in."""
        user = self.credentials
        return dict(urllib3.make_headers(basic_auth=':'.join(user))) if user else {}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer, which must be a good one."""
        headers = {'Content-Type': 'application/json', **self.headers}
        content = body if isinstance(body, str | None) else json.dumps(body)
        answer = _pool().request(method, self.address + path, body=content, headers=headers)
        if answer.status >= 300:
            raise AssertionError(f'{method} {path}: {answer.status} {answer.data[:500]!r}')
        return answer.json()

    def create(self, index: str, types: Iterable[str] = (), **settings: Any) -> None:
        """Make an index that takes any document, as strange as it may be.

        :param types: of documents, where one index has several
        """
        mapping = {'dynamic': False, 'properties': {'user_id': {'type': self._exact}}}
        if self.major < 7:
            mappings: Any = dict.fromkeys(types or ['doc'], mapping)
        else:
            mappings = mapping
        settings = {'number_of_shards': 3, 'number_of_replicas': 0, **settings}
        self.call('PUT', f'/{index}', {'settings': settings, 'mappings': mappings})

    @property
    def _exact(self) -> str:
        return 'string' if self.major < 5 else 'keyword'

    def load(self, lines: Iterable[Line]) -> None:
        """Store documents, all of them."""
        batch: list[str] = []
        for line in lines:
            place = {key: value for key, value in line.items() if key != '_source'}
            if self.major > 6:
                place.pop('_type', None)
            batch += [json.dumps({'index': place}), json.dumps(line['_source'])]
            if sum(map(len, batch[-2:])) > _BATCH_BYTES or len(batch) == _BATCH_LINES:
                self._load(batch)
                batch = []
        if batch:
            self._load(batch)
        self.call('POST', '/_refresh')

    def _load(self, batch: list[str]) -> None:
        answer = self.call('POST', '/_bulk', '\n'.join(batch) + '\n')
        refused = [item for item in answer['items'] if item['index']['status'] >= 300]
        if refused:
            raise AssertionError(f'{len(refused)} refused, such as {refused[0]}')

    def remove(self, index: str) -> None:
        self.call('DELETE', f'/{index}')

    def state(self, index: str) -> Any:
        """What a reader must not change."""
        statistics = self.call('GET', f'/{index}/_stats/docs,indexing')['indices'][index]
        return (
            self.call('GET', f'/{index}/_settings'),
            self.call('GET', f'/{index}/_mapping'),
            statistics['primaries']['docs'],
            {
                key: statistics['primaries']['indexing'][key]
                for key in ('index_total', 'delete_total')
            },
        )


def certificate() -> Path:
    """The certificate of 127.0.0.1, its own CA; the key is beside it."""
    return Path(os.environ['FREEZER_TEST_SEARCH_CA'])


def key() -> Path:
    return certificate().with_name('search-key.pem')


@functools.cache
def _pool() -> urllib3.PoolManager:
    context = ssl.create_default_context(cafile=certificate())
    return urllib3.PoolManager(ssl_context=context, retries=False, timeout=60)


def servers() -> list[SearchServer]:
    """Those of this run; none where no Java is."""
    pairs = os.environ.get('FREEZER_TEST_SEARCH_SERVERS', '').split()
    return [SearchServer(*pair.split('=', 1)) for pair in pairs]
