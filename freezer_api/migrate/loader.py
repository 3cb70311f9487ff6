# SPDX-License-Identifier: Apache-2.0
"""Rows of planned documents, in batches: one transaction writes the rows of a batch and the ledger's entries for them.

So a migration may stop at any moment and go on later: what the ledger has is done. A row that was changed in the
service since it was migrated is never written again.
"""

import contextlib
import dataclasses
import gc
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import sqlalchemy as sa
from oslo_db import exception as db_exception

from freezer_api.context import RequestContext
from freezer_api.db import session
from freezer_api.migrate import (
    exchange,
    joining,
    ledger,
    preparing,
    reasons,
    records,
    report,
    targets,
)
from freezer_api.migrate.dump import Reader
from freezer_api.migrate.errors import TargetError, plain
from freezer_api.migrate.index import Index
from freezer_api.migrate.preparing import Planned, Prepared
from freezer_api.migrate.progress import Progress
from freezer_api.migrate.records import KINDS, Document
from freezer_api.migrate.rejects import RejectFile
from freezer_api.migrate.rows import Rows, fingerprint, link, set_version
from freezer_api.migrate.targets import Replaced

# Seconds to wait for a database that is away.
PATIENCE = 60

# Objects, after which garbage is looked for.
_GARBAGE = 100_000


@dataclasses.dataclass(slots=True)
class _Outcome:
    """What became of a document, to be counted when the transaction is committed."""

    planned: Planned
    state: str
    why: list[str]
    done: str
    rows: Rows | None = None
    remainder: Document | None = None
    # Of the row, if there is one.
    fingerprint: tuple[int, int] | None = None
    # Leave the ledger's entry as it is.
    is_noted: bool = False
    # Not settled: what is in the way may go yet.
    is_late: bool = False


_Write = Callable[[RequestContext, list[Planned]], list[_Outcome]]


