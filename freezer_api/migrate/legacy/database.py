# SPDX-License-Identifier: Apache-2.0
"""The database of the old service as a source of documents."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from freezer_api.db.strangers import RELEASES
from freezer_api.migrate.legacy import documents, tables
from freezer_api.migrate.legacy.documents import Read
from freezer_api.migrate.legacy.tables import Row, Tables
from freezer_api.migrate.progress import mib
from freezer_api.migrate.records import CREATED, DAMAGED, KINDS, NOTES

_SIMPLE: dict[str, Callable[[Row], Read]] = {
    'clients': documents.client,
    'sessions': documents.session,
    'actions': documents.action,
    'backups': documents.backup,
}


class LegacyDatabase:
    """Reads, and never writes: each method has a transaction of its own that cannot."""

    def __init__(self, url: sa.URL) -> None:
        self._url = url
        # The ledger tells documents of several old databases apart by it.
        self._name = str(url.database).rpartition('/')[2]

    def close(self) -> None:
        """Nothing is open between calls."""

    def describe(self) -> Mapping[str, Any]:
        """Revision and numbers of rows.

        :raises SourceError: this is no database of the old service
        """
        with tables.opened(self._url) as found:
            state = {kind: found.state(kind) for kind in KINDS}
            return {
                'database': self._name,
                'revision': found.revision(),
                'tables': state,
                'documents': sum(each['rows'] - each['deleted'] for each in state.values()),
                'bytes': found.bytes(),
            }

    def tell(self, description: Mapping[str, Any]) -> list[str]:
        """The description for people."""
        revision = description['revision']
        release = RELEASES.get(str(revision))
        since = f'of release {release} or later' if release else 'which this release does not know'
        lines = [
            f'The source is {self._name}, at revision {revision or "none"}, {since};'
            f' it has {mib(description["bytes"])}.'
        ]
        deleted = {kind: state['deleted'] for kind, state in description['tables'].items()}
        if any(deleted.values()):
            left = ', '.join(f'{count:,} {kind}' for kind, count in deleted.items() if count)
            lines.append(f'Deleted there, and left behind: {left}.')
        return lines

    def documents(self) -> Iterator[Mapping[str, Any]]:
        """Every row that was not deleted, as a line of a dump.

        :raises SourceError: the connection is lost
        """
        with tables.opened(self._url) as found:
            for kind in KINDS:
                for page in found.pages(kind):
                    for row, read in zip(page, _read(found, kind, page), strict=True):
                        yield self._hit(kind, row, read)

    def changed_since(self, description: Mapping[str, Any]) -> list[str]:
        """The tables that were written to since the description."""
        with tables.opened(self._url) as found:
            return [
                kind for kind in KINDS if found.state(kind) != description['tables'][kind]
            ]

    def _hit(self, kind: str, row: Row, read: Read) -> Mapping[str, Any]:
        created, updated = (documents.seconds_of(row[name]) for name in ('created_at', 'updated_at'))
        hit: dict[str, Any] = {
            '_index': self._name,
            '_type': kind,
            '_id': row['id'],
            # The higher, the newer.
            '_version': updated or created,
            CREATED: created,
            '_source': read.source,
        }
        if read.notes:
            hit[NOTES] = read.notes
        if read.damaged:
            hit[DAMAGED] = read.damaged
        return hit


def _read(found: Tables, kind: str, page: list[Row]) -> Iterator[Read]:
    if kind != 'jobs':
        yield from map(_SIMPLE[kind], page)
        return
    links = found.links(page) if found.has_links else None
    credentials = found.with_credentials(page)
    for row in page:
        of_job = None if links is None else links.get(row['id'], [])
        yield documents.job(row, of_job, row['id'] in credentials)
