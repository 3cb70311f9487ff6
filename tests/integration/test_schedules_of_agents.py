# SPDX-License-Identifier: Apache-2.0
"""The published agents arm schedules; what we accept they run, when we say."""

import atexit
import datetime
import functools
import json
import os
import subprocess
import zoneinfo
from pathlib import Path
from typing import Any, ClassVar

import hypothesis
import testscenarios
from hypothesis import strategies

from freezer_api.domain import schedules
from tests import base
from tests.integration import published

_DRIVER = Path(__file__).with_name('scheduler_driver.py')

Schedule = dict[str, Any]

NEW_YORK = 'America/New_York'
# The second one is just before clocks are put forward in New York.
TIMES = ('2026-11-21T08:00:00.500000+00:00', '2027-03-14T06:59:58.250000+00:00')

_UNITS = ('weeks', 'days', 'hours', 'minutes', 'seconds')
_WEEKDAYS = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
_MONTHS = ('jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec')

# Other forms of ISO 8601, and slips.
_ENDINGS = ('Z', '+05:30', '-11:00', '.5', '.123456Z', '.1234567', '\n', ' ')

Texts = strategies.SearchStrategy[str]


def _mostly(usual: Texts, *rare: Texts) -> Texts:
    # one_of() draws each of its strategies as often, and the same one once.
    return strategies.integers(0, 15).flatmap(
        lambda number: rare[number - 7] if 0 <= number - 7 < len(rare) else usual
    )


def _dates() -> Texts:
    near = strategies.datetimes(
        datetime.datetime(2026, 1, 1), datetime.datetime(2028, 12, 31)
    ).map(lambda date: date.isoformat(timespec='seconds'))
    # Not the year 1, which is not whole in every zone.
    far = strategies.datetimes(
        datetime.datetime(2, 1, 1), datetime.datetime(9998, 12, 30)
    ).map(lambda date: f'{date.year:04}{date.strftime("-%m-%dT%H:%M:%S")}')
    parts = strategies.tuples(
        *(
            strategies.integers(low, high)
            for low, high in ((0, 10000), (0, 13), (0, 32), (0, 24), (0, 60), (0, 60))
        )
    ).map(lambda numbers: '{:04}-{:02}-{:02}T{:02}:{:02}:{:02}'.format(*numbers))
    other = strategies.builds(str.__add__, near, strategies.sampled_from(_ENDINGS))
    return _mostly(near, far, parts, other)


def _intervals() -> Texts:
    number = strategies.integers(1, 100)
    unit = strategies.sampled_from(_UNITS)
    slips = strategies.builds(
        '{}{}{}'.format,
        number,
        strategies.sampled_from((' ', '  ', '')),
        strategies.sampled_from((*_UNITS, 'day', 'months', 'days\n')),
    )
    return _mostly(
        strategies.builds('{} {}'.format, number, unit),
        strategies.just('continuous'),
        strategies.builds('{} {}'.format, strategies.integers(0, 10**11), unit),
        slips,
    )


def _fields(low: int, high: int, *words: str) -> Texts:
    inside = strategies.integers(low, high)
    ranges = strategies.lists(inside, min_size=2, max_size=2).map(sorted)
    number = _mostly(inside.map(str), strategies.integers(max(low - 1, 0), high + 1).map(str))
    entry = strategies.one_of(
        strategies.just('*'),
        number,
        strategies.builds('*/{}'.format, _mostly(strategies.integers(1, 5).map(str), number)),
        ranges.map(lambda ends: f'{ends[0]}-{ends[1]}'),
        strategies.builds('{}-{}'.format, number, number),
        strategies.builds('{}-{}/{}'.format, strategies.just(low), number, strategies.just(2)),
        *[strategies.sampled_from(words)] * bool(words),
    )
    lists = strategies.lists(entry, min_size=1, max_size=3)
    return _mostly(number, entry, entry, lists.map(','.join), lists.map(' , '.join))


