# SPDX-License-Identifier: Apache-2.0
"""Rows of the old service as the documents that it answered.

What the old answers had besides what somebody wrote is left out: its answers repeat the columns of an action in the
definition, with null where there is nothing.
"""

import dataclasses
import datetime
from collections.abc import Iterable
from typing import Any

from freezer_api.migrate.legacy import texts
from freezer_api.migrate.legacy.tables import Link, Row
from freezer_api.migrate.legacy.texts import CUT_OFF, Found
from freezer_api.migrate.records import Document

_CAPABILITIES = tuple(f'supported_{name}' for name in ('actions', 'modes', 'storages', 'engines'))
_SESSION = (
    *('session_tag', 'description', 'hold_off', 'status', 'result'),
    *('time_start', 'time_end', 'time_started', 'time_ended'),
)
_JOB = ('client_id', 'session_id', 'session_tag', 'description')
_OPTIONS = ('max_retries', 'max_retries_interval')
# Columns of actions, by their names in a definition; the first of several that a revision has.
_DEFINITION = {
    'backup_name': ('backup_name',),
    'action': ('action',),
    'mode': ('actionmode', 'mode'),
    'container': ('container',),
    'timeout': ('timeout',),
    'priority': ('priority',),
    'path_to_backup': ('path_to_backup',),
    'src_file': ('src_file',),
    'log_file': ('log_file',),
}
# Characters of their columns.
_WIDTH = 255

Note = tuple[str, str, Any]


@dataclasses.dataclass(slots=True)
class Read:
    """A row as a document.

    :ivar notes: reasons, with the key and what stood there, as :class:`freezer_api.migrate.values.Notes` keeps them
    :ivar damaged: keys whose text cannot be read, or not all of it where an agent would run the rest
    """

    source: Document
    notes: list[Note] = dataclasses.field(default_factory=list)
    damaged: list[str] = dataclasses.field(default_factory=list)

    def take(self, key: str, column: Any, may_be_short: bool = False) -> Any:
        """The value that is in a column of JSON.

        :param may_be_short: the beginning will do
        """
        found: Found = texts.read(column)
        if not found.is_readable or (found.reason == CUT_OFF and not may_be_short):
            self.damaged.append(key)
            return texts.text_of(column)
        if found.reason is not None:
            self.notes.append((found.reason, key, texts.text_of(column)))
        return found.value

    def add(self, key: str, value: Any) -> None:
        """Put a value in, if there is one."""
        if value is not None:
            self.source[key] = value


def seconds_of(value: Any) -> int:
    """A time of a row, in seconds since the epoch; 0 if there is none."""
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            return 0
    if not isinstance(value, datetime.datetime):
        return 0
    return int(value.replace(tzinfo=datetime.UTC).timestamp())


def _new(row: Row) -> Read:
    read = Read({'user_id': row['user_id']})
    # Rows of v1 have none.
    read.add('project_id', row['project_id'])
    return read


def client(row: Row) -> Read:
    """The document of a client."""
    read = _new(row)
    names = ('client_id', 'hostname', 'description', 'uuid')
    inner = {name: row[name] for name in names if row[name] is not None}
    for name in _CAPABILITIES:
        value = read.take(f'client.{name}', row.get(name), may_be_short=True)
        if value is not None:
            inner[name] = value
    if row.get('is_central') is not None:
        inner['is_central'] = bool(row['is_central'])
    read.source['client'] = inner
    return read


def session(row: Row) -> Read:
    """The document of a session."""
    read = _new(row)
    read.source['session_id'] = row['id']
    for name in _SESSION:
        read.add(name, row[name])
    read.add('schedule', read.take('schedule', row['schedule']))
    read.add('jobs', read.take('jobs', row['job'], may_be_short=True))
    return read


def action(row: Row) -> Read:
    """The document of an action."""
    read = _new(row)
    read.source['action_id'] = row['id']
    for name in _OPTIONS:
        read.add(name, row[name])
    if row['mandatory'] is not None:
        read.source['mandatory'] = bool(row['mandatory'])
    read.source['freezer_action'] = _definition(read, row)
    return read


def _definition(read: Read, row: Row) -> Any:
    stored = read.take('freezer_action', row['backup_metadata'])
    if stored is None:
        stored = {}
    if not isinstance(stored, dict):
        return stored
    definition = dict(stored)
    for name, columns in _DEFINITION.items():
        value = next((row[column] for column in columns if column in row), None)
        if value is not None and not _is_cut(value, stored.get(name)):
            definition[name] = value
    return definition


def _is_cut(column: Any, stored: Any) -> bool:
    """Whether a server that is not strict cut what is whole in the definition."""
    return (
        isinstance(column, str)
        and isinstance(stored, str)
        and len(column) == _WIDTH
        and stored.startswith(column)
    )


def job(row: Row, links: Iterable[Link] | None, has_credentials: bool) -> Read:
    """The document of a job.

    :param links: its actions, where these are rows; none where they are in a column
    """
    read = _new(row)
    read.source['job_id'] = row['id']
    for name in _JOB:
        read.add(name, row[name])
    read.add('job_schedule', read.take('job_schedule', row['schedule']))
    if links is None:
        read.add('job_actions', read.take('job_actions', row['job_actions']))
    else:
        read.source['job_actions'] = [
            entry
            for position, link in enumerate(links)
            if (entry := _entry(read, position, link)) is not None
        ]
    if has_credentials:
        # That there was a trust is worth a word; the trust itself stays where it is.
        read.source['user_credentials'] = {}
    return read


def _entry(read: Read, position: int, link: Link) -> Document | None:
    key = f'job_actions[{position}]'
    if link.action is None:
        read.notes.append(('action_gone', key, link.action_id))
        return None
    found = action(link.action)
    read.damaged += [f'{key}.{name}' for name in found.damaged]
    read.notes += [(reason, f'{key}.{name}', value) for reason, name, value in found.notes]
    # That of the action did not show in jobs, so no agent knew it.
    found.source.pop('mandatory', None)
    return found.source


def backup(row: Row) -> Read:
    """The document of a backup."""
    read = _new(row)
    read.source['backup_id'] = row['id']
    read.add('user_name', row.get('user_name'))
    read.add('status', row.get('status'))
    metadata = read.take('backup_metadata', row['backup_metadata'], may_be_short=True)
    read.add('backup_metadata', metadata)
    if not isinstance(metadata, dict) or metadata.get('job_id') in (None, ''):
        read.add('job_id', row['job_id'])
    return read
