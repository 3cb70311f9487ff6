# SPDX-License-Identifier: Apache-2.0
"""Projects of users, as Keystone knows them."""

import functools
import re
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions
from oslo_config import cfg

from freezer_api import keystone
from freezer_api.migrate import ids
from freezer_api.migrate.errors import SourceError
from freezer_api.migrate.records import Document

# Seconds for an answer, and how often to ask again where there is none.
_TIMEOUT = 30
_RETRIES = 2

# The last two: what answers is no Keystone.
_ERRORS = (keystone_exceptions.ClientException, cfg.Error, ValueError, LookupError)

# Documents may have anything in the place of a user.
_ID = re.compile(r'[\w-]+', re.ASCII)


class Users:
    """Asks Keystone for one user after the other, and no more once it fails.

    :param section: the group of options with an account that may look at users
    :ivar failure: why it was not asked to the end
    """

    def __init__(self, conf: cfg.ConfigOpts, section: str) -> None:
        self._conf = conf
        self._section = section
        self._found: dict[str, str | None] = {}
        self._unknown = 0
        self._is_there = functools.cache(self._look_for)
        self.failure: str | None = None
        keystone.register_options(conf, section)

    def project_of(self, user_id: str) -> str | None:
        """The user's default project, or else the only one in which the user has a role."""
        if self.failure is None and user_id not in self._found:
            try:
                self._found[user_id] = self._ask(user_id)
            except _ERRORS as error:
                # Without the text, which may name what belongs in no report.
                status = getattr(error, 'http_status', None)
                self.failure = f'{type(error).__name__} {status or ""}'.rstrip()
        return self._found.get(user_id)

    def project_that_is_needed(self, user_id: str) -> str | None:
        """As :meth:`project_of`, where not to know would place the user's documents by a rule that comes after.

        :raises SourceError: Keystone could not be asked
        """
        project_id = self.project_of(user_id)
        if self.failure is not None:
            raise SourceError(
                f'Keystone could not be asked ({self.failure}), so all that it may know would go to the default'
                ' project. Run again once it can, or without one of the two.'
            )
        return project_id

    def to_document(self) -> Document:
        """What came of it, for the report: numbers of users, and why it was not asked for more."""
        placed = sum(project_id is not None for project_id in self._found.values())
        return {
            'asked': len(self._found),
            'placed': placed,
            'unknown': self._unknown,
            'failure': self.failure,
        }

    def _ask(self, user_id: str) -> str | None:
        user = self._get('users', user_id) if _ID.fullmatch(user_id) else None
        if user is None:
            self._unknown += 1
            return None
        default = ids.owner(user['user'].get('default_project_id'))
        # Keystone does not look whether it is still there.
        if default is not None and self._is_there(default):
            return default
        found = (self._get('users', user_id, 'projects') or {'projects': ()})['projects']
        return ids.owner(found[0]['id']) if len(found) == 1 else None

    def _look_for(self, project_id: str) -> bool:
        return self._get('projects', project_id) is not None

    @functools.cached_property
    def _session(self) -> Any:
        return keystone.open_session(self._conf, self._section, _TIMEOUT)

    def _get(self, *segments: str) -> Any:
        """A document, or none if there is none."""
        url = '/'.join((keystone.root_of(self._session), *segments))
        try:
            answer = self._session.get(
                url, connect_retries=_RETRIES, status_code_retries=_RETRIES, log=False
            )
        except keystone_exceptions.NotFound:
            return None
        return answer.json()
