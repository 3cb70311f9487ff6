# SPDX-License-Identifier: Apache-2.0
"""Creation within the limits of a project.

Whoever creates something counted raises the version of the project's row for it by compare-and-swap, and counts after.
So of two who count at once one begins again, and sees what the other one created, on whichever node of a cluster.
Without quotas there is no such row and no statement.
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
    _take_turn(context, resource)
    if _count(context, resource, limit) + number > limit:
        raise exceptions.OverLimit(resource, limit, number)


def _take_turn(context: RequestContext, resource: str) -> None:
    turn, project_id = QuotaTurn, context.scope.project_id
    row = (turn.project_id == project_id, turn.resource == resource)
    # Not the locked row: it has to be of the same moment as what is counted after.
    version = context.connection.execute(sa.select(turn.version).where(*row)).scalar()
    if version is None:
        try:
            context.connection.execute(
                sa.insert(turn).values(project_id=project_id, resource=resource, version=1)
            )
        except db_exception.DBDuplicateEntry:
            raise session.lost_race() from None
        return
    result = context.connection.execute(
        sa.update(turn).where(*row, turn.version == version).values(version=version + 1)
    )
    session.swapped(result)


def _count(context: RequestContext, resource: str, limit: int) -> int:
    """How many the project has; no more than the limit are looked at."""
    model: Any = _MODELS[resource]
    rows = (
        sa.select(model.id)
        .where(model.project_id == context.scope.project_id)
        .limit(limit)
        .subquery()
    )
    count = context.connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar()
    return int(count or 0)