@dataclasses.dataclass
class Loader:
    """Loads the documents of one spool.

    :ivar context: with the database, and a scope that is not used
    :ivar kinds: what indices hold that are not named after it
    :ivar packet: bytes that a statement may have; None for no limit
    :ivar is_fresh: the ledger was empty when the run began
    :ivar zones: the service takes start and end dates with a zone
    """

    context: RequestContext
    index: Index
    reader: Reader
    kinds: Mapping[str, str]
    run_id: str
    report: report.Report
    rejects: RejectFile | None
    packet: int | None
    is_fresh: bool
    dry_run: bool = False
    zones: bool = False
    _central: dict[str, str] = dataclasses.field(default_factory=dict)
    _waiting: joining.Waiting = dataclasses.field(default_factory=dict)

    def load(self, progress: Progress) -> None:
        """Load everything.

        :raises TargetError: the database is away, and stays so
        """
        with _rare_collections():
            for kind in (*range(len(KINDS)), None):
                self._load_kind(kind, progress)
        progress.end()

    def _load_kind(self, kind: int | None, progress: Progress) -> None:
        total = self.index.value('SELECT count(*) FROM documents WHERE kind IS ?', kind)
        progress.begin('other lines' if kind is None else f'loading {KINDS[kind]}', total)
        if kind == KINDS.index('jobs'):
            # Not as a reader: of a dry run only its own transaction sees what it wrote.
            with self.context.database.writing(self.context):
                self._central = targets.central_clients(self.context.connection)
        if kind == KINDS.index('sessions') and not self.is_fresh:
            with self.context.database.writing(self.context):
                self._waiting = joining.waiting(self.context.connection)
        done, late = 0, []
        for batch in preparing.batches(self.index, kind):
            outcomes = self._patiently(batch, self._write)
            late += [outcome.planned.number for outcome in outcomes if outcome.is_late]
            self._settle([outcome for outcome in outcomes if not outcome.is_late])
            done += len(batch)
            rejected = self.report.total(reasons.REJECTED)
            progress.update(done, f'{rejected:,} rejected' if rejected else '')
        for batch in preparing.chosen(self.index, late):
            self._settle(self._patiently(batch, self._write_late))

    def _make(self, planned: Planned) -> Prepared:
        return preparing.prepare(
            self.index, self.reader, self.kinds, planned, self.packet, self.zones
        )

    def _patiently(self, batch: list[Planned], function: _Write) -> list[_Outcome]:
        if self.dry_run:
            return function(self.context, batch)
        give_up = time.monotonic() + PATIENCE
        pause, write = 0.1, session.retry(_transaction)
        while True:
            try:
                return write(self.context, function, batch)
            except db_exception.DBConnectionError as error:
                # Whether the transaction was committed, the ledger tells.
                self.is_fresh = False
                if time.monotonic() > give_up:
                    raise TargetError(
                        f'The database is away ({plain(error)}). Run the same command again to go on.'
                    ) from None
                time.sleep(pause)
                pause = min(2 * pause, 5)

    def _write(self, context: RequestContext, batch: list[Planned]) -> list[_Outcome]:
        connection = context.connection
        known = {} if self.is_fresh else ledger.find(connection, [doc.key for doc in batch])
        outcomes, new = [], []
        for planned in batch:
            before = known.get(planned.key)
            outcome = _without_row(planned, before) or _unchanged(planned, before)
            if outcome is None or _lacks_something(outcome, before):
                new.append((planned, before))
            else:
                outcomes.append(outcome)
        if new:
            outcomes += self._store(connection, new)
            # A report names the same examples whatever had to be looked at.
            outcomes.sort(key=lambda outcome: outcome.planned.number)
        self._note(connection, outcomes, known)
        return outcomes

    def _write_late(self, context: RequestContext, batch: list[Planned]) -> list[_Outcome]:
        """Write documents that others were in the way of; by now these may be elsewhere."""
        connection = context.connection
        known = ledger.find(connection, [planned.key for planned in batch])
        documents = [(planned, known.get(planned.key)) for planned in batch]
        read = [(planned, before, self._make(planned)) for planned, before in documents]
        found = targets.referred(connection, [prepared for _, _, prepared in read])
        self._let_members_go(connection, documents)
        decided = [(self._decide(*document, found), document[1]) for document in read]
        outcomes = [outcome for outcome, _ in decided if outcome.rows is None]
        changes = [
            (outcome, before, exchange.Change(before if _has_row(before) else None, outcome.rows))
            for outcome, before in decided
            if outcome.rows is not None
        ]
        kind = KINDS[batch[0].kind or 0]
        results = exchange.write(connection, kind, [change for _, _, change in changes])
        for (outcome, before, _), result in zip(changes, results, strict=True):
            if result is not Replaced.DONE and _has_row(before):
                outcome = self._kept(connection, outcome, before, result)
            elif result is not Replaced.DONE:
                self._insert_alone(connection, outcome, is_last=True)
            outcomes.append(outcome)
        for outcome in outcomes if self._waiting else ():
            self._fill_session(connection, outcome)
        self._note(connection, outcomes, known)
        return outcomes

    def _note(
        self, connection: sa.Connection, outcomes: list[_Outcome], known: Mapping[str, Any]
    ) -> None:
        for outcome in outcomes:
            before = known.get(outcome.planned.key)
            if outcome.done == report.NEW and before is not None and before.state == outcome.state:
                outcome.done = report.UNCHANGED
        entries = {
            outcome.planned.key: self._entry(outcome)
            for outcome in outcomes
            if not (outcome.is_noted or outcome.is_late)
        }
        ledger.write(connection, list(entries.values()), known)

    def _store(
        self, connection: sa.Connection, documents: list[tuple[Planned, Any]]
    ) -> list[_Outcome]:
        """Write rows of documents that have none yet, or older ones."""
        outcomes: list[_Outcome] = []
        to_insert: list[_Outcome] = []
        read = [(planned, before, self._make(planned)) for planned, before in documents]
        found = targets.referred(connection, [prepared for _, _, prepared in read])
        self._let_members_go(connection, documents)
        for planned, before, prepared in read:
            outcome = self._decide(planned, before, prepared, found)
            same = _unchanged(planned, before)
            if outcome.rows is None or (same is not None and same.why == outcome.why):
                outcomes.append(same or outcome)
            elif _has_row(before):
                result = targets.replace(connection, KINDS[planned.kind or 0], before, outcome.rows)
                if result is Replaced.TAKEN:
                    outcome.is_late = True
                elif result is Replaced.IN_USE:
                    outcome = self._kept(connection, outcome, before, result)
                outcomes.append(outcome)
            else:
                to_insert.append(outcome)
        if not targets.insert(connection, [outcome.rows or {} for outcome in to_insert]):
            for outcome in to_insert:
                self._insert_alone(connection, outcome, is_last=self.is_fresh)
        outcomes += to_insert
        for outcome in outcomes if self._waiting else ():
            self._fill_session(connection, outcome)
        return outcomes

    def _fill_session(self, connection: sa.Connection, outcome: _Outcome) -> None:
        """Put jobs of earlier runs into a session, those apart that are among the documents again."""
        planned, rows = outcome.planned, outcome.rows
        if planned.collection != 'sessions' or rows is None or outcome.state == reasons.REJECTED:
            return
        for entry in self._waiting.get((planned.owner or '', planned.target or ''), ()):
            if not preparing.is_there(self.index, 'jobs', entry.project_id, entry.target_id):
                joining.join(connection, entry, rows, outcome.remainder or {})

    def _let_members_go(
        self, connection: sa.Connection, documents: list[tuple[Planned, Any]]
    ) -> None:
        """Have jobs looked at again whose session is about to move."""
        moved = [
            (before.project_id, before.target_id)
            for planned, before in documents
            if planned.collection == 'sessions'
            and before is not None
            and before.version is not None
            and (before.project_id, before.target_id) != (planned.owner, planned.target)
        ]
        jobs = targets.members_of(connection, moved) if moved else []
        if jobs:
            entries = ledger.ENTRIES.c
            ledger.look_again(
                connection, 'jobs', targets.any_of(entries.project_id, entries.target_id, jobs)
            )

    def _insert_alone(
        self, connection: sa.Connection, outcome: _Outcome, is_last: bool
    ) -> None:
        """Write the rows of one document, or find out why that is impossible.

        :param is_last: what is in the way stays there
        """
        planned, wanted = outcome.planned, outcome.rows or {}
        kind = KINDS[planned.kind or 0]
        if targets.insert(connection, [wanted]):
            return
        other = None if self.is_fresh else preparing.holder(self.index, planned)
        if other is not None and self._take_over(connection, outcome, *other):
            return
        if not is_last and (other is None or other[1] is not None):
            outcome.is_late = True
        elif targets.has_same(connection, kind, wanted):
            outcome.fingerprint = None
            outcome.why.append('already_there')
            outcome.done = report.KEPT
        elif not self._make_uuid(connection, outcome, None):
            outcome.fingerprint = None
            outcome.state, outcome.why = reasons.REJECTED, ['target_conflict']

    def _take_over(
        self, connection: sa.Connection, outcome: _Outcome, key: str, other: Planned | None
    ) -> bool:
        """Put rows in place of those of a document that is the same thing now; tell whether that was possible.

        :param key: of the other document
        :param other: its line
        """
        planned, rows = outcome.planned, outcome.rows or {}
        kind = KINDS[planned.kind or 0]
        entry = ledger.find(connection, [key]).get(key)
        if entry is None or not _has_row(entry):
            return False
        is_there = (entry.project_id, entry.target_id) == (planned.owner, planned.target)
        # A host is registered anew under a new _id; anything else that is gone from the source may still be wanted.
        is_same = kind == 'clients' if other is None else other.state == reasons.MERGED
        if not (is_there and is_same):
            return False
        left = ledger.left_of(connection, kind, entry) if other is None else None
        set_version(rows, kind, entry.version + 1)
        if targets.replace(connection, kind, entry, rows) is not Replaced.DONE:
            return False
        outcome.fingerprint, outcome.done = fingerprint(rows, kind), report.UPDATED
        if other is None:
            gone = {'state': reasons.MERGED, 'reasons': '["registered_again"]', 'remainder': ledger.text(left)}
            noted = {'id': key, 'version': None, 'updated_at': None, **gone}
        else:
            noted = self._entry(_Outcome(other, reasons.MERGED, [other.reason or ''], report.MERGED))
        ledger.write(connection, [noted], {key: entry})
        return True

    def _make_uuid(self, connection: sa.Connection, outcome: _Outcome, before: Any) -> bool:
        """Write a client with a uuid of its own if its own is that of another one; tell whether it is written.

        :param before: the ledger's entry if it has a row
        """
        planned, rows = outcome.planned, outcome.rows or {}
        if planned.collection != 'clients' or not targets.has_uuid(connection, rows):
            return False
        planned.is_unique = 0
        made = self._decide(planned, before, self._make(planned), targets.NOTHING)
        if made.rows is None or not (
            targets.insert(connection, [made.rows])
            if before is None
            else targets.replace(connection, 'clients', before, made.rows) is Replaced.DONE
        ):
            planned.is_unique = 1
            return False
        self.index.select('UPDATE documents SET is_unique = 0 WHERE number = ?', planned.number)
        for field in dataclasses.fields(made):
            setattr(outcome, field.name, getattr(made, field.name))
        return True

    def _kept(
        self, connection: sa.Connection, outcome: _Outcome, before: Any, result: Replaced
    ) -> _Outcome:
        """The outcome for a document whose rows of an earlier run could not be replaced."""
        planned = outcome.planned
        if result is Replaced.TAKEN and self._make_uuid(connection, outcome, before):
            return outcome
        reason = 'target_conflict' if result is Replaced.TAKEN else 'changed_in_service'
        return _unchanged(planned, before) or _Outcome(
            *(planned, reasons.REJECTED, [reason], report.KEPT), is_noted=True
        )

    def _decide(
        self, planned: Planned, before: Any, prepared: Prepared, found: targets.Referred
    ) -> _Outcome:
        """What to write of a document, now that the tables are known."""
        kind, notes = KINDS[planned.kind or 0], prepared.notes
        has_row = _has_row(before)
        if prepared.refused is not None:
            done = report.KEPT if has_row else report.NEW
            return _Outcome(
                planned, reasons.REJECTED, [prepared.refused], done, is_noted=has_row
            )
        if kind == 'jobs':
            self._link(prepared, found)
        if has_row:
            set_version(prepared.rows, kind, before.version + 1)
        return _Outcome(
            *(planned, notes.state, list(notes.reasons), report.UPDATED if has_row else report.NEW),
            rows=prepared.rows,
            remainder=notes.remainder,
            fingerprint=fingerprint(prepared.rows, kind),
        )

    def _link(self, prepared: Prepared, found: targets.Referred) -> None:
        """Put a job into its session, and mark it as one of a central client."""
        document, notes = prepared.document, prepared.notes
        project_id, client_id = document['project_id'], document['client_id']
        is_central = client_id in self._central
        is_known = prepared.has_client or is_central or (project_id, client_id) in found.clients
        if not is_known:
            notes.add('client_not_registered')
        session_id = document['session_id']
        row = found.sessions.get((project_id, session_id)) if session_id else None
        if session_id and row is None:
            notes.keep('session_gone', 'session_id', session_id)
        link(prepared.rows, client_id if is_central else None, row, prepared.part)

    def _entry(self, outcome: _Outcome) -> Document:
        planned = outcome.planned
        remainder = outcome.remainder
        if planned.reason in ('registered_again', 'same_document'):
            # What differs in a merged document is to be found here.
            line = self.reader.read(planned.position, planned.length)
            remainder = records.parse(line, self.kinds).source
        version, updated_at = outcome.fingerprint or (None, None)
        return {
            'id': planned.key,
            'run_id': self.run_id,
            'collection': planned.collection,
            'source': planned.source,
            'digest': planned.content.hex(),
            'state': outcome.state,
            'reasons': orjson.dumps(outcome.why).decode() if outcome.why else None,
            'project_id': planned.owner,
            'target_id': planned.target,
            'version': version,
            'updated_at': updated_at,
            'remainder': ledger.text(remainder, self.packet),
        }

    def _settle(self, outcomes: list[_Outcome]) -> None:
        """Count what is committed."""
        for outcome in outcomes:
            planned = outcome.planned
            self.report.add(planned.collection, outcome.state, outcome.why, planned.source, outcome.done)
            if outcome.state != reasons.REJECTED:
                continue
            if planned.state is None:
                self.index.select(
                    "UPDATE documents SET state = 'rejected', reason = ? WHERE number = ?",
                    *(outcome.why[0], planned.number),
                )
            if self.rejects is not None:
                self.rejects.add(self.reader, planned.position, planned.length, outcome.why[0])


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage in cycles less often: nearly all that a batch leaves behind is in none."""
    before = gc.get_threshold()
    gc.set_threshold(_GARBAGE, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _transaction(
    context: RequestContext,
    write: _Write,
    batch: list[Planned],
) -> list[_Outcome]:
    with context.database.writing(context):
        return write(context, batch)


def _without_row(planned: Planned, before: Any) -> _Outcome | None:
    """The outcome for a document of which the plan makes no row."""
    if planned.state is None:
        return None
    why = [planned.reason or '']
    if planned.is_extra:
        # The entry is that of the line that counts.
        return _Outcome(planned, planned.state, why, report.MERGED, is_noted=True)
    if _has_row(before):
        return _Outcome(planned, planned.state, why, report.KEPT, is_noted=True)
    return _Outcome(planned, planned.state, why, report.NEW)


def _unchanged(planned: Planned, before: Any) -> _Outcome | None:
    """The outcome for a document that an earlier run has loaded as it is now."""
    if before is None or before.state in (reasons.REJECTED, reasons.MERGED):
        return None
    now = (planned.content.hex(), planned.owner, planned.target)
    if (before.digest, before.project_id, before.target_id) != now:
        return None
    why = orjson.loads(before.reasons) if before.reasons else []
    if not planned.is_unique and 'uuid_made' not in why:
        return None
    return _Outcome(planned, before.state, why, report.UNCHANGED, is_noted=True)


def _has_row(before: Any) -> bool:
    return before is not None and before.version is not None


def _lacks_something(unchanged: _Outcome, before: Any) -> bool:
    """Whether a document refers to what was not there, and may be by now."""
    return not reasons.LINKS.isdisjoint(unchanged.why) and before.version is not None
