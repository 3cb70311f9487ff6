# SPDX-License-Identifier: Apache-2.0
"""Documents of a live Elasticsearch (1 to 9) or OpenSearch (1 to 3), which is only read.

The scroll API is the one way to read everything that all of them have. Old ones want details of it in another form.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import quote

from freezer_api.migrate import depth
from freezer_api.migrate.errors import SourceError
from freezer_api.migrate.progress import mib
from freezer_api.migrate.source import Source
from freezer_api.migrate.transport import Interrupted, Refused, Transport

LOG = logging.getLogger(__name__)

KEEP_ALIVE = '10m'

# Documents of a page, and bytes it should have about. A server answers 100 MiB at most.
_LARGEST_PAGE = 1000
_PAGE_BYTES = 8 * 2**20
# Of what is stored against what is answered, usually.
_COMPRESSION = 4
# Documents that are looked at before.
_SAMPLE = 10

# Passes over an index, one after the other, that may end early and without a document that is new.
_FRUITLESS_PASSES = 5
# Seconds before the next, for each of them.
_PAUSE = 1.0

# Keys of a hit that tell of a document; the others tell of the search.
_KEYS = ('_index', '_type', '_id', '_version', '_source')


class Cluster:
    """A live source.

    :param keep_alive: how long the server may wait for the request for the next page
    :raises SourceError: files for TLS cannot be used
    """

    def __init__(self, source: Source, keep_alive: str = KEEP_ALIVE) -> None:
        self._source = source
        self._keep_alive = keep_alive
        self._transport = Transport(source)
        self._version: tuple[str, str] | None = None
        self._names: dict[str, dict[str, Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def describe(self) -> dict[str, Any]:
        """What is there, for a look before anything is done.

        ``urls``, ``distribution`` (elasticsearch or opensearch), ``version``, ``layout`` ('types' in one index,
        'indices' of one type each, or 'typeless'), ``documents`` and ``bytes`` (as stored, compressed) in all, and in
        ``indices`` by name: ``documents``, ``bytes``, ``types`` (documents by type, where the server has types),
        ``read_only``, and ``writes``, counters that move with every change.

        :raises SourceError: it cannot be reached or used, or not all of it is there
        """
        distribution, version = self._probe()
        indices = {
            name: self._describe(name, settings) for name, settings in self._resolve().items()
        }
        if any(described['types'].keys() - {'_doc', 'doc'} for described in indices.values()):
            layout = 'types'
        else:
            layout = 'indices' if len(indices) > 1 else 'typeless'
        return {
            'urls': list(self._source.urls),
            'distribution': distribution,
            'version': version,
            'layout': layout,
            'documents': sum(described['documents'] for described in indices.values()),
            'bytes': sum(described['bytes'] for described in indices.values()),
            'indices': indices,
        }

    def tell(self, description: Mapping[str, Any]) -> list[str]:
        """The description for people, and how they keep others from writing meanwhile."""
        address = self._source.urls[0]
        lines = [
            f'The source is {description["distribution"]} {description["version"]} at {address}.'
        ]
        for name, described in description['indices'].items():
            types = ', '.join(f'{count:,} {kind}' for kind, count in described['types'].items())
            lines.append(
                f'Index {name} has {described["documents"]:,} documents{f" ({types})" if types else ""},'
                f' {mib(described["bytes"])}.'
            )
        writable = [
            name for name, described in description['indices'].items() if not described['read_only']
        ]
        if writable:
            lines += [
                'It can be written to while it is read. Stop the old service and its agents, or make it refuse:',
                f'  PUT {address}/{",".join(writable)}/_settings {{"index": {{"blocks": {{"write": true}}}}}}',
            ]
        return lines

    def changed_since(self, description: Mapping[str, Any]) -> list[str]:
        """Names of the indices that were written to since :meth:`describe` gave the description."""
        return [
            name
            for name, described in description['indices'].items()
            if self._writes(name)[0] != described['writes']
        ]

    def documents(self, indices: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Every document, as the lines of elasticdump have them.

        Keys are ``_index``, ``_type`` (where the server has types), ``_id``, ``_version`` and ``_source`` (where it is
        stored). Each comes once, in no order. What cannot be answered is asked for again; if that takes another pass
        over an index, documents that came already are left out, also those that changed in between.

        :param indices: some of those in :meth:`describe`; by default all
        :raises SourceError: it cannot be reached or used, or does not answer all of its documents
        """
        self._probe()
        for name in self._resolve() if indices is None else indices:
            yield from self._documents(name)

    # --- what there is --------------------------------------------------------------------------

    def _probe(self) -> tuple[str, str]:
        """Distribution and version."""
        if self._version is not None:
            return self._version
        unknown = f'{self._source.urls[0]} is no Elasticsearch or OpenSearch'
        try:
            answer = self._transport.get('/', patient=False)
        except Refused as error:
            if error.status in (401, 403, 429, 503):
                raise
            raise SourceError(f'{unknown}: {error}') from None
        version = answer.get('version') if isinstance(answer, dict) else None
        number = version.get('number') if isinstance(version, dict) else None
        if not isinstance(version, dict) or not isinstance(number, str):
            raise SourceError(f'{unknown}: its answer names no version.')
        if not number.partition('.')[0].isdigit() or number.startswith('0.'):
            raise SourceError(
                f'{self._source.urls[0]} is of version {number}; 1.0 is the oldest known.'
            )
        self._version = (str(version.get('distribution', 'elasticsearch')), number)
        return self._version

    @property
    def _release(self) -> tuple[int, int]:
        """Major and minor release of the Elasticsearch that the server behaves like."""
        distribution, number = self._probe()
        major, minor = (int(part) for part in f'{number}.0'.split('.')[:2])
        # OpenSearch began at 1 as a copy of 7.10.
        return (major + 6, minor) if distribution == 'opensearch' else (major, minor)

    def _resolve(self) -> dict[str, dict[str, Any]]:
        """The indices behind the names given, with their settings; each index once."""
        if self._names is not None:
            return self._names
        found: dict[str, dict[str, Any]] = {}
        for name in self._source.indices:
            try:
                answer = self._transport.get(f'/{quote(name, safe="*")}/_settings', patient=False)
            except Refused as error:
                if error.status != 404:
                    raise
                answer = {}
            if not answer and name not in self._source.optional:
                self._missing(name)
            for index, described in answer.items():
                found[index] = described.get('settings', {}).get('index', {})
        if not found:
            self._missing('" or "'.join(self._source.indices))
        self._names = found
        return found

    def _missing(self, name: str) -> NoReturn:
        try:
            indices = self._transport.get('/_stats/docs', patient=False)['indices']
        except SourceError:
            indices = {}
        counts = {
            index: described['primaries'].get('docs', {}).get('count', 0)
            for index, described in sorted(indices.items())
            if not index.startswith('.')
        }
        alike = {index: count for index, count in counts.items() if 'freezer' in index} or counts
        there = ', '.join(
            f'{index} ({count} documents)' for index, count in list(alike.items())[:20]
        )
        raise SourceError(
            f'There is no index "{name}" at {self._source.urls[0]}. '
            + (f'It has: {there}.' if there else 'It has none at all.')
        )

    def _describe(self, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        path = f'/{quote(name)}'
        writes, size = self._writes(name)
        types = {}
        if self._release < (7, 0):
            mappings = self._transport.get(f'{path}/_mapping', patient=False)
            for kind in mappings.get(name, {}).get('mappings', {}):
                if kind != '_default_':
                    types[kind] = self._count(f'{path}/{quote(kind, safe="")}')
        blocks = settings.get('blocks', {})
        return {
            'documents': self._count(path),
            'bytes': size,
            'types': types,
            'read_only': 'true' in (blocks.get('write'), blocks.get('read_only')),
            'writes': writes,
        }

    def _count(self, path: str) -> int:
        answer = self._transport.get(f'{path}/_count', patient=False)
        _check_shards(answer, path.strip('/'))
        count: int = answer['count']
        return count

    def _writes(self, name: str) -> tuple[list[int], int]:
        """Counters of writes and deletions, and bytes stored."""
        answer = self._transport.get(f'/{quote(name)}/_stats/indexing,store')
        try:
            shards = answer['indices'][name]['primaries']
            indexing = shards['indexing']
            counters = [indexing['index_total'], indexing['delete_total']]
            return counters, shards['store']['size_in_bytes']
        except KeyError:
            raise SourceError(f'Index {name} has no statistics; is it closed?') from None

    # --- its documents --------------------------------------------------------------------------

    def _documents(self, name: str) -> Iterator[dict[str, Any]]:
        """The documents of an index, in as many passes as it takes."""
        # 16 bytes a document while all goes well.
        given = bytearray()
        skipped: frozenset[bytes] = frozenset()
        size = self._page_size(name)
        fruitless = 0
        while True:
            before = len(given)
            try:
                for hit in self._pass(name, size, again=bool(given)):
                    key = _digest(hit)
                    if key not in skipped:
                        given += key
                        yield {key: hit[key] for key in _KEYS if key in hit}
                return
            except Interrupted as error:
                reason = str(error)
            fruitless = 0 if len(given) > before else fruitless + 1
            if fruitless == _FRUITLESS_PASSES:
                raise SourceError(f'Index {name} cannot be read to its end: {reason}')
            # Whatever went wrong, it is less likely with less.
            size = max(1, size // (4 if fruitless else 2))
            LOG.warning('Index %s is read again from its start: %s', name, reason)
            time.sleep(fruitless * _PAUSE)
            skipped = frozenset(bytes(given[n : n + 16]) for n in range(0, len(given), 16))

    def _page_size(self, name: str) -> int:
        """Documents of a page, by the mean size as they are stored and that of a few."""
        _, stored = self._writes(name)
        count = max(1, self._count(f'/{quote(name)}'))
        try:
            answer = self._search(f'/{quote(name)}/_search', {'size': _SAMPLE})
        except Interrupted:
            return 1
        few = answer['hits']['hits']
        with depth.allowed():
            shown = len(json.dumps(few, default=str))
        # File lists are stored in a hundredth of what they are here.
        each = max(stored * _COMPRESSION / count, shown / max(1, len(few)), 1)
        return int(max(1, min(_LARGEST_PAGE, _PAGE_BYTES / each)))

    def _pass(self, name: str, size: int, *, again: bool) -> Iterator[dict[str, Any]]:
        """The hits of one scroll.

        :param again: whether the index was whole in an earlier pass
        :raises Interrupted: another pass is needed
        """
        scan = self._release < (2, 0)
        answer = self._start(name, size)
        total = answer['hits']['total']
        expected: int = total if isinstance(total, int) else total['value']
        received = 0
        try:
            _check_shards(answer, name, passing=again)
            hits = answer['hits']['hits']
            # The first page of a scan is always empty.
            while hits or (scan and not received and expected):
                received += len(hits)
                yield from hits
                answer = self._continue(answer['_scroll_id'])
                _check_shards(answer, name, passing=True)
                if not answer['hits']['hits'] and scan:
                    break
                hits = answer['hits']['hits']
        finally:
            self._end(answer['_scroll_id'])
        if received != expected:
            raise Interrupted(f'{received} of {expected} documents came')

    def _start(self, name: str, size: int) -> Any:
        path = f'/{quote(name)}/_search?scroll={self._keep_alive}'
        body: dict[str, Any] = {'query': {'match_all': {}}, 'version': True, 'size': size}
        if self._release < (2, 0):
            # There the size is that of a shard's part of a page.
            shards = int(self._resolve().get(name, {}).get('number_of_shards', 1))
            body['size'] = max(1, size // shards)
            path += '&search_type=scan'
        else:
            body['sort'] = ['_doc']
        if self._release >= (6, 3):
            path += '&allow_partial_search_results=false'
        return self._search(path, body)

    def _continue(self, scroll_id: str) -> Any:
        path = '/_search/scroll'
        body: Mapping[str, str] | str = {'scroll': self._keep_alive, 'scroll_id': scroll_id}
        if self._release < (2, 0):
            path, body = f'{path}?scroll={self._keep_alive}', scroll_id
        try:
            return self._search(path, body)
        except Refused as error:
            if error.status == 404:
                raise Interrupted(f'the scroll expired: {error}') from None
            raise

    def _search(self, path: str, body: Mapping[str, Any] | str) -> Any:
        try:
            return self._transport.send('POST', path, body)
        except Refused as error:
            if error.status in (413, 429, 503):
                raise Interrupted(str(error)) from None
            raise

    def _end(self, scroll_id: str) -> None:
        """Let the server forget a scroll; it would in time anyway."""
        body: Mapping[str, Any] | str = {'scroll_id': [scroll_id]}
        if self._release < (2, 0):
            body = scroll_id
        try:
            self._transport.send('DELETE', '/_search/scroll', body, patient=False)
        except SourceError as error:
            LOG.debug('A scroll was not ended: %s', error)


def _check_shards(answer: Mapping[str, Any], name: str, *, passing: bool = False) -> None:
    """Refuse an answer with a part missing.

    :param passing: whether that may pass: a scroll that expired looks the same, and so does a node that comes back
    """
    shards = answer['_shards']
    # Shards that are not assigned to a node count as neither.
    whole = not shards['failed'] and shards['successful'] == shards['total']
    if whole and not answer.get('timed_out'):
        return
    text = f'Only {shards["successful"]} of {shards["total"]} parts of {name} answered'
    if passing:
        raise Interrupted(text)
    raise SourceError(
        f'{text}; nothing is taken from a part of an index. See GET /_cluster/health.'
    )


def _digest(hit: Mapping[str, Any]) -> bytes:
    text = f'{hit.get("_type", "")}\x1f{hit["_id"]}'
    return hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=16).digest()
