# SPDX-License-Identifier: Apache-2.0
"""Rows of cleaned documents, with the columns that the API would make of them."""

from typing import Any

import sqlalchemy as sa

from freezer_api.db import (
    actions,
    attachments,
    backups,
    clients,
    documents,
    jobs,
    members,
    search,
    sessions,
)
from freezer_api.db.documents import size_in_statement
from freezer_api.db.models import (
    Action,
    ActionAttachment,
    Backup,
    Client,
    Job,
    JobAttachment,
    Session,
)
from freezer_api.domain import runs
from freezer_api.migrate import ids
from freezer_api.migrate.cleaning import Cleaned
from freezer_api.migrate.records import Document
from freezer_api.schemas.clients import DEFAULTS

Rows = dict[sa.Table, list[Document]]

# Characters, from which on it is worth to count.
_LARGE = 10000
# Microseconds; what lies outside was no time of a document.
_SANE = range(946684800 * 10**6, 4102444800 * 10**6)


def _table(model: Any) -> sa.Table:
    table: sa.Table = model.__table__
    return table


# The table whose rows have version and times, per kind; and the columns of its key.
MAIN: dict[str, tuple[sa.Table, str]] = {
    'clients': (_table(Client), 'id'),
    'sessions': (_table(Session), 'id'),
    'actions': (_table(Action), 'id'),
    'jobs': (_table(JobAttachment), 'job_id'),
    'backups': (_table(Backup), 'id'),
}
JOBS, ENTRIES = _table(Job), _table(ActionAttachment)
# In the order in which rows refer to each other.
TABLES = (*(MAIN[kind][0] for kind in ('clients', 'sessions', 'actions')), JOBS, MAIN['jobs'][0])
TABLES = (*TABLES, ENTRIES, MAIN['backups'][0])


def _microseconds(seconds: Any) -> int:
    """The time of creation for a time in seconds; 0, before all others, if that is none."""
    if not isinstance(seconds, int) or seconds * 10**6 not in _SANE:
        return 0
    return seconds * 10**6


def make(kind: str, cleaned: Cleaned) -> Rows:
    """The rows of a new document; those of a job are of none in a session, see :func:`link`.

    :raises BadRequest: a text is larger than its column
    """
    document = cleaned.document
    row: Document = {
        'project_id': document['project_id'],
        'user_id': document['user_id'],
        'version': 1,
    }
    created = _microseconds(cleaned.created)
    if kind == 'clients':
        row |= clients.to_values(document['client'], DEFAULTS)
        row |= {'id': document['client']['client_id'], 'last_seen': 0}
    elif kind == 'sessions':
        row |= {'id': document['session_id'], **sessions.to_values(document)}
    elif kind == 'actions':
        row |= {'id': document['action_id'], 'former': '[]', **actions.to_values(document)}
    elif kind == 'backups':
        row |= {'id': document['backup_id']}
        row |= {name: document[name] for name in ('status', 'user_name')}
        row |= backups.to_values(document['backup_metadata'])
        row |= {name: search.key(value) for name, value in cleaned.extra.items()}
        created = created or _microseconds(row['time_stamp'])
    else:
        return _of_job(document, created)
    return {MAIN[kind][0]: [_fitted({**row, 'created_at': created, 'updated_at': created})]}


def _of_job(document: Document, created: int) -> Rows:
    project_id, job_id, user_id = (document[name] for name in ('project_id', 'job_id', 'user_id'))
    job, state = jobs.to_values(document)
    created = created or _microseconds(document['job_schedule'].get('time_created'))
    times = {'created_at': created, 'updated_at': created}
    attachment: Document = {
        'project_id': project_id,
        'job_id': job_id,
        'client_id': document['client_id'],
        'session_tag': document['session_tag'],
        'version': 1,
        **times,
        **state,
    }
    key = {'project_id': project_id, 'id': job_id, 'user_id': user_id, 'created_at': created}
    entries = [
        _fitted(
            {
                'project_id': project_id,
                'id': ids.derive('entries', project_id, job_id, position),
                'job_id': job_id,
                'action_id': entry['action_id'],
                'follows': None,
                'priority': position,
                **attachments.to_values(
                    entry, str(entry.get('user_id') or user_id), entry['freezer_action']
                ),
            }
        )
        for position, entry in enumerate(document['job_actions'])
    ]
    rows = {JOBS: [_fitted({**key, **job})], MAIN['jobs'][0]: [attachment], ENTRIES: entries}
    link(rows, None, None, None)
    return rows


def link(rows: Rows, central: str | None, session: Any, part: Document | None) -> None:
    """Complete the rows of a job by what it refers to.

    :param central: the id of its client if that is central
    :param session: the row of its session
    :param part: what the session says of it
    """
    values = members.from_part(part or {})
    values['run_tag'] = None
    if session is not None and part and session.status == runs.RUNNING:
        # Of the run that goes on, if it reported since that began; so the run can end as it would have.
        ended = values['session_time_ended'] or -1
        running = values['session_status'] == runs.RUNNING
        if running or (
            values['session_status'] == runs.COMPLETED and ended >= session.time_start
        ):
            values['run_tag'] = session.session_tag
    values['session_id'] = None if session is None else session.id
    values['central_client_id'] = central
    rows[MAIN['jobs'][0]][0].update(values)


def set_version(rows: Rows, kind: str, version: int) -> None:
    """Number a document that takes the place of an earlier one."""
    rows[MAIN[kind][0]][0]['version'] = version


def _fitted(row: Document) -> Document:
    """The row with a text for searches that fits into its column; all else was checked when it was made."""
    text = row['search_text']
    if len(text) > documents.MAX_SIZE // 4 and len(text.encode()) > documents.MAX_SIZE:
        row['search_text'] = text.encode()[: documents.MAX_SIZE].decode(errors='ignore')
    return row


def size(rows: Rows) -> int:
    """At least as many bytes as the largest row takes in a statement, where quotes have a backslash before them."""
    return max(
        sum(_size_of(value) for value in row.values() if isinstance(value, str))
        for found in rows.values()
        for row in found
    )


def _size_of(text: str) -> int:
    return 4 * len(text) if len(text) < _LARGE else size_in_statement(text)


def fingerprint(rows: Rows, kind: str) -> tuple[int, int]:
    """Version and time of change, by which a row is known to be as it was migrated."""
    row = rows[MAIN[kind][0]][0]
    return row['version'], row['updated_at']
