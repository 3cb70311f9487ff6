# SPDX-License-Identifier: Apache-2.0
"""One run of a migration, from the preflight to the report."""

import contextlib
import dataclasses
import functools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from oslo_config import cfg

from freezer_api.context import RequestContext, Scope
from freezer_api.db import session
from freezer_api.migrate import (
    dump,
    errors,
    ledger,
    output,
    owners,
    plan,
    preflight,
    records,
    report,
    undo,
)
from freezer_api.migrate import earlier as earlier_runs
from freezer_api.migrate import index as index_of_lines
from freezer_api.migrate.dump import Reader
from freezer_api.migrate.errors import MigrationError
from freezer_api.migrate.index import Index
from freezer_api.migrate.loader import Loader
from freezer_api.migrate.progress import Progress
from freezer_api.migrate.reasons import PASSING, REJECTED
from freezer_api.migrate.records import KINDS, Document
from freezer_api.migrate.rejects import RejectFile
from freezer_api.migrate.rows import MAIN
from freezer_api.migrate.settings import Live, Settings
from freezer_api.migrate.verify import Verifier

# Entries of the ledger that are read at once, and those that a report lists because their documents are missing.
_PAGE = 5000
_MISSING = 1000

_TRIAL = 'This was a dry run; nothing was written.'


class _RolledBack(Exception):
    """The end of a dry run."""


