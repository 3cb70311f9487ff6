# SPDX-License-Identifier: Apache-2.0
"""Lets the agent's own scheduler arm jobs, in the interpreter that runs this file.

Each line of the input is a JSON list: the time that it is, in ISO 8601 with a zone, and a ``job_schedule``. Each line
of the output is an object with ``outcome``, which is ``raised``, ``completed`` (not armed) or ``scheduled``; with
``next_run``, in ISO 8601, UTC, or null; with ``dies``: whether the timer fails when the job fires; and with ``error``,
if one was raised.

The zone of the host is that of the variable TZ.
"""

import datetime
import json
import logging
import sys
import types

from apscheduler.schedulers import base
from apscheduler.triggers import date, interval
from freezer.scheduler import freezer_scheduler, scheduler_job
from oslo_utils import timeutils


class _AnyDatetime(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, datetime.datetime)


class Clock(datetime.datetime, metaclass=_AnyDatetime):
    """A datetime whose class knows what time it is supposed to be."""

    moment: datetime.datetime

    @classmethod
    def now(cls, tz=None):
        now = cls.moment.astimezone(tz)
        return now if tz else now.replace(tzinfo=None)


def stop_the_clock():
    """Give :class:`Clock` to all code between a schedule and the time of its next run."""
    scheduler_job.datetime = types.SimpleNamespace(
        datetime=Clock, timedelta=datetime.timedelta, timezone=datetime.timezone
    )
    for module in (base, date, interval):
        module.datetime = Clock
    # Release 19 asks for it with a zone; what is without one is not the local time.
    timeutils.utcnow = lambda with_timezone: Clock.now(datetime.UTC)


def arm(scheduler, schedule):
    document = {'job_id': 'job', 'job_actions': [], 'job_schedule': {**schedule, 'event': 'start'}}
    scheduler.jobs.clear()
    try:
        scheduler.create_job(document).process_event(document)
    except Exception as error:
        return {'outcome': 'raised', 'next_run': None, 'dies': False, 'error': repr(error)}
    armed = scheduler.scheduler.get_job('job')
    if armed is None:
        return {'outcome': 'completed', 'next_run': None, 'dies': False}
    scheduler.remove_job('job')
    run = armed.next_run_time
    dies = False
    if run is not None:
        try:
            armed.trigger.get_next_fire_time(run, run)
        except Exception:
            dies = True
        run = run.astimezone(datetime.UTC).isoformat()
    return {'outcome': 'scheduled', 'next_run': run, 'dies': dies}


def main():
    # The agent logs what it cannot arm, which is told in the answers.
    logging.disable()
    stop_the_clock()
    # Without a client it asks no service and reports to none.
    scheduler = freezer_scheduler.FreezerScheduler(None, 60, '/nowhere')
    # It computes the times of runs, but runs nothing.
    scheduler.scheduler.start(paused=True)
    for line in sys.stdin:
        now, schedule = json.loads(line)
        Clock.moment = datetime.datetime.fromisoformat(now)
        print(json.dumps(arm(scheduler, schedule)), flush=True)


if __name__ == '__main__':
    main()
