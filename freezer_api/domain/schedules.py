# SPDX-License-Identifier: Apache-2.0
"""The ``schedule_*`` keys of a job or session, read as the agents read them.

An agent takes ``schedule_date``, else ``schedule_interval``, else the cron keys, and hands them to the triggers of
APScheduler, which are asked here too. With none of them it runs the job at once. It reads a start date whatever the
kind, and an end date whenever there is a start date; nothing else is looked at, and nothing else is checked.
"""

import calendar
import datetime
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

Schedule = Mapping[str, Any]
_Match = Callable[[datetime.date], bool]

_DATE = 'schedule_date'
_INTERVAL = 'schedule_interval'
_START = 'schedule_start_date'
_END = 'schedule_end_date'

_PLAIN = re.compile('[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}')
_ZONED = re.compile(_PLAIN.pattern + r'(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})?')
_LENGTH = re.compile('([0-9]{1,20}) (weeks|days|hours|minutes|seconds)')

# Dates of the year 9999 end an agent's timer: the time after them, or the same in UTC, does not exist.
_LAST_YEAR = 9998
# 100 years. An interval that leads beyond the calendar ends an agent's timer too.
_LONGEST_INTERVAL = datetime.timedelta(days=36525)
# Room for every value of a field and a blank after each comma. APScheduler looks at each entry of a list for each day
# that it passes, so long lists would keep a thread busy for minutes.
_LONGEST_FIELD = 255

# An agent runs what is due "now" after this time.
_AT_ONCE = datetime.timedelta(seconds=2)

_CRON: Mapping[str, str] = {
    'schedule_year': 'a year from 1970 to 9998',
    'schedule_month': 'months from 1 to 12 or jan to dec',
    'schedule_day': 'days from 1 to 31, "last", or weekdays like "2nd fri"',
    'schedule_week': 'weeks from 1 to 53',
    'schedule_day_of_week': 'weekdays from 0, which is Monday, to 6 or mon to sun',
    'schedule_hour': 'hours from 0 to 23',
    'schedule_minute': 'minutes from 0 to 59',
    'schedule_second': 'seconds from 0 to 59',
}
_OF_DAYS = ('schedule_year', 'schedule_month', 'schedule_day', 'schedule_week', 'schedule_day_of_week')

