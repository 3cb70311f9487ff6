# SPDX-License-Identifier: Apache-2.0
"""The plans of every list, search and poll, at 100,000 jobs and at 1,000 beside it.

    python benchmarks/plans.py [--jobs 100000] [--url mysql+pymysql://root@127.0.0.1:3306/] [--only TEXT] [--verbose]

Fails if a statement reads a table without an index, or sorts rows of a table. See README.rst beside this file.
"""

import argparse
import contextlib
import dataclasses
import json
import re
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from asked import make
from dataset import Dataset
from harness import Request, build, database, send, server

SMALL_SIZE = 1000
REPEATS = 5

_UNCOUNTED = re.compile(r'\s*(BEGIN|START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|SELECT 1\s*$)', re.I)
_VALUE = re.compile(r'^( *"\w+": ")(.*)(",?)$', re.M)
# One row by its key, or none.
_ONE_ROW = ('const', 'eq_ref', 'system')


@dataclasses.dataclass(frozen=True)
class Access:
    """How one table is read.

    :ivar read: rows that were really read, in all loops
    """

    table: str
    kind: str
    key: str
    read: int

    @property
    def derived(self) -> bool:
        return self.table.startswith('<')


@dataclasses.dataclass
class Plan:
    """The plans of a request's statements, together.

    :ivar sorts: tables whose rows are sorted, one tuple a sort
    """

    statements: int = 0
    accesses: list[Access] = dataclasses.field(default_factory=list)
    sorts: list[tuple[Access, ...]] = dataclasses.field(default_factory=list)
    texts: list[str] = dataclasses.field(default_factory=list)
    milliseconds: float = 0
    answers: int = 0

    @property
    def read(self) -> int:
        return sum(access.read for access in self.accesses if not access.derived)

    def bad_sorts(self) -> list[tuple[Access, ...]]:
        """Sorts of more than a page: a page is a derived table, and joins to it bring one row each."""
        return [
            sort
            for sort in self.sorts
            if not all(access.derived or access.kind in _ONE_ROW for access in sort)
        ]

    def kinds(self) -> str:
        seen = dict.fromkeys(access.kind for access in self.accesses if not access.derived)
        return ' '.join(seen)


def _visit(node: Any, plan: Plan, tables: list[Access]) -> None:
    """Collect the tables of a part of a plan; those directly in it also in ``tables``."""
    if isinstance(node, list):
        for part in node:
            _visit(part, plan, tables)
        return
    if not isinstance(node, dict):
        return
    for name, part in node.items():
        if name in ('materialized', 'subqueries', 'query_specifications'):
            _visit(part, plan, [])
        elif name == 'filesort':
            sorted_tables: list[Access] = []
            _visit(part, plan, sorted_tables)
            plan.sorts.append(tuple(sorted_tables))
            tables.extend(sorted_tables)
        elif name == 'table' and 'table_name' in part:
            access = Access(
                part['table_name'],
                part.get('access_type', ''),
                part.get('key', ''),
                round((part.get('r_rows') or 0) * part.get('r_loops', 1)),
            )
            plan.accesses.append(access)
            tables.append(access)
            _visit(part, plan, tables)
        else:
            _visit(part, plan, tables)


