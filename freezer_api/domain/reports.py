# SPDX-License-Identifier: Apache-2.0
"""PATCHes of agents, which carry back a copy of the job that may be older than the job.

An agent polls once a minute and reports at any moment: the whole schedule that it holds, with the session; up to
release 18 the whole job, as it was when the agent last armed it. All but the state of the run is a copy, so whatever a
user did since would be undone by the next report. A report is known by its form and by what it reports, and taken
apart:

- An event that it does not answer (see :func:`freezer_api.domain.events.is_answered`) stays.
- A part of the definition that equals one which a user has replaced since stays replaced; so does a part of an entry of
  ``job_actions``.
- Everything else is taken, the state above all.
"""

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from freezer_api.domain import entries, events, schedules
from freezer_api.domain.merge import merge, same

Document = dict[str, Any]

_STATE = ('event', 'status', 'result', 'time_created', 'time_started', 'time_ended', 'current_pid')
# Always in what agents were given, hence in what they send.
_SIGNATURE = frozenset({'event', 'status', 'result'})
_TEXTS = ('client_id', 'description', 'session_name')

# The time of what has not happened.
_NEVER = -1

# The form of the reports of release 19.
_REPORT = frozenset({'job_schedule', 'session_id', 'session_tag'})

# So many replaced ones are remembered of each part. Agents up to release 18 may hold a copy for weeks.
_REMEMBERED = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A job as it is stored.

    :ivar document: ``job_actions`` only if the PATCH has them
    :ivar former: digests of the parts that were replaced, oldest first
    :ivar replaced: marks of what was replaced in each entry of ``job_actions``, see :mod:`freezer_api.domain.entries`
    :ivar status_before: while a start is pending: what the agent reported last, see :mod:`freezer_api.domain.events`
    """

    document: Document
    former: tuple[str, ...] = ()
    status_before: str = ''
    replaced: tuple[Collection[str], ...] = ()


def apply(job: Job, patch: Document) -> Job:
    """The job after a PATCH, from an agent or from anybody else; not validated yet."""
    schedule = patch.get('job_schedule')
    if not isinstance(schedule, dict) or not _is_report(job.document, patch, schedule):
        return dataclasses.replace(job, document=merge(job.document, patch))
    if patch.keys() != _REPORT and _is_earlier(schedule, job.document['job_schedule']):
        # No agent holds a state older than its own reports: a user restores a job that was saved before.
        definition = {key: schedule[key] for key in schedule if key not in _STATE}
        patch = {**patch, 'job_schedule': definition}
        return dataclasses.replace(job, document=merge(job.document, patch))
    document = merge(job.document, _without_stale(job, patch, schedule))
    return _keep_event(job, document)


def _is_report(stored: Document, patch: Document, schedule: Document) -> bool:
    """Whether a PATCH has the form of a report, and where users send such a form too, a state to report."""
    if not schedule.keys() >= _SIGNATURE:
        return False
    before = stored['job_schedule']
    return patch.keys() == _REPORT or any(
        key in schedule and not same(schedule[key], before.get(key)) for key in _STATE
    )


def _is_earlier(schedule: Document, stored: Document) -> bool:
    """Whether a state is from before the stored one."""
    started, ended = _run_of(schedule)
    started_before, ended_before = _run_of(stored)
    if not all(isinstance(time, int) for time in (started, ended, started_before, ended_before)):
        return False
    if started != started_before:
        return bool(started < started_before)
    # A run that has not ended may have begun in the second in which the one before did.
    return bool(ended != _NEVER and ended < ended_before)


def _run_of(schedule: Document) -> tuple[Any, Any]:
    """When the run began and ended, as far as that is told."""
    return schedule.get('time_started'), schedule.get('time_ended')


def _without_stale(job: Job, patch: Document, schedule: Document) -> Document:
    parts = {**patch, 'job_schedule': schedule}
    kept = dict(patch)
    for name, digest in digests(parts).items():
        if digest == digests(job.document).get(name) or digest not in job.former:
            continue
        if name == 'job_schedule':
            kept[name] = {key: schedule[key] for key in schedule if key in _STATE}
        else:
            del kept[name]
    if isinstance(kept.get('job_actions'), list):
        kept['job_actions'] = entries.without_stale(
            kept['job_actions'], job.document['job_actions'], job.replaced
        )
    return kept


def _keep_event(job: Job, document: Document) -> Job:
    before, after = job.document['job_schedule'], document['job_schedule']
    pending = before['event']
    if after['event'] == pending or after['event'] not in events.STORED:
        # What is no event is left for the schema to refuse.
        return dataclasses.replace(job, document=document)
    status_before = job.status_before if pending == 'start' else before['status']
    # An agent that has been asked to stop a run repeats that until the end of the run: an older event is no answer.
    if not pending or (not after['event'] and events.is_answered(before, status_before, after)):
        return dataclasses.replace(job, document=document, status_before='')
    if pending != 'start':
        after['event'] = pending
        return dataclasses.replace(job, document=document)
    seen = events.seen_status(before, status_before, after)
    after['event'] = pending
    if after['status'] == 'completed':
        # Agents do not ask for completed jobs, and this one is to run again.
        after['status'] = ''
    return dataclasses.replace(job, document=document, status_before=seen)


def digests(document: Mapping[str, Any]) -> dict[str, str]:
    """Digests of the parts of a definition that are there, by name.

    The actions of a job are known by their ids: their definitions may change without the job.
    """
    found = {name: _digest(name, document[name] or '') for name in _TEXTS if name in document}
    schedule = document.get('job_schedule')
    if isinstance(schedule, dict):
        found['job_schedule'] = _digest('job_schedule', schedules.definition(schedule))
    actions = document.get('job_actions')
    if isinstance(actions, list):
        ids = [entry.get('action_id') if isinstance(entry, dict) else None for entry in actions]
        found['job_actions'] = _digest('job_actions', ids)
    return found


def remember(former: Iterable[str], before: Document, after: Document) -> tuple[str, ...]:
    """The digests of replaced parts, with those that ``after`` has replaced in ``before``."""
    new = digests(after)
    replaced = [
        digest
        for name, digest in digests(before).items()
        if name in new and new[name] != digest
    ]
    kept = [digest for digest in former if digest not in replaced]
    for digest in replaced:
        of_part = [other for other in kept if _part(other) == _part(digest)]
        kept = [other for other in kept if other not in of_part[: -_REMEMBERED + 1]]
        kept.append(digest)
    return tuple(kept)


def _digest(name: str, value: object) -> str:
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return f'{name} {hashlib.sha256(text).hexdigest()[:32]}'


def _part(digest: str) -> str:
    """The name of the part that a digest is of."""
    return digest.partition(' ')[0]
