# SPDX-License-Identifier: Apache-2.0
"""Documents read back as the API answers them, and compared with the source."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from freezer_api.context import RequestContext, Scope
from freezer_api.db import actions, backups, clients, jobs, search, sessions
from freezer_api.domain.merge import same
from freezer_api.migrate import ledger, preparing, records, targets
from freezer_api.migrate.cleaning import Cleaned
from freezer_api.migrate.dump import Reader
from freezer_api.migrate.index import Index
from freezer_api.migrate.progress import Progress
from freezer_api.migrate.reasons import LOADED, MERGED, REJECTED, WARNED
from freezer_api.migrate.records import KINDS, Document

# Documents of a page, and bytes it should have about. A page costs as much as all those before it, read once more, so
# small ones would make it slow to verify a large project.
_LARGEST_PAGE = 2000
_PAGE_BYTES = 8 * 2**20
_EXAMPLES = 10
_ID = {
    'clients': 'client_id',
    'sessions': 'session_id',
    'actions': 'action_id',
    'jobs': 'job_id',
    'backups': 'backup_id',
}


def _jobs(context: RequestContext, wanted: search.Search, page: search.Page) -> list[Document]:
    return jobs.find(context, wanted, page, show_pid=True)


def _sessions(context: RequestContext, wanted: search.Search, page: search.Page) -> list[Document]:
    # Whoever looks at sessions ends runs that are overdue; a verification changes nothing.
    return sessions.find_stored(context, wanted, page)[0]


_FIND: dict[str, Callable[[RequestContext, search.Search, search.Page], list[Document]]] = {
    'clients': clients.find,
    'sessions': _sessions,
    'actions': actions.find,
    'jobs': _jobs,
    'backups': backups.find,
}

# What answers show where a document says nothing.
_SHOWN: dict[str, Document] = {
    'actions': {
        'max_retries': actions.MAX_RETRIES,
        'max_retries_interval': actions.MAX_RETRIES_INTERVAL,
        'mandatory': False,
    },
    'sessions': {
        'session_tag': 0,
        'hold_off': sessions.HOLD_OFF,
        'status': 'active',
        'result': None,
        **dict.fromkeys(('time_start', 'time_end', 'time_started', 'time_ended'), -1),
    },
}
# Keys around documents that only columns or the ledger hold.
_AROUND = ('_version', 'backup_uuid', 'uuid', 'tenant_id')
_BLANK: tuple[Any, ...] = (None, '', [], {})


class Verifier:
    """Compares all documents that the plan makes rows of.

    :param run_id: the run that has just loaded them; None if none did
    :ivar equal: documents that are what they should be
    :ivar changed_since: documents that somebody changed in the service
    :ivar gone: documents that somebody deleted, or that got lost
    :ivar lost: those of them that this run has loaded, which leaves hardly anybody the time to delete them
    :ivar not_compared: by reason: documents that have no row of their own
    :ivar different: documents that nobody changed, and that are not what they should be, or were never loaded
    """

    def __init__(
        self,
        context: RequestContext,
        index: Index,
        reader: Reader,
        kinds: dict[str, str],
        run_id: str | None,
    ) -> None:
        self._context = context
        self._index = index
        self._reader = reader
        self._kinds = kinds
        self._run_id = run_id
        self.equal = self.changed_since = self.gone = self.lost = self.different = 0
        self.not_compared: Counter[str] = Counter()
        self.examples: list[str] = []

    def run(self, progress: Progress) -> None:
        """Compare everything."""
        total = self._index.value('SELECT count(*) FROM documents WHERE state IS NULL')
        progress.begin('verifying', total)
        for number, kind in enumerate(KINDS):
            owners = self._index.select(
                'SELECT DISTINCT owner FROM documents WHERE kind = ? AND state IS NULL', number
            ).fetchall()
            for (owner,) in owners:
                self._compare_project(kind, owner, progress)
            self._count_missing(kind)
        self.not_compared.update(
            dict(
                self._index.select(
                    'SELECT reason, count(*) FROM documents WHERE state IS NOT NULL GROUP BY reason'
                ).fetchall()
            )
        )
        progress.end()

    def to_document(self) -> Document:
        return {
            'equal': self.equal,
            'changed_since': self.changed_since,
            'gone': self.gone,
            'lost': self.lost,
            'different': self.different,
            'not_compared': dict(sorted(self.not_compared.items())),
            'examples': self.examples,
        }

    def _compare_project(self, kind: str, owner: str, progress: Progress) -> None:
        self._context.scope = Scope(owner)
        page = search.Page(self._page_size(kind, owner))
        while True:
            found = _FIND[kind](self._context, search.Search(), page)
            for shown in found:
                if shown['project_id'] == owner:
                    self._compare(kind, owner, shown)
            progress.update(self.equal)
            if len(found) < page.limit:
                return
            page = search.Page(page.limit, page.offset + page.limit)

    def _page_size(self, kind: str, owner: str) -> int:
        mean = self._index.value(
            'SELECT avg(length) FROM documents WHERE kind = ? AND owner = ? AND state IS NULL',
            *(KINDS.index(kind), owner),
        )
        return int(max(1, min(_LARGEST_PAGE, _PAGE_BYTES / mean)))

    def _compare(self, kind: str, owner: str, shown: Document) -> None:
        target = (shown['client'] if kind == 'clients' else shown)[_ID[kind]]
        row = self._index.select(
            f'SELECT {preparing.COLUMNS} FROM documents WHERE kind = ? AND owner = ? AND target = ?'
            ' AND state IS NULL AND is_seen = 0',
            *(KINDS.index(kind), owner, target),
        ).fetchone()
        if row is None:
            return
        planned = preparing.Planned(*row)
        self._index.select(
            'UPDATE documents SET is_seen = 1 WHERE number = ?', planned.number
        )
        cleaned = preparing.read(self._index, self._reader, self._kinds, planned)
        self._forget_lost_session(kind, cleaned, shown)
        path = _difference(_expected(kind, cleaned.document), shown)
        if path is None and cleaned.notes.state in (LOADED, WARNED):
            line = self._reader.read(planned.position, planned.length)
            path = _missing(records.parse(line, self._kinds).source, shown, cleaned)
        if path is None:
            self.equal += 1
        else:
            self._count_different(kind, planned, path)

    def _forget_lost_session(self, kind: str, cleaned: Cleaned, shown: Document) -> None:
        """A job whose session is not in the source either is shown without one."""
        expected = cleaned.document
        if kind != 'jobs' or not expected['session_id'] or shown['session_id']:
            return
        there = preparing.is_there(
            self._index, 'sessions', expected['project_id'], expected['session_id']
        )
        if not there:
            cleaned.notes.keep('session_gone', 'session_id', expected['session_id'])
            expected['session_id'] = ''

    def _entry(self, planned: preparing.Planned) -> Any:
        with self._context.database.reading(self._context):
            return ledger.find(self._context.connection, [planned.key]).get(planned.key)

    def _count_different(self, kind: str, planned: preparing.Planned, path: str) -> None:
        entry = self._entry(planned)
        if self._has_no_row(entry):
            return
        if entry is not None and entry.version is None and 'already_there' in (entry.reasons or ''):
            # It was the same, or it would not be said to be there.
            self.changed_since += 1
            return
        if entry is not None and entry.version is not None:
            with self._context.database.writing(self._context):
                untouched = targets.is_as_migrated(self._context.connection, kind, entry)
            if not untouched:
                self.changed_since += 1
                return
        self.different += 1
        self._example(f'{planned.source}: {path or "another kind of value"}')

    def _has_no_row(self, entry: Any) -> bool:
        """Whether a document has none of its own by what the ledger says; count it then."""
        if entry is None or entry.state not in (MERGED, REJECTED):
            return False
        self.not_compared[orjson.loads(entry.reasons)[0]] += 1
        return True

    def _count_missing(self, kind: str) -> None:
        last = 0
        while rows := self._index.select(
            f'SELECT {preparing.COLUMNS} FROM documents WHERE kind = ? AND state IS NULL AND is_seen = 0'
            ' AND number > ? ORDER BY number LIMIT ?',
            *(KINDS.index(kind), last, _LARGEST_PAGE),
        ).fetchall():
            for row in rows:
                planned = preparing.Planned(*row)
                last = planned.number
                if not self._compare_alone(kind, planned):
                    self._count_gone(planned)

    def _count_gone(self, planned: preparing.Planned) -> None:
        entry = self._entry(planned)
        if self._has_no_row(entry):
            return
        if entry is None:
            self.different += 1
            self._example(f'{planned.source}: never loaded')
            return
        self.gone += 1
        self.lost += entry.run_id == self._run_id
        self._example(f'{planned.source}: not there')

    def _compare_alone(self, kind: str, planned: preparing.Planned) -> bool:
        """Compare a document that was on no page: those behind one that is deleted meanwhile move up."""
        assert planned.owner is not None
        self._context.scope = Scope(planned.owner)
        wanted = search.parse({'match': [{_ID[kind]: planned.target}]})
        for shown in _FIND[kind](self._context, wanted, search.Page(_LARGEST_PAGE)):
            found = (shown['client'] if kind == 'clients' else shown)[_ID[kind]]
            if (shown['project_id'], found) == (planned.owner, planned.target):
                self._compare(kind, planned.owner, shown)
                return True
        return False

    def _example(self, text: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(text)


def _expected(kind: str, document: Document) -> Document:
    """The document with all that an answer shows besides."""
    expected = {**_SHOWN.get(kind, {}), **document}
    if kind != 'jobs':
        return expected
    schedule = {'event': '', 'status': '', 'result': '', **document['job_schedule']}
    if schedule['event'] == 'abort':
        schedule.setdefault('current_pid', jobs.NO_PROCESS)
    expected['job_schedule'] = schedule
    owner = {'user_id': document['user_id'], 'project_id': document['project_id']}
    expected['job_actions'] = [
        {**_SHOWN['actions'], **owner, **entry} for entry in document['job_actions']
    ]
    return expected


def _difference(expected: Any, shown: Any, path: str = '') -> str | None:
    """The path of the first difference; none if there is none."""
    if isinstance(expected, dict) and isinstance(shown, dict):
        if path == 'jobs':
            # Jobs that name the session without being listed are in it all the same.
            shown = {name: value for name, value in shown.items() if name in expected}
        for name in expected.keys() | shown.keys():
            below = f'{path}.{name}' if path else name
            if name not in expected or name not in shown:
                return below
            found = _difference(expected[name], shown[name], below)
            if found is not None:
                return found
        return None
    if isinstance(expected, list) and isinstance(shown, list) and len(expected) == len(shown):
        for position, (one, other) in enumerate(zip(expected, shown, strict=True)):
            found = _difference(one, other, f'{path}[{position}]')
            if found is not None:
                return found
        return None
    return None if same(expected, shown) else path


def _missing(source: Any, shown: Any, cleaned: Cleaned, path: str = '') -> str | None:
    """The path of the first value of an untouched source that an answer does not have; none if it has all.

    This does not look at what was made of the document on its way, so it finds mistakes of that too.
    """
    if path in cleaned.notes.remainder or (path in _AROUND) or source in _BLANK:
        return None
    if isinstance(source, dict) and isinstance(shown, dict):
        for name, value in source.items():
            below = f'{path}.{name}' if path else name
            found = _missing(value, shown.get(name), cleaned, below)
            if found is not None:
                return found
        return None
    if isinstance(source, list) and isinstance(shown, list) and len(source) == len(shown):
        for position, (one, other) in enumerate(zip(source, shown, strict=True)):
            found = _missing(one, other, cleaned, f'{path}[{position}]')
            if found is not None:
                return found
        return None
    return None if same(source, shown) else path
