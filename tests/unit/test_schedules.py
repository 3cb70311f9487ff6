# SPDX-License-Identifier: Apache-2.0
"""Which schedules agents can run, and when they run them first."""

import datetime
import time
import zoneinfo
from typing import Any

import testtools

from freezer_api.domain import schedules

NOW = datetime.datetime(2026, 11, 21, 8, 0, 0, 500_000, tzinfo=datetime.UTC)
NEW_YORK = zoneinfo.ZoneInfo('America/New_York')

# What an agent knows beside the schedule itself.
STATE = {
    'event': 'start',
    'status': 'scheduled',
    'result': 'fail',
    'current_pid': 7,
    'time_created': 1,
    'time_started': -1,
    'time_ended': -1,
}


def keys(**values: Any) -> dict[str, Any]:
    """A schedule; the names are given without their prefix."""
    return {f'schedule_{name}': value for name, value in values.items()}


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


START = '2030-01-01T02:00:00'

RUN = (
    {},
    STATE,
    # Dates.
    keys(date='2030-01-31T02:00:00'),
    keys(date='2028-02-29T23:59:59'),
    keys(date='0001-01-01T00:00:00'),
    keys(date='9998-12-31T23:59:59'),
    keys(date='2020-01-01T00:00:00'),
    keys(date='2030-01-31T02:00:00Z'),
    keys(date='2030-01-31T02:00:00+05:30'),
    keys(date='2030-01-31T02:00:00-23:59'),
    keys(date='2030-01-31T02:00:00.1'),
    keys(date='2030-01-31T02:00:00.123456Z'),
    # Intervals.
    keys(interval='continuous'),
    keys(interval='1 seconds'),
    keys(interval='007 days'),
    keys(interval='5217 weeks'),
    keys(interval='36525 days'),
    keys(interval='3155760000 seconds'),
    # Start and end.
    keys(start_date=START),
    keys(start_date=START, end_date=START),
    keys(interval='1 days', start_date=START, end_date='2031-01-01T02:00:00'),
    keys(interval='1 days', start_date='0001-01-01T00:00:00', end_date='0001-01-01T00:00:00'),
    keys(interval='1 days', start_date='2020-01-01T00:00:00', end_date='2021-01-01T00:00:00'),
    keys(interval='1 days', start_date='9998-12-31T23:59:59'),
    # Cron fields.
    keys(hour='3'),
    keys(hour=' 3 '),
    keys(minute='*/15', second='0-59/2'),
    keys(year='2020'),
    keys(year='9998', month='12', day='31'),
    keys(month='jan,FEB,mar-may', day='last', hour='22-23'),
    keys(day='2nd fri,5th mon,last sun,31'),
    keys(day_of_week='0,6', week='53'),
    keys(day_of_week='mon-fri'),
    keys(month='2', day='29'),
    keys(month='2', day='5th mon'),
    keys(month='2', day='29', day_of_week='sun', week='9'),
    keys(month='1', day='1', week='53', day_of_week='fri'),
    # Of a year that follows a leap year: others that begin on a Saturday do not have it.
    keys(month='1', day='1', week='53', day_of_week='sat'),
    keys(month='12', day='31', week='1', day_of_week='mon'),
    keys(minute=','.join(map(str, range(60)))),
    keys(minute=', '.join(f'{number:02}' for number in range(60))),
    # Keys that the agents do not look at.
    keys(date=START, interval='never', hour='99'),
    keys(interval='1 days', hour='', month='2', day='30'),
    keys(end_date='2030-02-31T00:00:00'),
    keys(interval='1 days', end_date='2030-01-01T00:00:00Z'),
)

PLAIN_DATE = 'must be a time on an existing day of the years 1 to 9998, like 2030-01-31T02:00:00,'
LENGTH = 'must be "continuous", or a number from 1, one blank and one of'
FIELD = 'must be a cron field of '
NO_DAY = 'No day of the years 1970 to 9998 matches '