class Run:
    """A migration into the database of a configuration."""

    def __init__(self, conf: cfg.ConfigOpts, settings: Settings) -> None:
        self._conf = conf
        self._settings = settings
        self._progress = Progress(settings.quiet)
        self._report = report.Report(dry_run=settings.dry_run)
        # What a live source said of itself.
        self._server: Document = {}
        # Of the run that loads, if this one does.
        self._run_id: str | None = None

    def execute(self) -> int:
        """Do what was asked for; return the exit code.

        :raises MigrationError: that is impossible
        :raises KeyboardInterrupt: somebody interrupted it
        """
        settings = self._settings
        with self._progress.interruptible(), self._folder() as folder:
            if settings.stage == 'pull':
                with self._timed('pull'):
                    path = self._pull(folder)
                self._tell(f'Pulled into {path}.')
                return self._finish_pull(path)
            database = session.Database(self._conf)
            context = RequestContext(user_id='migration', overwrite=False)
            context.database, context.scope = database, Scope('')
            try:
                packet, told = preflight.check_target(database)
                with ledger.locked(database):
                    if settings.undo:
                        return self._undo(context)
                    for line in told:
                        self._tell(line)
                    return self._migrate(context, folder, packet)
            finally:
                self._progress.end()
                database.dispose()

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        settings = self._settings
        if settings.spool is not None:
            creates = settings.stage in ('all', 'pull') and not settings.undo
            with dump.locked(settings.spool, creates):
                yield settings.spool
        else:
            with tempfile.TemporaryDirectory(prefix='freezer_migration_') as folder:
                yield Path(folder)

    def _tell(self, line: str) -> None:
        if not self._settings.quiet:
            output.tell(report.printable(line))

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._report.seconds[step] = time.monotonic() - began

    def _pull(self, folder: Path) -> Path:
        if self._settings.live is not None:
            return self._pull_live(self._settings.live, folder)
        source = self._settings.dump
        assert source is not None
        loads = self._settings.stage != 'pull'
        for line in preflight.check_space(source, folder, copies=True, loads=loads):
            self._tell(line)
        self._progress.begin('reading bytes', source.stat().st_size)
        is_spool = self._settings.stage == 'pull'
        path = dump.unpack(source, folder, self._progress.update, is_spool)
        self._progress.end()
        return path

    def _pull_live(self, live: Live, folder: Path) -> Path:
        description = live.describe()
        for line in live.tell(description):
            self._tell(line)
        for line in preflight.check_space_for_server(description['bytes'], folder):
            self._tell(line)
        self._progress.begin('pulling', description['documents'])
        path = dump.pull(live.documents(), folder, self._progress.update)
        self._progress.end()
        changed = live.changed_since(description)
        self._server = {**description, 'changed_while_read': changed}
        if changed:
            text = f'The source changed while it was read ({", ".join(changed)}).'
            output.tell(f'{text} Stop who writes to it and run again.')
        return path

    def _finish_pull(self, path: Path) -> int:
        """Report what there is to load; return the exit code."""
        self._report.source = self._describe(path)
        is_written = self._settings.report is None or self._write_report(
            {'source': self._report.source, 'seconds': self._report.to_document()['seconds']}
        )
        return errors.DONE if is_written else errors.SOURCE

    def _describe(self, spool: Path) -> Document:
        """Where the documents are from."""
        found = {'file': _text(self._settings.dump or spool), 'bytes': spool.stat().st_size}
        return {**found, 'server': self._server} if self._server else found

    def _spool(self, folder: Path) -> Path:
        """The file with the documents; a dump that is not compressed serves as it is."""
        source = self._settings.dump
        if source is None and (self._settings.live is None or self._settings.stage != 'all'):
            source = dump.spooled(folder)
        elif source is None or dump.is_compressed(source):
            with self._timed('pull'):
                return self._pull(folder)
        for line in preflight.check_space(source, folder, copies=False, loads=True):
            self._tell(line)
        return source

    def _migrate(self, context: RequestContext, folder: Path, packet: int | None) -> int:
        try:
            spool = self._spool(folder)
            with contextlib.closing(Reader(spool)) as reader:
                return self._migrate_spool(context, folder, spool, reader, packet)
        finally:
            dump.discard_unpacked(folder)

    def _migrate_spool(
        self, context: RequestContext, folder: Path, spool: Path, reader: Reader, packet: int | None
    ) -> int:
        settings = self._settings
        self._report.source = self._describe(spool)
        with self._timed('digest'):
            self._progress.begin('reading bytes', spool.stat().st_size)
            count, lines = index_of_lines.digest_of(spool, self._progress.update)
        reader.check()
        deciding = settings.deciding + bytes([self._conf.api.schedule_zones])
        digest = records.digest(deciding + lines.encode() + str(count).encode()).hex()
        earlier = None if settings.dry_run else self._earlier(context, digest)
        verifies_only = settings.stage == 'verify'
        if earlier is not None and self._is_final(earlier):
            self._report = dataclasses.replace(
                earlier, seconds=self._report.seconds, source=self._report.source
            )
            if not settings.verify:
                return self._finish(context, is_fresh=False)
            loads = False
        else:
            loads = not verifies_only
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        index = Index(folder / dump.INDEX)
        try:
            earlier_runs.note(context, index)
            self._plan(index, spool, stays=not loads)
            reader.check()
            is_fresh = self._read(context, ledger.is_empty)
            if loads:
                if not is_fresh:
                    self._count_missing(context, index)
                self._load(context, index, reader, packet, is_fresh, digest)
            if settings.verify:
                self._verify(context, index, reader)
            return self._finish(context, is_fresh)
        finally:
            index.close()

    def _read(self, context: RequestContext, function: Callable[[sa.Connection], Any]) -> Any:
        with context.database.reading(context):
            return function(context.connection)

    def _earlier(self, context: RequestContext, digest: str) -> report.Report | None:
        """The report of the last run, if it loaded exactly these documents with the same settings."""
        found: Document | None = self._read(
            context, lambda connection: ledger.last_report(connection, digest)
        )
        return None if found is None else report.from_document(found)

    def _is_final(self, earlier: report.Report) -> bool:
        """Whether another run like an earlier one has nothing to do."""
        settings = self._settings
        if settings.reject_file is not None and earlier.total(REJECTED):
            return False
        if not PASSING.isdisjoint(earlier.found):
            return False
        # By now Keystone may say more.
        return settings.users is None or not (earlier.users or earlier.keystone['failure'])

    def _plan(self, index: Index, spool: Path, stays: bool) -> None:
        settings = self._settings
        with self._timed('index'):
            self._progress.begin('reading bytes', spool.stat().st_size)
            index.fill(spool, settings.kinds, self._progress.update)
        with self._timed('plan'):
            self._progress.begin('planning')
            plan.merge_repeated(index)
            users = settings.users
            ask = None if users is None else users.project_of
            if users is not None and settings.default_project is not None:
                ask = users.project_that_is_needed
            self._report.users = owners.resolve(
                *(index, settings.projects, settings.default_project),
                ask,
                stays,
            )
            if users is not None:
                self._report.keystone = users.to_document()
            self._report.unused = _unknown_users(index, settings.projects)
            plan.place(index, stays)
            plan.link_parts(index)
            self._progress.end()
        counts = index.select(
            'SELECT kind, count(*) FROM documents GROUP BY kind ORDER BY kind IS NULL, kind'
        ).fetchall()
        found = ', '.join(
            f'{count:,} {"other lines" if kind is None else KINDS[kind]}' for kind, count in counts
        )
        self._tell(f'There are {found or "no documents"}.')

    def _count_missing(self, context: RequestContext, index: Index) -> None:
        """Find what earlier runs made rows of and the source does not have."""
        index.select('CREATE INDEX IF NOT EXISTS by_place ON documents (place)')
        found, last = self._report, ''
        self._progress.begin('comparing with earlier runs')
        while entries := self._read(context, functools.partial(_migrated, last=last)):
            last = entries[-1].id
            for entry in entries:
                if index.value('SELECT 1 FROM documents WHERE place = ?', bytes.fromhex(entry.id)):
                    continue
                found.missing += 1
                if len(found.missing_examples) < _MISSING:
                    found.missing_examples.append(entry.source)
            self._progress.update(found.missing)
        self._progress.end()

    def _load(
        self,
        context: RequestContext,
        index: Index,
        reader: Reader,
        packet: int | None,
        is_fresh: bool,
        digest: str,
    ) -> None:
        settings = self._settings
        rejects = None if settings.reject_file is None else RejectFile(settings.reject_file)
        self._run_id = run_id = session.new_id()
        loader = Loader(
            *(context, index, reader, settings.kinds, run_id, self._report, rejects, packet),
            *(is_fresh, settings.dry_run, self._conf.api.schedule_zones),
        )
        try:
            with self._timed('load'), self._transaction(context):
                _begin(context, run_id)
                loader.load(self._progress)
                self._check_sum(index)
                _end(context, run_id, digest, self._report.to_document())
        finally:
            if rejects is not None:
                rejects.close()

    def _check_sum(self, index: Index) -> None:
        """Make sure that every line has a state.

        :raises MigrationError: that is a defect of this program
        """
        counted = self._report.total()
        if counted != index.lines:
            raise MigrationError(f'{index.lines:,} lines were read, but {counted:,} accounted for; this is a defect.')

    @contextlib.contextmanager
    def _transaction(self, context: RequestContext) -> Iterator[None]:
        """Of a dry run: one transaction around all others, which is rolled back."""
        if not self._settings.dry_run:
            yield
            return
        with contextlib.suppress(_RolledBack), context.database.writing(context):
            yield
            raise _RolledBack

    def _verify(self, context: RequestContext, index: Index, reader: Reader) -> None:
        verifier = Verifier(context, index, reader, dict(self._settings.kinds), self._run_id)
        with self._timed('verify'):
            verifier.run(self._progress)
        self._report.verified = verifier.to_document()

    def _finish(self, context: RequestContext, is_fresh: bool) -> int:
        """Report; return the exit code."""
        found = self._report
        if not is_fresh and self._settings.stage != 'verify':
            found.changed_since = self._read(context, _changed_since)
        verifies_only = self._settings.stage == 'verify'
        if verifies_only:
            text = report.verification(found.verified) + report.not_compared(found.verified)
        else:
            text = report.lines(found)
        if found.dry_run:
            text.append(_TRIAL)
        is_written = self._settings.report is None or self._write_report(found.to_document())
        output.write(sys.stdout, ''.join(f'{report.printable(line)}\n' for line in text))
        verified = found.verified
        # Users may have deleted what else is gone.
        if verified and (verified['different'] or verified['lost']):
            return errors.DIFFERENCES
        if found.total(REJECTED) and not verifies_only:
            return errors.REJECTS
        return errors.DONE if is_written else errors.SOURCE

    def _write_report(self, document: Document) -> bool:
        """Whether that could be done; what was migrated is more than a report."""
        path = self._settings.report
        assert path is not None
        try:
            path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b'\n')
        except OSError as error:
            output.tell(f'{path} cannot be written: {error.strerror}')
            return False
        return True

    def _undo(self, context: RequestContext) -> int:
        is_trial = self._settings.dry_run
        with self._transaction(context):
            counts = undo.undo(context, self._progress)
        text = undo.lines(counts)
        if is_trial:
            text.append(_TRIAL)
        document = undo.to_document(counts, is_trial)
        is_written = self._settings.report is None or self._write_report(document)
        output.write(sys.stdout, ''.join(f'{report.printable(line)}\n' for line in text))
        return errors.DONE if is_written else errors.SOURCE