_POSITIONS = tuple(
    f'{position} {weekday}'
    for position in ('1st', '2nd', '3rd', '4th', '5th', 'last')
    for weekday in _WEEKDAYS
)
_KEYS = {
    'schedule_start_date': _dates(),
    'schedule_end_date': _dates(),
    'schedule_date': _dates(),
    'schedule_interval': _intervals(),
    'schedule_year': strategies.integers(2025, 2050).map(str),
    'schedule_month': _fields(1, 12, *_MONTHS, 'JAN', 'mar-may', 'december'),
    'schedule_day': _fields(1, 31, 'last', *_POSITIONS),
    'schedule_week': _fields(1, 53),
    'schedule_day_of_week': _fields(0, 6, *_WEEKDAYS, 'mon-fri', 'Sat', 'sunday'),
    'schedule_hour': _fields(0, 23),
    'schedule_minute': _fields(0, 59),
    'schedule_second': _fields(0, 59),
    'result': strategies.sampled_from(('', 'success', 'fail')),
    'time_created': strategies.integers(0, 2**40),
}
_BOUNDS = ('schedule_start_date', 'schedule_end_date', 'result')
_CRON = tuple(key for key in _KEYS if key not in (*_BOUNDS, 'schedule_date', 'schedule_interval'))


def _some(*names: str) -> strategies.SearchStrategy[Schedule]:
    """Some of the keys."""
    return strategies.fixed_dictionaries({}, optional={name: _KEYS[name] for name in names})


SCHEDULES = strategies.one_of(
    _some(*_BOUNDS, 'schedule_date'),
    _some(*_BOUNDS, 'schedule_interval'),
    _some(*_BOUNDS, *_CRON),
    _some('schedule_month', 'schedule_day', 'schedule_day_of_week', 'schedule_week'),
    _some(*_KEYS),
)