CANNOT_RUN = (
    # Dates.
    (keys(date='2030-02-31T00:00:00'), f'"schedule_date" {PLAIN_DATE}'),
    (keys(date='2029-02-29T00:00:00'), '"schedule_date"'),
    (keys(date='0000-01-01T00:00:00'), '"schedule_date"'),
    (keys(date='9999-01-01T00:00:00'), '"schedule_date"'),
    (keys(date='0001-01-01T00:00:00+05:30'), '"schedule_date"'),
    (keys(date='-2030-01-01T00:00:00'), '"schedule_date"'),
    (keys(date='12030-01-01T00:00:00'), '"schedule_date"'),
    (keys(date='2030-01-01T00:00:00.1234567'), '"schedule_date"'),
    (keys(date='2030-01-01T00:00:00\n'), '"schedule_date"'),
    (keys(date='2030-01-01 00:00:00'), '"schedule_date"'),
    (keys(date='2030-01-01T24:00:00'), '"schedule_date"'),
    (keys(date='2030-01-01T00:00:60'), '"schedule_date"'),
    (keys(date='2030-01-01T00:00:00+24:00'), '"schedule_date"'),
    (keys(date='2030-01-01'), '"schedule_date"'),
    (keys(date='\u0662030-01-01T00:00:00'), '"schedule_date"'),
    (keys(date=1893456000), '"schedule_date"'),
    # Intervals.
    (keys(interval='0 days'), f'"schedule_interval" {LENGTH}'),
    (keys(interval='2  days'), '"schedule_interval"'),
    (keys(interval='2 days\n'), '"schedule_interval"'),
    (keys(interval='continuous\n'), '"schedule_interval"'),
    (keys(interval=' 2 days'), '"schedule_interval"'),
    (keys(interval='-2 days'), '"schedule_interval"'),
    (keys(interval='2 day'), '"schedule_interval"'),
    (keys(interval='2 months'), '"schedule_interval"'),
    (keys(interval='2'), '"schedule_interval"'),
    (keys(interval='\u0662 days'), '"schedule_interval"'),
    (keys(interval='5218 weeks'), '"schedule_interval"'),
    (keys(interval='36526 days'), '"schedule_interval"'),
    (keys(interval='500000 weeks'), '"schedule_interval"'),
    (keys(interval=f'{"9" * 5000} weeks'), '"schedule_interval"'),
    (keys(interval=f'{"0" * 5000}1 weeks'), '"schedule_interval"'),
    (keys(interval=5), '"schedule_interval"'),
    # Start and end.
    (keys(start_date='2030-01-01T02:00:00Z'), f'"schedule_start_date" {PLAIN_DATE} without a zone'),
    (keys(start_date='2030-01-01T02:00:00+00:00'), '"schedule_start_date"'),
    (keys(start_date='2030-01-01T02:00:00.5'), '"schedule_start_date"'),
    (keys(start_date='2030-01-01T02:00:00\n'), '"schedule_start_date"'),
    (keys(start_date='2030-02-31T02:00:00'), '"schedule_start_date"'),
    (keys(start_date='0000-01-01T02:00:00'), '"schedule_start_date"'),
    (keys(start_date='9999-01-01T02:00:00', interval='1 days'), '"schedule_start_date"'),
    (keys(start_date='2030-02-31T02:00:00', date=START), '"schedule_start_date"'),
    (keys(start_date='2030-02-31T02:00:00', hour='3'), '"schedule_start_date"'),
    (keys(start_date=START, end_date='2031-02-31T02:00:00'), f'"schedule_end_date" {PLAIN_DATE}'),
    (keys(start_date=START, end_date='2031-01-01T02:00:00Z'), '"schedule_end_date"'),
    (
        keys(start_date=START, end_date='2030-01-01T01:59:59', interval='1 days'),
        '"schedule_end_date" must not be before "schedule_start_date".',
    ),
    # Cron fields.
    (keys(hour='25'), f'"schedule_hour" {FIELD}hours from 0 to 23'),
    (keys(hour=''), '"schedule_hour"'),
    (keys(hour='3,'), '"schedule_hour"'),
    (keys(hour=None), '"schedule_hour"'),
    (keys(hour=3), '"schedule_hour"'),
    (keys(minute='*/0'), f'"schedule_minute" {FIELD}minutes from 0 to 59'),
    (keys(minute='*/60'), '"schedule_minute"'),
    (keys(second='60'), '"schedule_second"'),
    (keys(second='5-1'), '"schedule_second"'),
    (keys(second='9' * 250), '"schedule_second"'),
    (keys(day='32'), '"schedule_day"'),
    (keys(day='0'), '"schedule_day"'),
    (keys(day='6th mon'), '"schedule_day"'),
    (keys(week='0'), '"schedule_week"'),
    (keys(month='13'), '"schedule_month"'),
    (keys(month='foo'), '"schedule_month"'),
    (keys(day_of_week='7'), f'"schedule_day_of_week" {FIELD}weekdays from 0, which is Monday,'),
    (keys(day_of_week='fri-mon'), '"schedule_day_of_week"'),
    (keys(year='0001'), f'"schedule_year" {FIELD}a year from 1970 to 9998'),
    (keys(minute=','.join(f'{number:04}' for number in range(60))), '"schedule_minute"'),
    # Days that no year has.
    (keys(month='2', day='31'), f'{NO_DAY}"schedule_month", "schedule_day".'),
    (keys(month='feb', day='30', hour='1'), f'{NO_DAY}"schedule_month", "schedule_day".'),
    (keys(month='4,6,9,nov', day='31'), NO_DAY),
    (keys(year='2030', month='2', day='29'), f'{NO_DAY}"schedule_year", "schedule_month"'),
    (keys(year='2100', month='2', day='29'), NO_DAY),
    (keys(week='53', month='6'), f'{NO_DAY}"schedule_month", "schedule_week".'),
    (keys(week='53', year='2027', month='12'), NO_DAY),
    (keys(week='53', month='1', day='1', day_of_week='thu'), NO_DAY),
    (keys(day='1st mon', day_of_week='tue'), f'{NO_DAY}"schedule_day", "schedule_day_of_week".'),
    (keys(year='9999'), f'{NO_DAY}"schedule_year".'),
)


