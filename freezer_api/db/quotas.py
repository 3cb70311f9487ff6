# SPDX-License-Identifier: Apache-2.0
"""Creation within the limits of a project.

Whoever creates something locks the project's row for it, counts, and raises the row's version by compare-and-swap. So
of two at once one waits; on two nodes of a cluster, where locks do not reach, one begins again. Either sees what the
other one created. Without quotas there is no such row and no statement.
"""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from oslo_db import exception as db_exception

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import session
from freezer_api.db.models import Action, Backup, Base, Client, Job, QuotaTurn, Session

P = ParamSpec('P')
R = TypeVar('R')

_MODELS: dict[str, type[Base]] = {
    'actions': Action,
    'backups': Backup,
    'clients': Client,
    'jobs': Job,
    'sessions': Session,
}


def limited(
    *resources: str,
) -> Callable[
    [Callable[Concatenate[RequestContext, P], R]], Callable[Concatenate[RequestContext, P], R]
]:
    """Let the function create some of the resources; goes outside of :func:`session.retry`.

    Keystone is asked for the limits before the transaction begins.
    """

    def decorate(
        function: Callable[Concatenate[RequestContext, P], R],
    ) -> Callable[Concatenate[RequestContext, P], R]:
        @functools.wraps(function)
        def wrapper(context: RequestContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if context.quotas is not None:
                context.limits = context.quotas.limits(context.scope.project_id, resources)
            return function(context, *args, **kwargs)

        return wrapper

    return decorate


def claim(context: RequestContext, resource: str, number: int = 1) -> None:
    """Make sure that the project may have so many more, within the transaction that creates them.

    :raises OverLimit: it may not
    :raises RetryRequest: another writer was faster; the transaction is repeated
    """
    if context.limits is None or number == 0:
        return
    limit = context.limits[resource]
    if limit < 0:
        return
    version = _turn(context, resource)
    used, seen = _count(context, resource, limit)
    if seen != version:
        # What this transaction had read before made it see the rows of an earlier moment.
        raise session.lost_race()
    if used + number > limit:
        raise exceptions.OverLimit(resource, limit, number)
    _end_turn(context, resource, version)


# Made once: for SQLAlchemy it is more work to make a statement than to send it.
_ROW: Any = sa.select(QuotaTurn.version).where(
    QuotaTurn.project_id == sa.bindparam('project_id'),
    QuotaTurn.resource == sa.bindparam('resource'),
)
_TURN = _ROW.with_for_update()


def _counting(model: Any) -> Any:
    found = (
        sa.select(model.id)
        .where(model.project_id == sa.bindparam('project_id'))
        .limit(sa.bindparam('limit'))
        .subquery()
    )
    seen = _ROW.scalar_subquery().label('seen')
    return sa.select(sa.func.count().label('used'), seen).select_from(found)


_COUNT = {resource: _counting(model) for resource, model in _MODELS.items()}


def _values(context: RequestContext, resource: str) -> dict[str, Any]:
    return {'project_id': context.scope.project_id, 'resource': resource}


def _turn(context: RequestContext, resource: str) -> int | None:
    """Wait until no other transaction of this node has the turn; return its version, None if it was nobody's yet."""
    version: int | None = context.connection.execute(_TURN, _values(context, resource)).scalar()
    return version


def _count(context: RequestContext, resource: str, limit: int) -> tuple[int, int | None]:
    """How many the project has, up to the limit, and the version of the turn at that moment."""
    values = {**_values(context, resource), 'limit': limit}
    row = context.connection.execute(_COUNT[resource], values).one()
    return row.used, row.seen


def _end_turn(context: RequestContext, resource: str, version: int | None) -> None:
    values = _values(context, resource)
    if version is None:
        try:
            context.connection.execute(sa.insert(QuotaTurn).values(version=1, **values))
        except db_exception.DBDuplicateEntry:
            raise session.lost_race() from None
        return
    turn = QuotaTurn
    result = context.connection.execute(
        sa.update(turn)
        .where(
            turn.project_id == values['project_id'],
            turn.resource == resource,
            turn.version == version,
        )
        .values(version=version + 1)
    )
    session.swapped(result)
