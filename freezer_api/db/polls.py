# SPDX-License-Identifier: Apache-2.0
"""Pages of an agent's poll, each behind the one before it, whatever left the list in between.

An agent asks for the jobs of its client that are not completed, page by page, with the number of jobs that it has seen
as the offset, up to the first page that is not full. A job that no page had is unscheduled. So no page may begin
further down than the one before it ended, also when jobs leave the list (completed, deleted, moved to another client)
and all behind them move up. Where a full page ends is stored under the offset that its reader will ask for next; the
page at that offset begins there. The last page is not full, so a client with a single page stores nothing.

Readers that share a client id (members of a cluster, an old and a new process) share what is stored, as requests do not
tell them apart. Of several ends the smallest counts: who gets a smaller one than its own sees some jobs twice, which
agents do not mind; a larger one would hide jobs. But only of the ends that somebody may still ask for. A client whose
jobs come and go would else get the same page for every offset that was ever stored. So ``waiting`` counts the readers
of pages that ended here, less those that have read on; when it is 0, what is stored has had its time. (Somebody who
asks for a page in the middle out of nowhere is counted out too. No published program does.)

A reader that is gone for good is never counted out. So there are periods besides: ``position`` is the smallest end of
the one that began at ``since``, ``previous`` the smallest of the one before it, and a page begins behind the smaller of
the two. Any end counts for a whole period, however many readers come by. What is older than a day is deleted.

What a poll does not have to show: a job that came, or came back, behind a reader. Agents do not know a new job, and
have forgotten a completed one; they take either up at their next poll.
"""

import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement, FunctionElement, Subquery

from freezer_api.context import RequestContext
from freezer_api.db import functions, search, session
from freezer_api.db.models import Job, JobAttachment, PageEnd

# Seconds that an end counts where a reader is gone and others poll. Agents ask for the next page at once; this is for
# the slowest of networks and for clocks that differ. A longer one costs pages that show jobs again.
_PERIOD = 300

# Seconds after which an end is of no use to anybody.
_KEPT = 86400
# Polls in the first of these seconds of each hour look for such ends of their client. Agents poll once a minute.
_HOUR = 3600
_TIDYING = 60

_DIGITS = 20
# Before all jobs.
_START = '0' * _DIGITS
_NOT_COMPLETED = search.Condition('status', 'completed', negated=True)

Values = dict[str, Any]


class _binary(FunctionElement[str]):  # noqa: N801  # named as SQL functions are
    """A text that is compared like ``PageEnd.position``, whatever the collation of a PostgreSQL database."""

    inherit_cache = True
    type = sa.String()


@compiles(_binary)
def _plain(element: Any, compiler: Any, **kwargs: Any) -> str:
    text: str = compiler.process(element.clauses, **kwargs)
    return text


