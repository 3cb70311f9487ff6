# SPDX-License-Identifier: Apache-2.0
"""The trusts that jobs run under, and which of them wait to be deleted in Keystone.

A trust is *live* while jobs use it. The last of them that lets go *releases* it: no job takes it any more, and its row
stays until it is deleted in Keystone. Whoever takes or leaves a trust raises its version, so one that is taken and left
at once is not released.
"""

import dataclasses
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from freezer_api.context import RequestContext
from freezer_api.db import session
from freezer_api.db.documents import Document, dump, load
from freezer_api.db.models import JobAttachment, JobCredential
from freezer_api.db.models import Trust as Row
from freezer_api.domain.trusts import Terms, Trust, TrustNeeded

Key = tuple[str, str]

# In place of a trust: the job is to have none, though its client is central.
_DROPPED = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A trust, the number of its jobs, and when the last of them left it, in seconds since the epoch."""

    trust: Trust
    jobs: int
    released_at: int | None


def held(stored: str | None) -> str | None:
    """The trust that a job runs under.

    :param stored: the column ``trust`` of the job's attachment
    """
    return stored.partition(' ')[0] if stored else None


def is_dropped(stored: str | None) -> bool:
    """Whether somebody wanted the job to have no trust.

    :param stored: the column ``trust`` of the job's attachment
    """
    return stored == _DROPPED


def shown(stored: str, whole: bool) -> Document:
    """What an answer shows of a trust.

    :param stored: the column ``trust`` of the job's attachment, which holds one
    :param whole: show the id, not the handle
    """
    trust_id, handle, trustor_user_id = stored.split(' ')
    return {'trust_id': trust_id if whole else handle, 'trustor_user_id': trustor_user_id}


def choose(
    context: RequestContext, held: str | None, is_central: bool, is_optional: bool = False
) -> str | None:
    """The trust that a job is to run under, within the caller's transaction.

    :param held: the one that it runs under now
    :param is_central: whether its client is
    :param is_optional: whether the job may keep that one if there can be no other
    :raises TrustNeeded: there is none yet, or none that is known to be in Keystone
    """
    delegation = context.delegation
    if delegation is None:
        # Who cannot give another leaves the job the one that it has.
        return held if is_central else None
    if not (is_central or delegation.always):
        return None
    if delegation.terms is None:
        raise TrustNeeded(is_optional)
    found = _reusable(context, delegation.terms)
    if found is None and delegation.made is not None:
        return _insert(context, delegation.made)
    if found is None or found != delegation.confirmed:
        raise TrustNeeded(is_optional)
    return found


def is_lacking(context: RequestContext, stored: str | None, is_central: bool) -> bool:
    """Whether a job has no trust that Keystone honours although it should, and the caller may give it one.

    It has none at all if it was there before its client became central, or trusts were made.

    :param stored: the column ``trust`` of the job's attachment
    :param is_central: whether its client is
    """
    if context.delegation is None or not context.delegation.mends or is_dropped(stored):
        return False
    if stored is None:
        return is_central
    held = stored.partition(' ')[0]
    expires_at = context.connection.scalar(sa.select(Row.expires_at).where(Row.trust_id == held))
    return expires_at is not None and expires_at <= session.seconds()


def _reusable(context: RequestContext, terms: Terms) -> str | None:
    row = context.connection.execute(
        sa.select(Row.trust_id, Row.expires_at).where(Row.terms == terms.digest)
    ).first()
    if row is None:
        return None
    if row.expires_at is None or row.expires_at > session.seconds():
        return str(row.trust_id)
    # Its jobs keep it; others get a new one.
    context.connection.execute(
        sa.update(Row).where(Row.trust_id == row.trust_id).values(terms=None)
    )
    return None


@session.reader
def reusable(context: RequestContext, terms: Terms) -> str | None:
    """The stored trust by these terms that further jobs may take, as far as the database knows."""
    found = context.connection.scalar(
        sa.select(Row.trust_id).where(
            Row.terms == terms.digest,
            sa.or_(Row.expires_at.is_(None), Row.expires_at > session.seconds()),
        )
    )
    return None if found is None else str(found)


@session.retry
@session.writer
def lose(context: RequestContext, trust_id: str) -> None:
    """Take a trust that Keystone has no more for an expired one: its jobs get another with their next change."""
    context.connection.execute(
        sa.update(Row)
        .where(Row.trust_id == trust_id, Row.released_at.is_(None))
        .values(terms=None, expires_at=session.seconds())
    )


def _insert(context: RequestContext, trust: Trust) -> str:
    try:
        context.connection.execute(
            sa.insert(Row).values(**_values(trust), terms=trust.terms.digest, released_at=None)
        )
    except db_exception.DBDuplicateEntry:
        # Another request has made one meanwhile.
        raise session.lost_race() from None
    return trust.trust_id


def _values(trust: Trust) -> dict[str, Any]:
    return {
        'trust_id': trust.trust_id,
        'handle': session.new_id(),
        'trustor_user_id': trust.terms.trustor_user_id,
        'trustee_user_id': trust.terms.trustee_user_id,
        'project_id': trust.terms.project_id,
        'roles': dump(list(trust.terms.roles)),
        'expires_at': trust.expires_at,
        'created_at': session.microseconds(),
        'version': 1,
    }


def exchange(
    context: RequestContext, job: Key, held: str | None, chosen: str | None, drops: bool = False
) -> None:
    """Let a job take one trust and leave another, within the caller's transaction.

    :param job: its project and id; its rows are there
    :param drops: remember that it is to have none
    """
    if chosen == held and not drops:
        return
    if held is not None:
        leave(context, job, held)
        context.connection.execute(
            sa.delete(JobCredential).where(
                JobCredential.project_id == job[0], JobCredential.job_id == job[1]
            )
        )
    if chosen is not None:
        result = context.connection.execute(
            sa.update(Row)
            .where(Row.trust_id == chosen, Row.released_at.is_(None))
            .values(version=Row.version + 1)
        )
        session.swapped(result)
        context.connection.execute(
            sa.insert(JobCredential).values(
                project_id=job[0], job_id=job[1], trust_id=chosen, document=dump({})
            )
        )
    text = Row.trust_id + ' ' + Row.handle + ' ' + Row.trustor_user_id
    stored: Any = sa.select(text).where(Row.trust_id == chosen).scalar_subquery()
    context.connection.execute(
        sa.update(JobAttachment)
        .where(JobAttachment.project_id == job[0], JobAttachment.job_id == job[1])
        .values(trust=_DROPPED if drops else stored)
    )


def leave(context: RequestContext, job: Key, held: str) -> None:
    """Release a trust if no other job uses it, within the caller's transaction."""
    others = sa.exists().where(
        JobCredential.trust_id == held,
        sa.or_(JobCredential.project_id != job[0], JobCredential.job_id != job[1]),
    )
    row = context.connection.execute(
        sa.select(Row.version, others.label('is_used')).where(Row.trust_id == held)
    ).first()
    if row is None:
        return
    values: dict[str, Any] = {'version': row.version + 1}
    if not row.is_used:
        values |= {'terms': None, 'released_at': session.seconds()}
        context.released_trusts.add(held)
    result = context.connection.execute(
        sa.update(Row).where(Row.trust_id == held, Row.version == row.version).values(**values)
    )
    session.swapped(result)


