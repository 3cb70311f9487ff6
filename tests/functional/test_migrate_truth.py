# SPDX-License-Identifier: Apache-2.0
"""Generated dumps of Elasticsearch, whose every line has a known outcome."""

import gzip
import json
import random
from collections import defaultdict
from typing import Any

import testscenarios

from tests import migrating
from tests.functional.test_served_jobs import problems
from tests.migrating import DATA

Document = dict[str, Any]

TAKEN = ('loaded', 'warned', 'fixed')
LAYOUTS = ('single-index', 'per-type', 'typeless')
SEEDS = range(1, 6)


def _source(layout: str, document: Document) -> str:
    """How the ledger names a document of the truth."""
    kind, document_id = document['type'], document['_id']
    index = f'freezer-{kind}' if layout == 'per-type' else 'freezer'
    return f'{index}/{kind}/{document_id}' if layout == 'single-index' else f'{index}/{document_id}'


class TruthTest(migrating.MigrationTestCase):
    """Generated dumps, whose every line has a known outcome."""

    layout: str
    seed: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scenarios = testscenarios.multiply_scenarios(
            self.scenarios,
            [(layout, {'layout': layout}) for layout in LAYOUTS],
            [(str(seed), {'seed': seed}) for seed in SEEDS],
        )

    def setUp(self) -> None:
        super().setUp()
        self.dump = DATA / f'{self.layout}-{self.seed}.ndjson.gz'
        with gzip.open(DATA / f'{self.layout}-{self.seed}.json.gz') as file:
            self.truth = json.load(file)

    def entries(self) -> dict[str, Document]:
        rows = self.rows()['migration_entries']
        return {row['source']: row for row in rows if row['source']}

    def test_every_document_ends_as_the_truth_says(self) -> None:
        outcome = self.run_command('--dump', self.dump, '--verify')
        self.assertEqual(2, outcome.code, outcome.out + outcome.err)
        self.assertEqual(self.truth['lines'], outcome.report['read'])
        verified = outcome.report['verification']
        self.assertEqual(
            [0, 0, 0], [verified[name] for name in ('different', 'gone', 'changed_since')]
        )
        self.check_states(outcome.report)
        self.check_entries()
        rows = {name: len(self.rows()[name]) for name in self.truth['rows_per_table']}
        self.assertEqual(self.truth['rows_per_table'], rows)
        self.check_served_jobs()

    def check_states(self, report: Document) -> None:
        expected: dict[str, int] = defaultdict(int)
        outcomes = [*self.truth['outcome_per_type'].values(), self.truth['outcome_other_lines']]
        found: dict[str, int] = defaultdict(int)
        for counts, total in ((outcomes, expected), (report['states'].values(), found)):
            for states in counts:
                for state, count in states.items():
                    total['taken' if state in TAKEN else state] += count
        self.assertEqual(expected, found)

    def check_entries(self) -> None:
        entries = self.entries()
        groups: dict[int, set[str]] = defaultdict(set)
        for document in self.truth['documents']:
            if document['type'] == 'unparsable':
                continue
            source = _source(self.layout, document)
            entry = entries[source]
            taken = entry['state'] in TAKEN
            if 'group' in document:
                groups[document['group']] |= {source} if taken else set()
                continue
            self.assertEqual(document['outcome'] in TAKEN, taken, document)
            if taken:
                self.assertEqual(document['project_id'], entry['project_id'], document)
            else:
                self.assertEqual(document['outcome'], entry['state'], document)
        for number, sources in groups.items():
            self.assertEqual(1, len(sources), f'group {number}')

    def check_served_jobs(self) -> None:
        admin = self.as_(roles='admin')
        jobs = admin.get(admin.v2('jobs'), params={'all_projects': 'true', 'limit': 1000}).json
        self.assertEqual(self.truth['rows_per_table']['jobs'], len(jobs['jobs']))
        for document in jobs['jobs']:
            self.assertEqual([], problems(document), document['job_id'])

    def test_second_run_changes_nothing(self) -> None:
        rejects = self.folder / 'rejected'
        first = self.run_command('--dump', self.dump)
        before = self.contents()
        again = self.run_command('--dump', self.dump)
        self.assertEqual(before, self.contents())
        # This one looks at every document again, for the reject file.
        thorough = self.run_command('--dump', self.dump, '--reject-file', rejects)
        self.assertEqual(before, self.contents())
        for report in (again.report, thorough.report):
            self.assertEqual(first.report['states'], report['states'])
            self.assertEqual(first.report['reasons'], report['reasons'])
            self.assertEqual([0, 0], [report['rows'][name] for name in ('new', 'updated')])

    def test_half_of_it_first_ends_as_all_at_once(self) -> None:
        self.run_command('--dump', self.dump)
        expected = self.lasting()
        self.database.clear()
        with gzip.open(self.dump) as file:
            lines = file.read().splitlines()
        # A part in which any document may come before what it gives way to.
        chosen = random.Random(self.seed).sample(lines, len(lines) // 2)
        self.run_command('--dump', self.write(*chosen, name='half'))
        outcome = self.run_command('--dump', self.dump, '--verify')
        self.assertEqual(0, outcome.report['verification']['different'], outcome.out)
        self.assertEqual(expected, self.lasting())
        before = self.contents()
        again = self.run_command('--dump', self.dump, '--reject-file', self.folder / 'rejected')
        self.assertEqual([0, 0], [again.report['rows'][name] for name in ('new', 'updated')])
        self.assertEqual(before, self.contents())

    def lasting(self) -> Document:
        """All rows of the service, without what changes whenever they are written."""
        rows = {name: some for name, some in self.rows().items() if 'migration' not in name}
        return {
            name: sorted(
                json.dumps(
                    {key: value for key, value in row.items() if key not in ('version', 'updated_at')},
                    sort_keys=True,
                )
                for row in some
            )
            for name, some in rows.items()
        }

    def test_dry_run_writes_nothing_and_reports_the_same(self) -> None:
        before = self.rows()
        dry = self.run_command('--dump', self.dump, '--dry-run')
        self.assertEqual(before, self.rows())
        real = self.run_command('--dump', self.dump)
        for name in ('states', 'reasons', 'rows', 'users_without_project'):
            self.assertEqual(dry.report[name], real.report[name])

    def test_undo_leaves_nothing(self) -> None:
        before = self.rows()
        self.run_command('--dump', self.dump)
        self.assertEqual(0, self.run_command('--undo').code)
        self.assertEqual(before, self.rows())