class Agent:
    """The scheduler of a release, in a process of its own interpreter that lasts as long as this one.

    :param zone: of its host
    """

    def __init__(self, release: str, zone: str) -> None:
        self._process = subprocess.Popen(
            # Its libraries deprecate one another.
            [published.environment(release) / 'python', '-W', 'ignore', _DRIVER],
            env={**os.environ, 'TZ': zone},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # It ends with its input.
        atexit.register(self._process.communicate)

    def arm(self, now: str, schedule: Schedule) -> dict[str, Any]:
        """What becomes of a job with the schedule; see the driver."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([now, schedule]) + '\n')
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@functools.cache
def agent(release: str, zone: str) -> Agent:
    return Agent(release, zone)


class AgentTest(testscenarios.WithScenarios, base.TestCase):
    """What we say of a schedule is what becomes of it in an agent.

    :ivar zone: of the agent's host
    :ivar dates: the zone in which this release takes start and end dates
    :ivar zones: whether it reads others
    """

    scenarios: ClassVar = [
        ('18', {'release': 'agent-18', 'zone': NEW_YORK, 'dates': NEW_YORK, 'zones': False}),
        ('19', {'release': 'agent-19', 'zone': NEW_YORK, 'dates': 'UTC', 'zones': True}),
        ('19 in UTC', {'release': 'agent-19', 'zone': 'UTC', 'dates': 'UTC', 'zones': True}),
    ]
    release: str
    zone: str
    dates: str
    zones: bool

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for _, scenario in cls.scenarios:
            # May take longer than a test may.
            published.environment(scenario['release'])

    def setUp(self) -> None:
        super().setUp()
        self.agent = agent(self.release, self.zone)

    def next_run(self, now: str, schedule: Schedule) -> datetime.datetime | None:
        return schedules.next_run(
            schedule,
            datetime.datetime.fromisoformat(now),
            local=zoneinfo.ZoneInfo(self.zone),
            dates=zoneinfo.ZoneInfo(self.dates),
        )

    def test_what_we_accept_runs_when_we_say(self) -> None:
        accepted = []

        @hypothesis.settings(
            derandomize=True, database=None, deadline=None, max_examples=500, print_blob=False
        )
        @hypothesis.given(strategies.sampled_from(TIMES), SCHEDULES)
        def compare(now: str, schedule: Schedule) -> None:
            if schedules.problem(schedule, self.zones) is not None:
                return
            answer = self.agent.arm(now, schedule)
            self.assertEqual('scheduled', answer['outcome'], answer)
            self.assertFalse(answer['dies'])
            run = answer['next_run']
            expected = None if run is None else datetime.datetime.fromisoformat(run)
            self.assertEqual(expected, self.next_run(now, schedule))
            accepted.append(schedule)

        compare()
        # The test is worth little if few of the schedules are good, or all are of one kind.
        for keys in (
            {'schedule_date'},
            {'schedule_interval'},
            {'schedule_hour'},
            {'schedule_day', 'schedule_month'},
            {'schedule_start_date', 'schedule_end_date'},
            {'schedule_start_date', 'schedule_interval'},
            {'schedule_start_date', 'schedule_day_of_week'},
        ):
            self.assertGreater(sum(keys <= schedule.keys() for schedule in accepted), 10, keys)

    def test_what_the_agent_cannot_run_is_refused(self) -> None:
        for schedule, outcome in CANNOT_RUN:
            with self.subTest(schedule):
                answer = self.agent.arm(TIMES[0], schedule)
                self.assertIn(_outcome(answer), outcome, answer)
                self.assertIsNotNone(schedules.problem(schedule, self.zones))

    def test_zones_and_fractions_of_start_and_end_stop_old_agents(self) -> None:
        for ending in ('Z', '+02:00', '.5'):
            for schedule in (
                {'schedule_start_date': f'2030-01-01T00:00:00{ending}'},
                {
                    'schedule_start_date': '2030-01-01T00:00:00',
                    'schedule_end_date': f'2031-01-01T00:00:00{ending}',
                },
            ):
                outcome = self.agent.arm(TIMES[0], schedule)['outcome']
                self.assertEqual('scheduled' if self.zones else 'raised', outcome)
                self.assertIsNotNone(schedules.problem(schedule))

    def test_what_is_over_passes_though_it_never_runs(self) -> None:
        for schedule in (
            {'schedule_year': '2020'},
            {
                'schedule_interval': '1 days',
                'schedule_start_date': '2020-01-01T00:00:00',
                'schedule_end_date': '2021-01-01T00:00:00',
            },
        ):
            self.assertEqual('never', _outcome(self.agent.arm(TIMES[0], schedule)))
            self.assertIsNone(schedules.problem(schedule))


def _outcome(answer: dict[str, Any]) -> str:
    if answer['dies']:
        return 'dies'
    if answer['outcome'] == 'scheduled' and answer['next_run'] is None:
        return 'never'
    return str(answer['outcome'])


def _table() -> list[tuple[Schedule, tuple[str, ...]]]:
    """What no release runs as it is written, and what becomes of it."""
    start = {'schedule_start_date': '2030-01-01T00:00:00'}
    no_dates = ('2030-02-31T00:00:00', '0000-01-01T00:00:00', '-2030-01-01T00:00:00', '12030-01-01T00:00:00')
    table: list[tuple[Schedule, tuple[str, ...]]] = []
    for date in no_dates:
        table += [
            ({'schedule_start_date': date}, ('raised',)),
            ({'schedule_start_date': date, 'schedule_date': '2030-01-01T00:00:00'}, ('raised',)),
            ({**start, 'schedule_end_date': date}, ('raised',)),
            ({'schedule_date': date}, ('completed',)),
        ]
    table += [
        ({'schedule_date': '2030-01-01T00:00:00.1234567'}, ('completed',)),
        ({'schedule_interval': '2  days'}, ('raised',)),
        ({'schedule_interval': '500000 weeks'}, ('completed',)),
        ({'schedule_interval': '2 days\n'}, ('completed',)),
        ({**start, 'schedule_interval': '500000 weeks'}, ('dies',)),
        # Every second, which nobody means by it.
        ({'schedule_interval': '0 days'}, ('scheduled',)),
        # For ever.
        ({**start, 'schedule_end_date': '2029-01-01T00:00:00'}, ('scheduled',)),
        ({'schedule_month': '2', 'schedule_day': '31'}, ('never',)),
        ({'schedule_month': '6', 'schedule_week': '53', 'schedule_hour': '3'}, ('never',)),
    ]
    table += [
        ({f'schedule_{name}': text}, ('completed',))
        for name, text in (
            ('hour', '25'),
            ('hour', ''),
            ('minute', '*/0'),
            ('minute', '5-1'),
            ('day_of_week', '7'),
            ('day', '6th mon'),
            ('year', '0001'),
        )
    ]
    return table


CANNOT_RUN = _table()