@session.reader
def live(context: RequestContext, trust_ids: Collection[str]) -> dict[str, bool]:
    """Which of these trusts are stored, and whether jobs may use them."""
    rows = context.connection.execute(
        sa.select(Row.trust_id, Row.released_at).where(Row.trust_id.in_(trust_ids))
    )
    return {row.trust_id: row.released_at is None for row in rows}


@session.reader
def find(context: RequestContext) -> list[Stored]:
    """All trusts of all projects, oldest first."""
    jobs = (
        sa.select(sa.func.count())
        .select_from(JobCredential)
        .where(JobCredential.trust_id == Row.trust_id)
        .scalar_subquery()
    )
    rows = context.connection.execute(
        sa.select(Row.__table__, jobs.label('jobs')).order_by(Row.created_at, Row.trust_id)
    )
    return [
        Stored(
            Trust(
                row.trust_id,
                Terms(
                    row.trustor_user_id,
                    row.trustee_user_id,
                    row.project_id,
                    tuple(load(row.roles)),
                ),
                row.expires_at,
            ),
            row.jobs,
            row.released_at,
        )
        for row in rows
    ]


@session.retry
@session.writer
def remember(context: RequestContext, trust: Trust) -> None:
    """Store a trust that no job uses, for it could not be deleted in Keystone."""
    context.connection.execute(
        sa.insert(Row).values(**_values(trust), terms=None, released_at=session.seconds())
    )


@session.retry
@session.writer
def forget(context: RequestContext, trust_id: str) -> None:
    """Remove a trust that was released, and is deleted in Keystone."""
    context.connection.execute(
        sa.delete(Row).where(Row.trust_id == trust_id, Row.released_at.is_not(None))
    )