def _text(path: Path) -> str:
    # Names of files are bytes, which need not be text.
    return os.fsencode(path).decode(errors='replace')


@session.retry
@session.writer
def _begin(context: RequestContext, run_id: str) -> None:
    ledger.begin(context.connection, run_id)


@session.retry
@session.writer
def _end(context: RequestContext, run_id: str, digest: str, document: Document) -> None:
    ledger.end(context.connection, run_id, digest, document)


def _unknown_users(index: Index, users: Iterable[str]) -> list[str]:
    """Those who have no documents at all."""
    known = {user for (user,) in index.select('SELECT DISTINCT user_id FROM documents')}
    return sorted(set(users) - known)


def _migrated(connection: sa.Connection, last: str) -> Sequence[Any]:
    """Some entries with rows after one."""
    entry = ledger.ENTRIES.c
    return connection.execute(
        sa.select(entry.id, entry.source)
        .where(entry.version.is_not(None), entry.id > last)
        .order_by(entry.id)
        .limit(_PAGE)
    ).all()


def _changed_since(connection: sa.Connection) -> dict[str, int]:
    """How many migrated rows were changed or deleted in the service, by kind."""
    counts = {}
    entry = ledger.ENTRIES
    for kind, (table, name) in MAIN.items():
        joined = entry.outerjoin(
            table,
            sa.and_(table.c.project_id == entry.c.project_id, table.c[name] == entry.c.target_id),
        )
        counts[kind] = connection.execute(
            sa.select(sa.func.count())
            .select_from(joined)
            .where(
                entry.c.collection == kind,
                entry.c.version.is_not(None),
                sa.or_(
                    table.c.project_id.is_(None),
                    table.c.version != entry.c.version,
                    table.c.updated_at != entry.c.updated_at,
                ),
            )
        ).scalar_one()
    return counts