class ProblemTest(testtools.TestCase):
    def test_schedules_that_agents_can_run_have_none(self) -> None:
        for schedule in RUN:
            with self.subTest(schedule):
                self.assertIsNone(schedules.problem(schedule))
                self.assertIsNone(schedules.problem({**schedule, **STATE}, zones=True))

    def test_the_others_are_told_what_to_write(self) -> None:
        for schedule, text in CANNOT_RUN:
            with self.subTest(schedule):
                self.assertIn(text, schedules.problem({**STATE, **schedule}) or '')

    def test_no_value_is_in_the_text(self) -> None:
        for name in ('date', 'interval', 'start_date', 'hour', 'month'):
            text = schedules.problem(keys(**{name: 'hunter2'}))
            self.assertIsNotNone(text)
            self.assertNotIn('hunter2', str(text))

    def test_zones_and_fractions_of_start_and_end_pass_where_they_may(self) -> None:
        for start, end in (
            ('2030-01-01T02:00:00Z', '2030-01-01T02:00:00.000001+00:00'),
            ('2030-01-01T02:00:00+02:00', '2030-01-01T00:00:00'),
            (START, '2030-01-01T04:00:00+02:00'),
        ):
            schedule = keys(start_date=start, end_date=end, interval='1 days')
            self.assertIsNone(schedules.problem(schedule, zones=True))
            self.assertIsNotNone(schedules.problem(schedule))

    def test_zones_are_regarded_in_the_order_of_start_and_end(self) -> None:
        schedule = keys(start_date=START, end_date='2030-01-01T03:59:59+02:00')
        self.assertEqual(
            '"schedule_end_date" must not be before "schedule_start_date".',
            schedules.problem(schedule, zones=True),
        )

    def test_text_says_whether_zones_may_be_written(self) -> None:
        schedule = keys(start_date='2030-01-01T02:00:00+2')
        self.assertIn('without a zone', schedules.problem(schedule) or '')
        self.assertIn('a zone like Z', schedules.problem(schedule, zones=True) or '')

    def test_answer_takes_no_time_whatever_is_sent(self) -> None:
        size = 2**20
        lists = dict.fromkeys(('day', 'week', 'day_of_week'), '1,' * 126 + '1')
        for schedule in (
            keys(date='2' * size),
            keys(date='2030-01-01T00:00:00.' + '1' * size),
            keys(start_date=' ' * size, end_date=' ' * size),
            keys(interval='1' * size),
            keys(interval='1' + ' ' * size + 'days'),
            keys(hour='1' * size),
            keys(hour='1,' * (size // 2)),
            keys(second='*/' + '0' * size),
            keys(day='last' * (size // 4)),
            keys(day='1st ' + ' ' * size),
            keys(month='2-11', **lists),
            keys(year='1970-9998/2', month='2', day='30,31,' * 40 + '30'),
            keys(day='1st mon,' * 30 + 'last mon', day_of_week='0,' * 100 + '0', month='3', week='1'),
        ):
            began = time.process_time()
            schedules.problem(schedule)
            schedules.next_run(schedule, NOW)
            self.assertLess(time.process_time() - began, 2)

    def test_rare_days_are_found_in_no_time(self) -> None:
        schedule = keys(month='2', day='29', day_of_week='mon', hour='3')
        began = time.process_time()
        self.assertIsNone(schedules.problem(schedule))
        self.assertEqual(at('2044-02-29T03:00:00Z'), schedules.next_run(schedule, NOW))
        self.assertLess(time.process_time() - began, 2)


class NewProblemTest(testtools.TestCase):
    def test_what_was_stored_is_no_reason(self) -> None:
        for schedule, _ in CANNOT_RUN:
            with self.subTest(schedule):
                changed = {**schedule, **STATE}
                self.assertIsNone(schedules.new_problem(changed, schedule))

    def test_other_keys_may_change_beside_it(self) -> None:
        stored = keys(start_date='2030-01-01T02:00:00Z', interval='1 days')
        changed = {**stored, **keys(interval='2 days')}
        self.assertIsNone(schedules.new_problem(changed, stored))

    def test_what_was_wrong_may_not_be_wrong_in_another_way(self) -> None:
        for stored, changed in (
            (keys(interval='0 days'), keys(interval='0 weeks')),
            (keys(month='2', day='30'), keys(month='2', day='31')),
            (
                keys(start_date=START, end_date='2029-01-01T00:00:00'),
                keys(start_date=START, end_date='2028-01-01T00:00:00'),
            ),
        ):
            self.assertIsNotNone(schedules.new_problem(changed, stored))

    def test_one_problem_does_not_hide_another(self) -> None:
        stored = keys(start_date='2030-01-01T02:00:00Z', interval='1 days')
        changed = {**stored, **keys(interval='0 days')}
        self.assertIn('"schedule_interval"', schedules.new_problem(changed, stored) or '')

    def test_a_key_that_agents_begin_to_look_at_counts(self) -> None:
        stored = keys(date=START, interval='0 days')
        self.assertIn(
            '"schedule_interval"',
            schedules.new_problem(keys(interval='0 days'), stored) or '',
        )


class NextRunTest(testtools.TestCase):
    def test_first_run_of_each_kind(self) -> None:
        for schedule, expected in (
            ({}, '2026-11-21T08:00:02.5Z'),
            (keys(start_date=START), '2026-11-21T08:00:02.5Z'),
            (keys(date='2030-01-31T02:00:00'), '2030-01-31T02:00:00Z'),
            (keys(date='2030-01-31T02:00:00+05:30'), '2030-01-30T20:30:00Z'),
            (keys(date='2020-01-31T02:00:00'), '2020-01-31T02:00:00Z'),
            (keys(interval='continuous'), '2026-11-21T08:00:01.5Z'),
            (keys(interval='2 days'), '2026-11-23T08:00:00.5Z'),
            (keys(interval='2 days', start_date=START), '2030-01-01T02:00:00Z'),
            (keys(interval='2 days', start_date='2020-01-01T02:00:00'), '2026-11-21T08:00:02.5Z'),
            (keys(date=START, interval='2 days', hour='3'), '2030-01-01T02:00:00Z'),
            (keys(hour='3'), '2026-11-22T03:00:00Z'),
            (keys(day_of_week='0'), '2026-11-23T00:00:00Z'),
            (keys(month='1'), '2027-01-01T00:00:00Z'),
            (keys(day='last fri', hour='12', start_date=START), '2030-01-25T12:00:00Z'),
        ):
            with self.subTest(schedule):
                self.assertEqual(at(expected), schedules.next_run(schedule, NOW))

    def test_never(self) -> None:
        for schedule in (
            keys(year='2020'),
            keys(start_date='2020-01-01T00:00:00', end_date='2021-01-01T00:00:00', hour='3'),
            keys(month='2', day='30'),
            keys(interval='often'),
        ):
            with self.subTest(schedule):
                self.assertIsNone(schedules.next_run(schedule, NOW))

    def test_zone_of_the_host_is_that_of_dates_and_cron_keys(self) -> None:
        for schedule in (keys(date='2030-01-31T02:00:00'), keys(year='2030', day='31', hour='2')):
            self.assertEqual(
                at('2030-01-31T07:00:00Z'), schedules.next_run(schedule, NOW, local=NEW_YORK)
            )

    def test_start_is_in_the_zone_that_the_release_of_the_agent_takes_it_in(self) -> None:
        schedule = keys(start_date=START, interval='1 days')
        self.assertEqual(
            at('2030-01-01T02:00:00Z'), schedules.next_run(schedule, NOW, local=NEW_YORK)
        )
        self.assertEqual(
            at('2030-01-01T07:00:00Z'),
            schedules.next_run(schedule, NOW, local=NEW_YORK, dates=NEW_YORK),
        )

    def test_time_that_clocks_skip_is_the_one_after_it(self) -> None:
        run = schedules.next_run(keys(hour='2'), at('2027-03-14T06:59:58Z'), local=NEW_YORK)
        self.assertEqual(at('2027-03-14T07:00:00Z'), run)

    def test_edge_of_the_calendar_is_never(self) -> None:
        schedule = keys(date='0001-01-01T00:00:00')
        east = zoneinfo.ZoneInfo('Asia/Tokyo')
        self.assertIsNone(schedules.next_run(schedule, NOW, local=east))
