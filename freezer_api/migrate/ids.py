# SPDX-License-Identifier: Apache-2.0
"""Ids that the source does not give, derived of what it gives: the same at every run."""

import re
import uuid

_NAMESPACE = uuid.UUID('6f9a1a3e-5c0f-5d0b-9c67-2c1f0c8f7e51')

# Characters, of the columns.
MAX_ID = 64
MAX_BACKUP_ID = 255
MAX_CLIENT_ID = 320

_PROJECT_PREFIX = re.compile(
    r'([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_.', re.DOTALL
)


def derive(*parts: object) -> str:
    """An id of 32 hexadecimal digits."""
    return uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts))).hex


def fitting(kind: str, value: object) -> str | None:
    """An id that the column of such documents can hold: the one given, or one derived of it; none for no id.

    Whoever refers to the document finds the same one.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        return None
    longest = {'backups': MAX_BACKUP_ID, 'clients': MAX_CLIENT_ID}.get(kind, MAX_ID)
    # MariaDB compares without blanks at the end.
    if len(value) <= longest and value == value.rstrip():
        return value
    return derive(kind, value)


def owner(value: object) -> str | None:
    """A user's or project's id; none if it is no such id."""
    if isinstance(value, str) and 0 < len(value) <= MAX_ID and value == value.strip():
        return value
    return None


def project_of_client(client_id: object) -> str | None:
    """The project that an agent put before the host name in its client id.

    Anything may stand there, so only what Keystone makes is taken for one.
    """
    found = _PROJECT_PREFIX.match(client_id) if isinstance(client_id, str) else None
    return found[1] if found else None
