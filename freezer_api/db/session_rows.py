# SPDX-License-Identifier: Apache-2.0
"""Rows of sessions, and of the parts that jobs have in them; all within the transaction of a caller."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import swaps
from freezer_api.db.documents import Document
from freezer_api.db.models import Job, JobAttachment, Session

SHOWN = [
    column
    for column in Session.__table__.c
    if column.name not in ('search_text', 'policy', 'created_at', 'updated_at')
]

_PART = (
    JobAttachment.project_id,
    JobAttachment.job_id,
    JobAttachment.session_id,
    JobAttachment.attached_at,
    JobAttachment.run_tag,
    JobAttachment.session_client_id,
    JobAttachment.session_status,
    JobAttachment.session_result,
    JobAttachment.session_time_started,
    JobAttachment.session_time_ended,
)

# Made once: for SQLAlchemy it is more work to make a statement than to send it.
_SELECT_ONE = sa.select(*SHOWN).where(
    Session.project_id == sa.bindparam('project_id'), Session.id == sa.bindparam('session_id')
)
_SELECT_PARTS = sa.select(*_PART).where(
    JobAttachment.project_id == sa.bindparam('project_id'),
    JobAttachment.session_id.in_(sa.bindparam('session_ids', expanding=True)),
)
# With the creators of the jobs, who alone see them by v1.
_SELECT_PARTS_V1 = _SELECT_PARTS.add_columns(Job.user_id).join(
    Job, sa.and_(Job.project_id == JobAttachment.project_id, Job.id == JobAttachment.job_id)
)


def select(context: RequestContext, session_id: str, lock: bool = False) -> Any:
    """The row of a session.

    :param lock: queue up behind other writers of it; spares most repetitions, guarantees nothing on a cluster
    """
    scope = context.scope
    statement = _SELECT_ONE
    if scope.user_id is not None:
        statement = statement.where(Session.user_id == scope.user_id)
    if lock:
        statement = statement.with_for_update()
    values = {'project_id': scope.project_id, 'session_id': session_id}
    row = context.connection.execute(statement, values).first()
    if row is None:
        raise exceptions.NotFound('There is no such session.')
    return row


def parts(
    context: RequestContext, project_id: str, session_ids: Collection[str]
) -> dict[str, list[Any]]:
    """The parts of sessions of one project by session id, in the order in which the jobs were attached."""
    if not session_ids:
        return {}
    values = {'project_id': project_id, 'session_ids': list(session_ids)}
    found: dict[str, list[Any]] = defaultdict(list)
    # Sorted here: the index has them in the order of lists, for searches.
    statement = _SELECT_PARTS_V1 if context.scope.is_v1 else _SELECT_PARTS
    for part in sorted(
        context.connection.execute(statement, values),
        key=lambda row: (row.attached_at or 0, row.job_id),
    ):
        found[part.session_id].append(part)
    return found


def parts_of(context: RequestContext, row: Any) -> list[Any]:
    """The parts of one session, in the order in which the jobs were attached."""
    return parts(context, row.project_id, [row.id]).get(row.id, [])


def swap(context: RequestContext, row: Any, values: Document) -> None:
    """Update a session whose version is still the row's."""
    swaps.one(context, Session, row, values)
