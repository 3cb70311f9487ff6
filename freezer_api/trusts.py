# SPDX-License-Identifier: Apache-2.0
"""Trusts for jobs: made in Keystone before they are stored, deleted there after the last job has left them.

Keystone is never asked within a transaction. A write that turns out to need a trust stops there, when all else is
checked, and is repeated with one. So writes of jobs that need none know nothing of all this.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from oslo_config import cfg
from oslo_db import exception as db_exception

from freezer_api import exceptions
from freezer_api.context import RequestContext
from freezer_api.db import trusts
from freezer_api.domain.trusts import Delegation, Terms, Trust, TrustNeeded
from freezer_api.keystone import Keystone

LOG = logging.getLogger(__name__)

T = TypeVar('T')

# Of one write: to learn the terms, to get the trust, and once more for each time that somebody deleted it meanwhile.
_TRIES = 5

_DATABASE_ERRORS = (exceptions.FreezerError, db_exception.DBError)


class Trusts:
    """The trusts of jobs, in the database and in Keystone.

    :param keystone: None if callers are not identified by Keystone, so there are no trusts
    """

    def __init__(self, conf: cfg.ConfigOpts, keystone: Keystone | None) -> None:
        options = conf.centralized_scheduler
        self._enabled = options.enabled
        self._always = options.enforce_trusts
        self._roles = tuple(sorted(set(options.trusts_delegated_roles)))
        self._keystone = keystone

    def write(self, context: RequestContext, token_auth: Any, operation: Callable[[], T]) -> T:
        """The result of a write of jobs, which are given the trusts that they need.

        What was made in Keystone and is not stored is deleted again, also when the write fails.

        :param token_auth: the plugin that auth_token made of the caller's token; None without one
        :raises UnprocessableEntity: Keystone refuses the trust
        :raises ServiceUnavailable: Keystone does not answer
        """
        if self._keystone is None or token_auth is None or token_auth.user is None:
            return operation()
        if self._enabled and not context.scope.is_v1:
            # A scheduler acts by the trust of a job, and can give it no other.
            context.delegation = Delegation(self._always, mends=not token_auth.user.trust_id)
        made: Trust | None = None
        try:
            for _ in range(_TRIES):
                try:
                    return operation()
                except TrustNeeded as need:
                    context.delegation = self._delegation(context, token_auth, made, need)
                    made = context.delegation.made or made
            raise exceptions.ServiceUnavailable('Too many writers change this at once; try again.')
        except db_exception.DBConnectionError:
            # The commit may have gone through although its answer was lost, so nothing is deleted by guess.
            made = None
            raise
        finally:
            self._clean_up(context, token_auth, made)

    def _delegation(
        self, context: RequestContext, token_auth: Any, made: Trust | None, need: TrustNeeded
    ) -> Delegation:
        """What the write needs to be repeated with.

        :param made: a trust that an earlier try made
        """
        assert self._keystone is not None
        try:
            terms = self._terms(context, token_auth)
            confirmed = self._confirmed(context, token_auth, terms)
            if confirmed is None and made is None:
                made = self._keystone.create(token_auth.user.auth_token, terms)
        except exceptions.FreezerError:
            if not need.is_optional:
                raise
            # The job stays as broken as it was, and the change is made.
            return Delegation(self._always)
        return Delegation(self._always, terms, made, confirmed, True)

    def _terms(self, context: RequestContext, token_auth: Any) -> Terms:
        assert self._keystone is not None
        roles = self._roles or tuple(sorted(set(token_auth.user.role_names)))
        trustee_id = self._keystone.trustee_id()
        return Terms(context.owner_id, trustee_id, context.scope.project_id, roles)

    def _confirmed(self, context: RequestContext, token_auth: Any, terms: Terms) -> str | None:
        """A stored trust by the terms; one that somebody deleted in Keystone is not used again."""
        assert self._keystone is not None
        found = trusts.reusable(context, terms)
        if found is None or self._keystone.has(token_auth.user.auth_token, found):
            return found
        LOG.warning('A trust is missing in Keystone; its jobs get another when they are changed')
        trusts.lose(context, found)
        return None

    def _clean_up(self, context: RequestContext, token_auth: Any, made: Trust | None) -> None:
        """Delete in Keystone what no job uses; what fails is left to ``freezer-manage trusts``."""
        unsure = set(context.released_trusts)
        if made is not None:
            unsure.add(made.trust_id)
        if not unsure:
            return
        try:
            live = trusts.live(context, unsure)
            for trust_id in sorted(unsure):
                if live.get(trust_id):
                    continue
                if self._delete(token_auth, trust_id):
                    if trust_id in live:
                        trusts.forget(context, trust_id)
                elif made is not None and trust_id == made.trust_id and trust_id not in live:
                    trusts.remember(context, made)
        except _DATABASE_ERRORS as error:
            LOG.warning('The trusts of a write were not looked after: %s', type(error).__name__)

    def _delete(self, token_auth: Any, trust_id: str) -> bool:
        """Delete a trust as the caller if that is allowed, else as the service; tell whether it is gone."""
        assert self._keystone is not None
        for token in (token_auth.user.auth_token, None):
            try:
                self._keystone.delete(token, trust_id)
            except exceptions.UnprocessableEntity:
                continue
            except exceptions.ServiceUnavailable:
                break
            return True
        LOG.warning('A trust could not be deleted in Keystone; "freezer-manage trusts purge" will')
        return False