@compiles(_binary, 'postgresql')
def _postgresql_binary(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f'({_plain(element, compiler, **kwargs)}) COLLATE "C"'


def client_id(wanted: search.Search) -> str | None:
    """The client whose agent sends this search; None if it is no poll of an agent."""
    others = [condition for condition in wanted.conditions if condition != _NOT_COMPLETED]
    if wanted.texts or len(wanted.conditions) != 2 or len(others) != 1:
        return None
    (other,) = others
    if other.key != 'client_id' or other.negated or not isinstance(other.value, str):
        return None
    return other.value


def values(context: RequestContext, client_id: str, page: search.Page) -> Values:
    """The parameters of a statement with :func:`keys`."""
    return {**_scope(context, client_id), 'limit': page.limit, 'offset': page.offset}


def _scope(context: RequestContext, client_id: str) -> Values:
    scope = context.scope
    return {
        'project_id': scope.project_id,
        'client_id': client_id,
        'user_id': scope.user_id or '',
        'all_projects': scope.all_projects,
    }


@functools.cache
def keys(all_projects: bool, by_user: bool, first: bool) -> Subquery:
    """The keys of a page, as :func:`search.keys` has them, and ``continued``; with parameters for :func:`values`.

    Without a stored end, as for somebody who starts in the middle, the offset is one.
    """
    by_offset = _jobs(all_projects, by_user, continued=False)
    if first:
        page: Subquery = by_offset.limit(sa.bindparam('limit')).subquery('page')
        return page
    begin = _begin()
    by_offset = by_offset.where(begin.is_(None)).offset(sa.bindparam('offset'))
    by_end = _jobs(all_projects, by_user, continued=True).where(*_behind(begin))
    arms = [arm.limit(sa.bindparam('limit')).subquery() for arm in (by_end, by_offset)]
    return sa.union_all(*(sa.select(arm) for arm in arms)).subquery('page')


def _jobs(all_projects: bool, by_user: bool, continued: bool) -> Any:
    """Keys of all jobs of a poll in their order, by an index that has them so."""
    own: Any = JobAttachment
    index = 'ix_job_attachments_poll'
    order: list[Any] = [own.created_at, _binary(own.job_id)]
    client: Any = functions.exactly(own.client_id == sa.bindparam('client_id'))
    clauses = [client, own.completed == sa.false()]
    if all_projects:
        index += '_all'
        order.append(_binary(own.project_id))
    else:
        clauses.append(own.project_id == sa.bindparam('project_id'))
    statement = sa.select(
        own.project_id,
        own.job_id.label('id'),
        sa.literal(0).label('rank'),
        own.created_at,
        sa.literal(continued).label('continued'),
    )
    if by_user:
        statement = statement.join(
            Job, sa.and_(Job.project_id == own.project_id, Job.id == own.job_id)
        )
        clauses.append(Job.user_id == sa.bindparam('user_id'))
    for dialect in ('mysql', 'mariadb'):
        statement = statement.with_hint(own, f'FORCE INDEX ({index})', dialect)
    return statement.where(*clauses).order_by(*order)


def _begin() -> Any:
    """The stored end that a page begins behind."""
    end: Any = PageEnd
    return (
        sa.select(sa.case((end.previous < end.position, end.previous), else_=end.position))
        .where(
            end.project_id == sa.bindparam('project_id'),
            end.client_id == sa.bindparam('client_id'),
            end.user_id == sa.bindparam('user_id'),
            end.all_projects == sa.bindparam('all_projects'),
            end.seen == sa.bindparam('offset'),
        )
        .scalar_subquery()
    )


def _behind(begin: Any) -> list[ColumnElement[bool]]:
    own: Any = JobAttachment
    created_at = sa.cast(sa.func.substr(begin, 1, _DIGITS), sa.BigInteger)
    name = sa.func.substr(begin, _DIGITS + 1)
    later = own.created_at > created_at
    # The first is what an index can go by.
    return [
        own.created_at >= created_at,
        sa.or_(later, _binary(own.job_id + ' ' + own.project_id) > name),
    ]


def _position(row: Any) -> str:
    """A text that sorts like the job in lists. A blank comes before all that ids are made of."""
    return f'{row.created_at:0{_DIGITS}}{row.id} {row.project_id}'


def turn(context: RequestContext, client_id: str, page: search.Page, rows: Sequence[Any]) -> None:
    """Store that a page was read, where somebody may read on or has done so.

    :param rows: of the page, with ``created_at`` and ``continued``
    """
    if len(rows) == page.limit:
        _arrive(context, client_id, page, rows)
    elif page.offset and (not rows or rows[0].continued):
        _leave(context, client_id, page)


@session.retry
@session.writer
def _arrive(
    context: RequestContext, client_id: str, page: search.Page, rows: Sequence[Any]
) -> None:
    """Store where a full page ended; its reader will ask for the next."""
    now = session.seconds()
    scope = _scope(context, client_id)

    def end(seen: int, position: str, waiting: int) -> Values:
        ends = {'position': position, 'previous': position}
        return {**scope, 'seen': seen, **ends, 'waiting': waiting, 'since': now}

    new = [end(page.offset + len(rows), max(_position(row) for row in rows), 1)]
    if rows[0].continued:
        # Counts the reader out where it comes from.
        new.insert(0, end(page.offset, _START, 0))
    context.connection.execute(_upsert(context.connection.dialect.name).values(new))
    if now % _HOUR < _TIDYING:
        context.connection.execute(
            sa.delete(PageEnd).where(
                PageEnd.project_id == context.scope.project_id,
                PageEnd.client_id == client_id,
                PageEnd.since < now - _KEPT,
            )
        )


@functools.cache
def _upsert(dialect: str) -> Any:
    insert: Any = {'sqlite': sqlite, 'postgresql': postgresql}.get(dialect, mysql).insert(PageEnd)
    on_mysql = dialect in ('mysql', 'mariadb')
    old: Any = PageEnd
    new = insert.inserted if on_mysql else insert.excluded
    leaves = new.position == _START
    is_free = old.waiting == 0
    is_over = old.since <= new.since - _PERIOD
    smaller = new.position < old.position
    # MariaDB and MySQL assign in this order, and read what they have assigned.
    changes = [
        (
            'previous',
            sa.case(
                (leaves, old.previous),
                (is_free, new.position),
                (is_over, old.position),
                else_=old.previous,
            ),
        ),
        (
            'position',
            sa.case(
                (leaves, old.position),
                (sa.or_(is_free, is_over, smaller), new.position),
                else_=old.position,
            ),
        ),
        (
            'since',
            sa.case(
                (leaves, old.since), (sa.or_(is_free, is_over), new.since), else_=old.since
            ),
        ),
        (
            'waiting',
            sa.case(
                (sa.and_(leaves, is_free), 0),
                (leaves, old.waiting - 1),
                else_=old.waiting + 1,
            ),
        ),
    ]
    if on_mysql:
        return insert.on_duplicate_key_update(changes)
    key = sa.inspect(PageEnd).primary_key
    return insert.on_conflict_do_update(index_elements=key, set_=dict(changes))


@session.retry
@session.writer
def _leave(context: RequestContext, client_id: str, page: search.Page) -> None:
    """Count out the reader of the last page."""
    scope = _scope(context, client_id)
    key = [getattr(PageEnd, name) == value for name, value in scope.items()]
    context.connection.execute(
        sa.update(PageEnd)
        .where(*key, PageEnd.seen == page.offset, PageEnd.waiting > 0)
        .values(waiting=PageEnd.waiting - 1)
    )


def forget(context: RequestContext, client_id: str) -> None:
    """Delete the ends of a client that goes, and all that nobody in the project uses any more.

    It is done within the caller's transaction.
    """
    is_old = PageEnd.since < session.seconds() - _KEPT
    context.connection.execute(
        sa.delete(PageEnd).where(
            PageEnd.project_id == context.scope.project_id,
            sa.or_(PageEnd.client_id == client_id, is_old),
        )
    )