# Leap or not, after a leap year or not, and seven weekdays to begin with: no more differences between years.
_KINDS_OF_YEARS = 21


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why a schedule cannot run.

    :ivar text: a sentence that says what to write
    :ivar values: the keys that it is about, and their values
    """

    text: str
    values: tuple[tuple[str, Any], ...]


def problem(schedule: Schedule, zones: bool = False) -> str | None:
    """Why agents could never run a schedule, or would fail over it; None if they can run it.

    The answer says what to write and holds no value of the schedule. What has passed is no reason. It takes less than
    a second, whatever the schedule.

    :param zones: take start and end dates with a zone or a fraction of a second, as agents since 19.0.0 do
    """
    return next((found.text for found in _problems(schedule, zones)), None)


def new_problem(schedule: Schedule, stored: Schedule, zones: bool = False) -> str | None:
    """As :func:`problem`, but for what ``stored`` suffers from already, from the same values."""
    if definition(schedule) == definition(stored):
        return None
    known = list(_problems(stored, zones))
    return next((found.text for found in _problems(schedule, zones) if found not in known), None)


def next_run(
    schedule: Schedule,
    now: datetime.datetime,
    local: datetime.tzinfo = datetime.UTC,
    dates: datetime.tzinfo = datetime.UTC,
) -> datetime.datetime | None:
    """When an agent that is given the schedule now runs it first, in UTC; None is never.

    A ``schedule_date`` is returned even if it has passed; an agent still runs it within an hour.

    :param now: with a zone
    :param local: the zone of the agent's host, which ``schedule_date`` and the cron keys are in
    :param dates: the zone of start and end dates that name none: UTC for agents since 19.0.0, ``local`` for earlier
        ones
    """
    if problem(schedule, zones=True) is not None:
        return None
    try:
        trigger = _trigger(schedule, now, local, dates)
        run: datetime.datetime | None = trigger.get_next_fire_time(None, now.astimezone(local))
        # A time that the clocks of the zone skip equals no other.
        return run.astimezone(datetime.UTC) if run else None
    except (OverflowError, ValueError):
        # Beyond the calendar in the zone of the host, where the agent fails too.
        return None


def _trigger(
    schedule: Schedule, now: datetime.datetime, local: datetime.tzinfo, dates: datetime.tzinfo
) -> Any:
    bounds = {}
    if schedule.get(_START):
        start = _in_zone(_date(schedule[_START], zones=True), dates)
        # Agents compare whole seconds.
        passed = int(start.timestamp()) <= int(now.timestamp())
        bounds['start_date'] = now + _AT_ONCE if passed else _existing(start)
        if schedule.get(_END):
            bounds['end_date'] = _existing(_in_zone(_date(schedule[_END], zones=True), dates))
    if schedule.get(_DATE):
        # The text: APScheduler takes a fraction of .5 for 5 microseconds.
        return DateTrigger(schedule[_DATE], timezone=local)
    if schedule.get(_INTERVAL):
        length = _length(schedule[_INTERVAL])
        # Without a start date APScheduler would ask the clock.
        bounds.setdefault('start_date', now.astimezone(local) + length)
        return IntervalTrigger(seconds=length.total_seconds(), timezone=local, **bounds)
    if cron := _cron(schedule):
        return _cron_trigger(cron, timezone=local, **bounds)
    return DateTrigger(now + _AT_ONCE, timezone=local)


def definition(schedule: Schedule) -> dict[str, Any]:
    """When to run: the part of a schedule that is no state of a run, and that a session gives to its jobs."""
    return {key: value for key, value in schedule.items() if key.startswith('schedule_')}


def _problems(schedule: Schedule, zones: bool) -> Iterator[_Problem]:
    def found(text: str, *keys: str) -> _Problem:
        return _Problem(text, tuple((key, schedule[key]) for key in keys))

    if schedule.get(_START):
        bounds = [key for key in (_START, _END) if schedule.get(key)]
        wrong = [key for key in bounds if not _reads(_date, schedule[key], zones)]
        for key in wrong:
            yield found(_date_wanted(key, zones), key)
        if not wrong and _END in bounds and not _in_order(schedule[_START], schedule[_END]):
            yield found(f'"{_END}" must not be before "{_START}".', _START, _END)
    if schedule.get(_DATE):
        if not _reads(_date, schedule[_DATE], True):
            yield found(_date_wanted(_DATE, zones=True), _DATE)
    elif schedule.get(_INTERVAL):
        if not _reads(_length, schedule[_INTERVAL]):
            yield found(
                f'"{_INTERVAL}" must be "continuous", or a number from 1, one blank and one of'
                ' weeks, days, hours, minutes, seconds, like "2 days"; at most 100 years.',
                _INTERVAL,
            )
    elif cron := _cron(schedule):
        wrong = [key for key, text in cron.items() if not _reads(_field, key, text)]
        for key in wrong:
            yield found(
                f'"{key}" must be a cron field of {_CRON[key]}, of at most {_LONGEST_FIELD}'
                ' characters: a value, "*", "*/2", a range like "1-3", or several with commas.',
                key,
            )
        if not wrong and not _has_day(_cron_trigger(cron)):
            keys = [key for key in _OF_DAYS if key in cron]
            names = ', '.join(f'"{key}"' for key in keys)
            yield found(f'No day of the years 1970 to {_LAST_YEAR} matches {names}.', *keys)


def _date_wanted(key: str, zones: bool) -> str:
    if zones:
        more = ', with up to 6 digits of a fraction and a zone like Z or +02:00 if wanted'
    else:
        more = ', without a zone or a fraction of a second'
    return (
        f'"{key}" must be a time on an existing day of the years 1 to {_LAST_YEAR},'
        f' like 2030-01-31T02:00:00{more}.'
    )


def _in_order(*texts: str) -> bool:
    start, end = (_in_zone(_date(text, zones=True), datetime.UTC) for text in texts)
    return start <= end


def _in_zone(date: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """The date in its own zone, or else in this one."""
    return date if date.tzinfo else date.replace(tzinfo=zone)


def _existing(date: datetime.datetime) -> datetime.datetime:
    """The same time, as clocks show it that were put forward over it; APScheduler compares what they show."""
    return date.astimezone(datetime.UTC).astimezone(date.tzinfo)


def _reads(reader: Callable[..., object], *arguments: object) -> bool:
    try:
        reader(*arguments)
    except (ValueError, OverflowError):
        return False
    return True


def _date(text: object, zones: bool) -> datetime.datetime:
    """The time that a text names, with a zone only if the text has one.

    :raises ValueError, OverflowError: it names none
    """
    pattern = _ZONED if zones else _PLAIN
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError
    date = datetime.datetime.fromisoformat(text)
    if date.year > _LAST_YEAR:
        raise ValueError
    # The first day of the calendar has hours that are before it in UTC.
    _in_zone(date, datetime.UTC).astimezone(datetime.UTC)
    return date


def _length(text: object) -> datetime.timedelta:
    """How long an interval is.

    :raises ValueError, OverflowError: the text is none, or it is too long
    """
    if text == 'continuous':
        return datetime.timedelta(seconds=1)
    found = _LENGTH.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError
    length = datetime.timedelta(**{found[2]: int(found[1])})
    if not datetime.timedelta(0) < length <= _LONGEST_INTERVAL:
        raise ValueError
    return length


def _field(key: str, text: object) -> CronTrigger:
    """A trigger with this cron field alone.

    :raises ValueError: it is wrong
    """
    if not isinstance(text, str) or len(text) > _LONGEST_FIELD:
        raise ValueError
    return _cron_trigger({key: text})


def _cron(schedule: Schedule) -> dict[str, Any]:
    """The cron keys of a schedule; an empty text counts, as for the agents."""
    return {key: schedule[key] for key in _CRON if key in schedule}


def _cron_trigger(
    cron: Mapping[str, str],
    timezone: datetime.tzinfo = datetime.UTC,
    **bounds: datetime.datetime,
) -> CronTrigger:
    fields = {key.removeprefix('schedule_'): text for key, text in cron.items()}
    return CronTrigger(**fields, timezone=timezone, **bounds)


def _has_day(trigger: Any) -> bool:
    """Whether the trigger ever fires. The fields of the hour, minute and second match on every day."""
    year, month, day, week, weekday = trigger.fields[: len(_OF_DAYS)]
    # The day of the month last: what it makes of a day depends on the month.
    last = functools.partial(_matches, day)
    matches: list[_Match] = [_matcher(month), _matcher(weekday), _matcher(week), last]
    return any(
        all(match(date) for match in matches)
        for number in _years(year)
        for date in _days(number)
    )


def _years(field: Any) -> Iterator[int]:
    """Years that the field matches, one of each kind."""
    kinds: set[tuple[bool, bool, int]] = set()
    year = 1970
    while year <= _LAST_YEAR and len(kinds) < _KINDS_OF_YEARS:
        first = datetime.date(year, 1, 1)
        match = field.get_next_value(first)
        if match == year:
            kind = (calendar.isleap(year), calendar.isleap(year - 1), first.weekday())
            if kind not in kinds:
                kinds.add(kind)
                yield year
            year += 1
        elif match is None:
            return
        else:
            year = match


def _days(year: int) -> Iterator[datetime.date]:
    first = datetime.date(year, 1, 1)
    return (first + datetime.timedelta(number) for number in range(365 + calendar.isleap(year)))


def _matches(field: Any, date: datetime.date) -> bool:
    return bool(field.get_next_value(date) == field.get_value(date))


def _matcher(field: Any) -> _Match:
    """Whether the field matches a day, asked once for each value of the field."""
    known: dict[int, bool] = {}

    def match(date: datetime.date) -> bool:
        value = field.get_value(date)
        if value not in known:
            known[value] = _matches(field, date)
        return known[value]

    return match
