# SPDX-License-Identifier: Apache-2.0
"""What a migration did, for people and for programs: counts, reasons and ids, never values of documents."""

import dataclasses
from collections import Counter, defaultdict
from typing import Any

from freezer_api.migrate import reasons
from freezer_api.migrate.records import KINDS, Document

_EXAMPLES = 3
# Of lines that cannot be told.
OTHER = 'other'
# What became of the rows, besides the state of the document.
NEW, UPDATED, UNCHANGED, KEPT = 'new', 'updated', 'unchanged', 'kept'
# A further line for a document.
MERGED = 'merged'
_USERS = 20


@dataclasses.dataclass
class Report:
    """Counts of one run.

    :ivar states: by kind and state; the sum is the number of lines read
    :ivar found: by reason: how often, and some ids
    :ivar done: how many of the documents that have rows are new, updated, unchanged since an earlier run, or kept as
        the service has them
    :ivar users: users whose documents have no project, with their numbers
    :ivar unused: users in the map file who have no documents
    :ivar keystone: what came of asking it for projects of users, if it was
    :ivar missing: how many documents have rows by earlier runs and are not in this source
    :ivar missing_examples: some of them, far more than a person reads
    """

    states: dict[str, Counter[str]] = dataclasses.field(
        default_factory=lambda: defaultdict(Counter)
    )
    found: Counter[str] = dataclasses.field(default_factory=Counter)
    examples: dict[str, list[str]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    done: Counter[str] = dataclasses.field(default_factory=Counter)
    users: dict[str, int] = dataclasses.field(default_factory=dict)
    unused: list[str] = dataclasses.field(default_factory=list)
    keystone: Document = dataclasses.field(default_factory=dict)
    changed_since: dict[str, int] = dataclasses.field(default_factory=dict)
    missing: int = 0
    missing_examples: list[str] = dataclasses.field(default_factory=list)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    verified: Document | None = None
    dry_run: bool = False
    source: Document = dataclasses.field(default_factory=dict)

    def add(self, kind: str | None, state: str, why: list[str], source: str, done: str) -> None:
        """Count a document."""
        self.states[kind or OTHER][state] += 1
        if state not in (reasons.MERGED, reasons.REJECTED) or done == KEPT:
            self.done[done] += 1
        for reason in why:
            self.found[reason] += 1
            if len(self.examples[reason]) < _EXAMPLES and source not in self.examples[reason]:
                self.examples[reason].append(source)

    def total(self, state: str | None = None) -> int:
        """The number of documents, of all or of one state."""
        return sum(
            count
            for counts in self.states.values()
            for name, count in counts.items()
            if state in (None, name)
        )

    def to_document(self) -> Document:
        """The report for programs."""
        return {
            'dry_run': self.dry_run,
            'source': self.source,
            'read': self.total(),
            'states': {
                kind: {state: counts[state] for state in reasons.STATES}
                for kind, counts in sorted(self.states.items())
            },
            'rows': {name: self.done[name] for name in (NEW, UPDATED, UNCHANGED, KEPT)},
            'reasons': {
                reason: {
                    'state': reasons.state_of(reason),
                    'count': count,
                    'hint': reasons.hint(reason),
                    'examples': self.examples[reason],
                }
                for reason, count in sorted(self.found.items())
            },
            'users_without_project': dict(sorted(self.users.items())),
            'users_of_the_map_without_documents': self.unused,
            'keystone': self.keystone,
            'changed_in_service_since': self.changed_since,
            'migrated_earlier_but_not_in_the_source': self.missing,
            'examples_not_in_the_source': self.missing_examples,
            'verification': self.verified,
            'seconds': {name: round(value, 1) for name, value in self.seconds.items()},
        }


def from_document(document: Document) -> Report:
    """A report as it was stored."""
    report = Report(
        users=document['users_without_project'],
        unused=document['users_of_the_map_without_documents'],
        keystone=document['keystone'],
        source=document['source'],
        missing=document['migrated_earlier_but_not_in_the_source'],
        missing_examples=document['examples_not_in_the_source'],
    )
    for kind, counts in document['states'].items():
        report.states[kind] = Counter(counts)
    for reason, found in document['reasons'].items():
        report.found[reason] = found['count']
        report.examples[reason] = found['examples']
    report.done[UNCHANGED] = sum(document['rows'].values())
    return report


def printable(line: str) -> str:
    """A line without what a terminal takes for commands: ids may have anything in them."""
    if line.isprintable():
        return line
    return ''.join(
        letter if letter.isprintable() else letter.encode('unicode_escape').decode() for letter in line
    )


def lines(report: Report) -> list[str]:
    """The report for people."""
    text = _table(report)
    done = ', '.join(f'{report.done[name]:,} {name}' for name in (NEW, UPDATED, UNCHANGED, KEPT))
    text += ['', f'Documents: {done}.']
    if not report.total():
        text.append('The source has no documents at all; make sure that it is the right one.')
    if report.found:
        text += ['', 'Reasons:']
        order = sorted(report.found, key=lambda name: (-reasons.weight(name), name))
        for reason in order:
            state = reasons.state_of(reason)
            text.append(f'  {report.found[reason]:>9,} {state:8} {reason}: {reasons.hint(reason)}')
            examples = [example for example in report.examples[reason] if example]
            if examples:
                text.append(f'  {"":18} such as {", ".join(examples)}')
    if report.users:
        text += ['', 'Users without a project, with their numbers of documents; name them in a --map file:']
        users = sorted(report.users.items(), key=lambda item: (-item[1], item[0]))
        text += [f'  {count:>9,} {user}' for user, count in users[:_USERS]]
        if len(users) > _USERS:
            text.append(f'  {"":9} and {len(users) - _USERS:,} more users; see the report file.')
    if report.unused:
        text += ['', 'Users in the --map file who have no documents here; make sure that they are spelt right:']
        text += [f'  {user}' for user in report.unused[:_USERS]]
        if len(report.unused) > _USERS:
            text.append(f'  and {len(report.unused) - _USERS:,} more users; see the report file.')
    if report.keystone:
        text += ['', _keystone(report.keystone)]
    if any(report.changed_since.values()):
        changed = ', '.join(f'{count:,} {kind}' for kind, count in report.changed_since.items() if count)
        text += ['', f'Changed or deleted in the service since they were migrated, and left so: {changed}.']
    if report.missing:
        text += ['', f'Migrated earlier and not in this source: {report.missing:,}. Nothing was deleted.']
        text += [f'  {source}' for source in report.missing_examples[:_EXAMPLES]]
    return text + ['', *verification(report.verified)] if report.verified else text


def _keystone(found: Document) -> str:
    text = (
        f'Keystone was asked for {found["asked"]:,} users: it named a project for {found["placed"]:,}, and does not'
        f' know {found["unknown"]:,}.'
    )
    if found['failure']:
        text += f' It could not be asked for more ({found["failure"]}); run again once it can.'
    return text


def _table(report: Report) -> list[str]:
    columns = ('read', *reasons.STATES)
    text = [f'{"":9}' + ''.join(f'{name:>11}' for name in columns)]
    for kind in (*KINDS, OTHER):
        counts: Any = report.states.get(kind)
        if counts:
            numbers = (sum(counts.values()), *(counts[state] for state in reasons.STATES))
            text.append(f'{kind:9}' + ''.join(f'{number:>11,}' for number in numbers))
    totals = (report.total(), *(report.total(state) for state in reasons.STATES))
    return [*text, f'{"all":9}' + ''.join(f'{number:>11,}' for number in totals)]


def verification(verified: Document | None) -> list[str]:
    """What came of reading everything back, for people."""
    if verified is None:
        return []
    text = [
        f'Verified: {verified["equal"]:,} equal, {verified["changed_since"]:,} changed in the service since, '
        f'{verified["gone"]:,} gone, {verified["different"]:,} different.',
    ]
    text += [f'  {difference}' for difference in verified['examples']]
    return text


def not_compared(verified: Document | None) -> list[str]:
    """Which documents there was nothing to compare with, for people."""
    found = {} if verified is None else verified['not_compared']
    if not found:
        return []
    why = ', '.join(f'{count:,} {reason}' for reason, count in found.items())
    return [f'Not compared, for they have no row of their own: {sum(found.values()):,} ({why}).']
