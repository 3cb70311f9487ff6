# SPDX-License-Identifier: Apache-2.0
"""What the API would refuse today of a document that is kept as it is."""

import re
from collections.abc import Callable

from freezer_api import exceptions
from freezer_api.db.documents import without
from freezer_api.migrate.reasons import SCHEMA
from freezer_api.migrate.records import Document
from freezer_api.schemas import actions, backups, clients, jobs, sessions

_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')
_POSITION = re.compile(r'\[\d+\]|\[%d\]')


def _client(document: Document) -> None:
    clients.check_create(document['client'])


def _session(document: Document) -> None:
    # The tag is required of who replaces a session; jobs are checked with the jobs.
    sessions.check_replace({'session_tag': 0, **document, 'jobs': {}})


def _backup(document: Document) -> None:
    # Words for a status were free.
    backups.check_create({**document['backup_metadata'], 'status': 'available'})


_CHECKS: dict[str, Callable[[Document], None]] = {
    'actions': actions.check_replace,
    'clients': _client,
    'jobs': jobs.check_replace,
    'sessions': _session,
    'backups': _backup,
}


def problems(kind: str, document: Document) -> list[str]:
    """Reasons, with the key that is wrong; the first one only, and never a value."""
    try:
        _CHECKS[kind](without(document, ['version']))
    except exceptions.BadRequest as error:
        found = _NAME.search(error.description)
        return [SCHEMA + (_POSITION.sub('[]', found[1]) if found else kind)]
    return []
