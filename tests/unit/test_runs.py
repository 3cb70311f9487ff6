# SPDX-License-Identifier: Apache-2.0
"""Runs of a session: who may join one, and when it is over."""

from typing import Any

import testtools

from freezer_api import exceptions
from freezer_api.domain import runs
from freezer_api.domain.runs import Decision, Part, Run

NOW = 10_000


class DecideStartTest(testtools.TestCase):
    def test_tag_and_age_decide(self) -> None:
        for tag, age, expected in (
            (4, 0, Decision.LATE),
            (4, 60, Decision.LATE),
            (4, 61, Decision.OUT_OF_SYNC),
            (0, 60, Decision.LATE),
            (0, 61, Decision.OUT_OF_SYNC),
            (5, 0, Decision.HOLD_OFF),
            (5, 60, Decision.HOLD_OFF),
            (5, 61, Decision.FIRST),
        ):
            with self.subTest(tag=tag, age=age):
                run = Run(tag=5, time_start=NOW - age, hold_off=60)
                self.assertIs(expected, runs.decide_start(run, tag, NOW))

    def test_newer_tag_is_refused_whatever_the_age(self) -> None:
        for age in (0, 61):
            run = Run(tag=5, time_start=NOW - age, hold_off=60)
            self.assertRaises(exceptions.BadRequest, runs.decide_start, run, 6, NOW)

    def test_session_that_never_ran_can_start_however_long_it_holds_off(self) -> None:
        for hold_off in (0, 60, NOW * 2, 2**63 - 1):
            with self.subTest(hold_off):
                run = Run(tag=0, time_start=-1, hold_off=hold_off)
                self.assertIs(Decision.FIRST, runs.decide_start(run, 0, NOW))

    def test_no_hold_off_still_covers_the_second_of_the_start(self) -> None:
        run = Run(tag=1, time_start=NOW, hold_off=0)
        self.assertIs(Decision.HOLD_OFF, runs.decide_start(run, 1, NOW))
        self.assertIs(Decision.FIRST, runs.decide_start(run, 1, NOW + 1))


class ConcludeTest(testtools.TestCase):
    open = Run(tag=5, time_start=NOW - 60, hold_off=60)
    closed = Run(tag=5, time_start=NOW - 61, hold_off=60)

    running = Part('running', '', 5)
    success = Part('completed', 'success', 5)
    fail = Part('completed', 'fail', 5)
    aborted = Part('completed', 'aborted', 5)
    never = Part('', '', None)
    earlier = Part('completed', 'fail', 4)
    earlier_running = Part('running', '', 4)
    running_before = Part('running', '', None)

    def test_results_of_all_parts_decide_in_any_order(self) -> None:
        for parts, while_open, later in (
            ([self.success], 'success', 'success'),
            ([self.success, self.success], 'success', 'success'),
            ([self.fail], 'fail', 'fail'),
            ([self.success, self.aborted], 'fail', 'fail'),
            ([self.success, self.fail, self.success], 'fail', 'fail'),
            # One that runs keeps the run going, whatever the others came to.
            ([self.running], None, None),
            ([self.success, self.running], None, None),
            ([self.fail, self.running], None, None),
            ([self.success, self.earlier_running], None, None),
            # Those that have not joined are awaited while they may, then left out.
            ([self.success, self.never], None, 'success'),
            ([self.success, self.earlier], None, 'success'),
            ([self.fail, self.never], None, 'fail'),
            # A job that was running when it came in may belong to nobody's run.
            ([self.success, self.running_before], None, 'success'),
            # Whoever began the run has left.
            ([self.never], None, 'fail'),
            ([self.earlier], None, 'fail'),
            ([], None, 'fail'),
        ):
            for run, expected in ((self.open, while_open), (self.closed, later)):
                for ordered in (parts, parts[::-1]):
                    with self.subTest(parts=ordered, run=run):
                        tally = runs.tally(run.tag, ordered)
                        self.assertEqual(expected, runs.conclude(run, tally, NOW))


class ParseTest(testtools.TestCase):
    def test_start_and_end_are_read(self) -> None:
        for document, expected in (
            ({'start': {'job_id': 'j', 'current_tag': 3}}, ('start', 'j', 3, '')),
            ({'start': {'job_id': 'j', 'current_tag': '3'}}, ('start', 'j', 3, '')),
            ({'start': {'job_id': 'j', 'current_tag': 2**63 - 1}}, ('start', 'j', 2**63 - 1, '')),
            (
                {'end': {'job_id': 'j', 'current_tag': 3, 'result': 'success'}},
                ('end', 'j', 0, 'success'),
            ),
            ({'end': {'job_id': 'j', 'result': 'aborted'}}, ('end', 'j', 0, 'aborted')),
            # The first key counts.
            ({'start': {'job_id': 'j', 'current_tag': 0}, 'end': None}, ('start', 'j', 0, '')),
            # A start has no result.
            (
                {'start': {'job_id': 'j', 'current_tag': 0, 'result': 'fail'}},
                ('start', 'j', 0, ''),
            ),
        ):
            with self.subTest(document):
                self.assertEqual(runs.Request(*expected), runs.parse(document))

    def test_tag_of_an_end_is_ignored(self) -> None:
        for tag in ('', 'x', -1, 1.5, None, [], 2**63):
            document = {'end': {'job_id': 'j', 'current_tag': tag, 'result': 'success'}}
            self.assertEqual(runs.Request('end', 'j', 0, 'success'), runs.parse(document))

    def test_anything_else_is_refused(self) -> None:
        job: dict[str, Any] = {'job_id': 'j', 'current_tag': 0}
        for document in (
            {},
            {'stop': job},
            {'': job},
            {'stop': job, 'start': job},
            {'start': None},
            {'start': []},
            {'start': 'j'},
            {'start': {}},
            {'start': {'job_id': 'j'}},
            {'start': {'current_tag': 0}},
            {'start': {**job, 'job_id': ''}},
            {'start': {**job, 'job_id': 5}},
            {'start': {**job, 'job_id': None}},
            {'start': {**job, 'job_id': 'j' * 65}},
            {'start': {**job, 'current_tag': None}},
            {'start': {**job, 'current_tag': ''}},
            {'start': {**job, 'current_tag': 'x'}},
            {'start': {**job, 'current_tag': '-1'}},
            {'start': {**job, 'current_tag': '\u0663'}},
            {'start': {**job, 'current_tag': '9' * 20}},
            {'start': {**job, 'current_tag': str(2**63)}},
            {'start': {**job, 'current_tag': -1}},
            {'start': {**job, 'current_tag': 1.0}},
            {'start': {**job, 'current_tag': True}},
            {'start': {**job, 'current_tag': 2**63}},
            {'end': job},
            {'end': {**job, 'result': None}},
            {'end': {**job, 'result': ''}},
            {'end': {**job, 'result': 1}},
            {'end': {**job, 'result': 'r' * 65}},
        ):
            with self.subTest(document):
                self.assertRaises(exceptions.BadRequest, runs.parse, document)