@contextlib.contextmanager
def _capture() -> Iterator[list[tuple[str, Any]]]:
    captured: list[tuple[str, Any]] = []

    def collect(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if not _UNCOUNTED.match(statement):
            captured.append((statement, parameters))

    sa.event.listen(sa.Engine, 'before_cursor_execute', collect)
    try:
        yield captured
    finally:
        sa.event.remove(sa.Engine, 'before_cursor_execute', collect)


def _explain(cursor: Any, statement: str, parameters: Any, plan: Plan) -> None:
    cursor.execute(f'EXPLAIN {statement}', parameters)
    lines = [' '.join(str(value) for value in line) for line in cursor.fetchall()]
    text = ' '.join(cursor.mogrify(statement, parameters).split())
    plan.texts += [text, *(f'    {line}' for line in lines)]
    # EXPLAIN FORMAT=JSON with the rows that were really read.
    cursor.execute(f'ANALYZE FORMAT=JSON {statement}', parameters)
    # MariaDB 10.11 leaves quotes in the conditions that it prints as they are.
    text = _VALUE.sub(lambda found: found[1] + re.sub(r'["\\]', '', found[2]) + found[3], cursor.fetchone()[0])
    _visit(json.loads(text), plan, [])


def _measure(application: Any, cursor: Any, request: Request) -> Plan:
    plan = Plan()
    with _capture() as captured:
        answer = json.loads(send(application, request))
    if request.row is None:
        plan.answers = len(answer[request.collection])
    plan.statements = len(captured)
    for statement, parameters in captured:
        # Where a poll's page ended is stored by key, without a plan.
        if not statement.startswith('INSERT'):
            _explain(cursor, statement, parameters, plan)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        send(application, request)
        times.append((time.perf_counter() - start) * 1000)
        if sum(times) > 2000:
            break
    plan.milliseconds = statistics.median(times)
    return plan


def measure(of: sa.URL, size: int, only: str) -> list[tuple[Request, Plan]]:
    """The plans of all requests on a data set of that many jobs."""
    with database(of) as url:
        engine = sa.create_engine(url)
        application = build(url)
        try:
            start = time.monotonic()
            data = Dataset(size)
            data.load(engine)
            print(f'{size} jobs loaded in {time.monotonic() - start:.0f} s', file=sys.stderr)
            with contextlib.closing(engine.raw_connection()) as connection:
                cursor = connection.cursor()
                # Or it would explain the database of its first statement, before polls stored anything.
                cursor.execute('SET autocommit = 1')
                return [
                    (request, _measure(application, cursor, request))
                    for request in make(data)
                    if only in request.name
                ]
        finally:
            engine.dispose()
            application.database.dispose()


def problems(request: Request, plan: Plan) -> list[str]:
    """What must not be."""
    found = []
    for access in plan.accesses:
        if access.derived:
            continue
        if access.kind == 'ALL':
            found.append(f'reads all of {access.table}')
        elif access.kind == 'index' and not request.text:
            page = int(request.query.get('limit', 10)) + int(request.query.get('offset', 0))
            if access.read > page:
                found.append(f'reads all of the index {access.key}')
    for sort in () if request.few else plan.bad_sorts():
        found.append('sorts ' + ', '.join(access.table for access in sort))
    return found


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description='Plans of every list, search and poll.')
    parser.add_argument('--jobs', type=int, default=100_000, help='size of the data set')
    parser.add_argument('--url', help='a MariaDB server to use; databases are made and dropped there')
    parser.add_argument('--only', default='', help='only requests whose name contains this')
    parser.add_argument('--verbose', action='store_true', help='print statements and plans too')
    options = parser.parse_args()

    with server(options.url) as of:
        small = {
            request.name: plan for request, plan in measure(of, SMALL_SIZE, options.only)
        }
        large = measure(of, options.jobs, options.only)

    print(
        f'{"request":44} {"SQL":>3} {"hits":>5} {f"ms {SMALL_SIZE}":>8} {f"ms {options.jobs}":>9} '
        f'{"ratio":>6} {"read":>7}  access'
    )
    failures = 0
    for request, plan in large:
        before = small[request.name]
        found = problems(request, plan)
        failures += bool(found)
        print(
            f'{request.name:44} {plan.statements:3} {plan.answers:5} {before.milliseconds:8.1f} '
            f'{plan.milliseconds:9.1f} {plan.milliseconds / before.milliseconds:6.1f} '
            f'{plan.read:7}  {plan.kinds()}'
            + (' | sorts a page' if plan.sorts and not plan.bad_sorts() else '')
            + ''.join(f' | {problem.upper()}' for problem in found)
        )
        if options.verbose:
            for text in plan.texts:
                print(f'    {text}')
    print(f'{len(large)} requests, {failures} with problems')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
