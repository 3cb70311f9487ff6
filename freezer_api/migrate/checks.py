# SPDX-License-Identifier: Apache-2.0
"""What the API would refuse today of a document that is kept as it is."""

import functools
import re
from collections.abc import Callable

import orjson

from freezer_api import exceptions
from freezer_api.db.documents import without
from freezer_api.domain import schedules
from freezer_api.migrate.reasons import SCHEDULE, SCHEMA
from freezer_api.migrate.records import Document
from freezer_api.schemas import actions, backups, clients, jobs, sessions

_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')
_POSITION = re.compile(r'\[\d+\]|\[%d\]')


def _client(document: Document) -> None:
    clients.check_create(document['client'])


def _session(document: Document) -> None:
    # The tag is required of who replaces a session; jobs are checked with the jobs.
    sessions.check_replace({'session_tag': 0, **document, 'jobs': {}})


def _backup(document: Document) -> None:
    # Words for a status were free.
    backups.check_create({**document['backup_metadata'], 'status': 'available'})


_CHECKS: dict[str, Callable[[Document], None]] = {
    'actions': actions.check_replace,
    'clients': _client,
    'jobs': jobs.check_replace,
    'sessions': _session,
    'backups': _backup,
}


# The key of a document with a schedule.
_SCHEDULES = {'jobs': 'job_schedule', 'sessions': 'schedule'}


def problems(kind: str, document: Document, zones: bool) -> list[str]:
    """Reasons: the key that breaks the schema, only the first one, and never a value; and a schedule that cannot run.

    :param zones: start and end dates may have a zone or a fraction of a second
    """
    found = []
    try:
        _CHECKS[kind](without(document, ['version']))
    except exceptions.BadRequest as error:
        found.append(SCHEMA + _key(error.description, kind))
    schedule = document[_SCHEDULES[kind]] if kind in _SCHEDULES else {}
    definition = schedules.definition(schedule)
    if definition:
        problem = _problem(orjson.dumps(definition, option=orjson.OPT_SORT_KEYS), zones)
        found += [] if problem is None else [SCHEDULE + _key(problem, kind)]
    return found


def _key(text: str, kind: str) -> str:
    """The first key that a sentence names."""
    found = _NAME.search(text)
    return _POSITION.sub('[]', found[1]) if found else kind


# Cron keys take a millisecond, and many jobs have the same.
@functools.lru_cache(maxsize=10_000)
def _problem(definition: bytes, zones: bool) -> str | None:
    return schedules.problem(orjson.loads(definition), zones)
