# SPDX-License-Identifier: Apache-2.0
"""Jobs of earlier runs, put into their sessions once those are loaded too: out of a reject file, for instance."""

import types
from typing import Any

import orjson
import sqlalchemy as sa

from freezer_api.migrate import cleaning, ledger, reasons, targets
from freezer_api.migrate.ledger import ENTRIES
from freezer_api.migrate.records import Document
from freezer_api.migrate.rows import MAIN, Rows, link
from freezer_api.migrate.values import Notes

# By project and id of the session that they name.
Waiting = dict[tuple[str, str], list[Any]]


def waiting(connection: sa.Connection) -> Waiting:
    """Entries of the jobs whose session was not there."""
    columns = (
        *(ENTRIES.c.id, ENTRIES.c.project_id, ENTRIES.c.target_id, ENTRIES.c.version),
        *(ENTRIES.c.updated_at, ENTRIES.c.reasons, ENTRIES.c.remainder),
    )
    found = connection.execute(
        sa.select(*columns).where(
            ENTRIES.c.collection == 'jobs',
            ENTRIES.c.version.is_not(None),
            ENTRIES.c.reasons.like('%"session_gone"%'),
        )
    )
    jobs: Waiting = {}
    for entry in found:
        session_id = orjson.loads(entry.remainder)['session_id']
        jobs.setdefault((entry.project_id, session_id), []).append(entry)
    return jobs


def join(connection: sa.Connection, entry: Any, rows: Rows, left_over: Document) -> None:
    """Put a job into a session that was just loaded, unless somebody has changed the job.

    :param left_over: what the session's document had and its row does not hold: its view of jobs, too
    """
    if not targets.is_as_migrated(connection, 'jobs', entry):
        return
    attachments = MAIN['jobs'][0]
    given = left_over.get(f'jobs.{entry.target_id}')
    part = None if given is None else cleaning.clean_part(entry.target_id, given, Notes())
    values: Document = {}
    link({attachments: [values]}, None, types.SimpleNamespace(**rows[MAIN['sessions'][0]][0]), part)
    del values['central_client_id']
    version = entry.version + 1
    connection.execute(
        sa.update(attachments)
        .where(targets.key_of('jobs', entry.project_id, entry.target_id))
        .values(version=version, **values)
    )
    remainder = orjson.loads(entry.remainder)
    del remainder['session_id']
    why = [reason for reason in orjson.loads(entry.reasons) if reason != 'session_gone']
    noted = {
        'id': entry.id,
        'version': version,
        'state': reasons.combine(why),
        'reasons': orjson.dumps(why).decode() if why else None,
        'remainder': ledger.text(remainder),
    }
    ledger.write(connection, [noted], {entry.id: entry})
