# SPDX-License-Identifier: Apache-2.0
"""Who calls, and what the call may touch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from oslo_context import context as oslo_context
from oslo_db.sqlalchemy import enginefacade

from freezer_api.domain.trusts import Delegation
from freezer_api.schemas.schedules import Rules

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from freezer_api.db.session import Database
    from freezer_api.quotas import Quotas


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """The rows a request may see and change.

    :ivar project_id: the one project of the request
    :ivar user_id: v1 only: rows of this creator alone; None is the whole project
    :ivar all_projects: lists of jobs only: rows of every project
    """

    project_id: str
    user_id: str | None = None
    all_projects: bool = False

    def sees(self, row: Any) -> bool:
        """Whether a row of the project, with ``user_id``, is one of these."""
        return self.user_id is None or row.user_id == self.user_id

    @property
    def is_v1(self) -> bool:
        """Whether the request came by v1."""
        return self.user_id is not None


@enginefacade.transaction_context_provider
class RequestContext(oslo_context.RequestContext):
    """The caller, the database that serves it and, once authorised, the scope.

    :ivar schedules: what is checked as it is written, since one write may change the schedules of many jobs
    :ivar quotas: None if projects have no limits
    :ivar limits: of the project on what the request may create; None if it has none
    :ivar delegation: the trusts that jobs may be given; None if they are given none
    :ivar tries: how many times the present write was begun, by :func:`freezer_api.db.session.retry`
    :ivar released_trusts: those that jobs may have let go; what is stored tells whether they did
    """

    database: Database
    schedules: Rules = Rules()
    quotas: Quotas | None = None
    limits: Mapping[str, int] | None = None
    delegation: Delegation | None = None
    tries: int = 0
    released_trusts: set[str]
    connection: Connection  # within a transaction, by enginefacade
    _scope: Scope | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.released_trusts = set()
        self.roles = [role.lower() for role in self.roles or ()]

    @property
    def owner_id(self) -> str:
        """The user whom new rows belong to."""
        if self.user_id is None:
            raise RuntimeError('a request reached the database without a user')
        return self.user_id

    @property
    def scope(self) -> Scope:
        """The scope; it does not exist before the request is authorised."""
        if self._scope is None:
            raise RuntimeError('a request reached the database before it was authorised')
        return self._scope

    @scope.setter
    def scope(self, scope: Scope) -> None:
        self._scope = scope
