# SPDX-License-Identifier: Apache-2.0
"""Old documents in the form in which the API shows them.

Pure functions: a source document and its place in, a document out. What had to change is noted, and nothing is lost:
keys that the tables have no place for go to the remainder of the ledger.
"""

import dataclasses
from typing import Any

from freezer_api.migrate import cleaning_jobs, ids
from freezer_api.migrate.records import Document, Record
from freezer_api.migrate.values import KEY, WORD, Fields, Notes
from freezer_api.schemas.clients import DEFAULTS

_OWNER = ('user_id', 'project_id', 'tenant_id')
_ID = {
    'actions': 'action_id',
    'jobs': 'job_id',
    'sessions': 'session_id',
    'backups': 'backup_id',
}
_ACTION_OPTIONS = ('max_retries', 'max_retries_interval')
_SESSION_TIMES = ('time_start', 'time_end', 'time_started', 'time_ended')


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a document goes.

    :ivar unique: nobody else has what must be unique besides the id: a client's uuid or its central id
    """

    project_id: str
    target_id: str
    unique: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Cleaned:
    """A document as the API is going to show it.

    :ivar extra: what the API does not show but a column holds
    :ivar created: in seconds since the epoch; 0 if only the document may tell
    """

    document: Document
    extra: Document
    notes: Notes
    created: int = 0


def inner_id(kind: str, source: Document) -> str | None:
    """The id inside of a document, as a column can hold it."""
    if kind != 'clients':
        if kind == 'actions' and isinstance(source.get('action'), dict):
            source = {**source['action'], **source}
        composed = source.get('backup_id') if kind == 'backups' else None
        if isinstance(composed, str) and len(composed) > ids.MAX_BACKUP_ID:
            return ids.fitting(kind, source.get('backup_uuid') or composed)
        return ids.fitting(kind, source.get(_ID[kind]))
    client = client_of(source)
    for name in ('client_id', 'hostname'):
        found = ids.fitting(kind, client.get(name))
        if found:
            return found
    return None


def client_of(source: Document) -> Document:
    """The registration in a client document, wrapped or not."""
    client = source.get('client')
    return client if isinstance(client, dict) else source


def clean(record: Record, place: Place) -> Cleaned:
    """The document of a record."""
    notes = Notes()
    for path, text in record.repaired.items():
        notes.keep('characters_replaced', path, text)
    for reason, path, found in record.notes:
        notes.keep(reason, path, found)
    fields = Fields(notes, record.source)
    if '_version' in fields.left:
        fields.drop('_version', 'version_key')
    if ids.owner(record.source.get('project_id')) != place.project_id:
        for name in ('project_id', 'tenant_id'):
            fields.drop(name, 'project_found')
        notes.add('project_found')
    if record.kind != 'clients':
        _note_id(record, place, fields, notes)
    document, extra = _CLEANERS[record.kind](fields, place, record, notes)
    for name in list(fields.left):
        if name in _OWNER:
            del fields.left[name]
        else:
            fields.drop(name, 'unknown_key')
    owner = {'project_id': place.project_id, 'user_id': record.source['user_id']}
    return Cleaned({**document, **owner}, extra, notes, record.created)


def _note_id(record: Record, place: Place, fields: Fields, notes: Notes) -> None:
    name = _ID[record.kind]
    given = fields.left.get(name)
    if given in (None, ''):
        fields.left.pop(name, None)
        if not isinstance(record.source.get('action'), dict):
            notes.add('id_missing')
        return
    if given == place.target_id:
        del fields.left[name]
        if record.id != given:
            notes.add('id_differs')
    elif ids.fitting(record.kind, given) == place.target_id or place.target_id == record.source.get(
        'backup_uuid'
    ):
        fields.drop(name, 'id_replaced')
    else:
        fields.drop(name, 'id_taken')


def _client(
    fields: Fields, place: Place, record: Record, notes: Notes
) -> tuple[Document, Document]:
    wrapped = fields.object('client')
    if wrapped is None:
        notes.add('unwrapped')
        wrapped = {name: value for name, value in fields.left.items() if name not in _OWNER}
        fields.left = {name: value for name, value in fields.left.items() if name in _OWNER}
    inner = Fields(notes, wrapped, 'client.')
    if inner.left.get('client_id') != place.target_id:
        inner.drop('client_id', 'id_replaced')
    inner.left.pop('client_id', None)
    given = ids.owner(inner.text('uuid')) or ids.owner(fields.left.get('uuid'))
    fields.left.pop('uuid', None)
    central = inner.boolean('is_central') or False
    if given is None or not place.unique:
        notes.keep('uuid_made', 'client.uuid', given)
        given = ids.derive(record.index, record.type, record.id, 'uuid')
    if central and not place.unique:
        notes.add('central_id_taken')
        central = False
    client: Document = {
        'client_id': place.target_id,
        'uuid': given,
        'hostname': inner.text('hostname', KEY),
        'description': inner.text('description'),
        'is_central': central,
    }
    for name in DEFAULTS:
        supported = inner.list(name)
        client[name] = list(DEFAULTS[name]) if supported is None else supported
    # Free keys; those of the service's own names were taken out above.
    for name in ('project_id', 'user_id'):
        inner.drop(name, 'unknown_key')
    return {'client': {**inner.left, **client}}, {}


def _action(
    fields: Fields, place: Place, record: Record, notes: Notes
) -> tuple[Document, Document]:
    document: Document = {'action_id': place.target_id}
    options = {name: fields.number(name, small=True) for name in _ACTION_OPTIONS}
    mandatory = fields.boolean('mandatory')
    lifted = fields.left.get('action')
    if isinstance(fields.left.get('freezer_action'), dict):
        document['freezer_action'] = fields.object('freezer_action')
    elif isinstance(lifted, dict):
        notes.add('unwrapped')
        document['freezer_action'] = fields.object('action')
    else:
        # The keys of the definition stood beside those of the action.
        notes.add('unwrapped')
        fields.object('freezer_action')
        document['freezer_action'] = {
            name: fields.left.pop(name) for name in list(fields.left) if name not in _OWNER
        }
    for name, value in {**options, 'mandatory': mandatory}.items():
        if value is not None:
            document[name] = value
    return {**_free(fields), **document}, {}


def _job(fields: Fields, place: Place, record: Record, notes: Notes) -> tuple[Document, Document]:
    return cleaning_jobs.clean(fields, notes, place.project_id, place.target_id), {}


def _session(
    fields: Fields, place: Place, record: Record, notes: Notes
) -> tuple[Document, Document]:
    parts: Document = {}
    jobs = fields.left.get('jobs')
    if jobs == [] or jobs is None:
        fields.left.pop('jobs', None)
    else:
        for job_id, part in (fields.object('jobs') or {}).items():
            parts[job_id] = clean_part(job_id, part, notes)
    document: Document = {
        'session_id': place.target_id,
        'description': fields.text('description'),
        'schedule': cleaning_jobs.without_nulls(fields.object('schedule') or {}, 'schedule.', notes),
    }
    numbers = {
        'session_tag': fields.number('session_tag'),
        'hold_off': fields.number('hold_off'),
        **{name: fields.time(name, blank=True) for name in _SESSION_TIMES},
        'status': fields.text('status', WORD) or None,
        'result': fields.text('result', WORD),
    }
    document.update({name: value for name, value in numbers.items() if value is not None})
    return {**_free(fields), **document, 'jobs': parts}, {}


def _free(fields: Fields) -> Document:
    """Keys of the sender's own, which answers show as they are."""
    # The service has a version of its own there.
    fields.drop('version', 'unknown_key')
    return {name: fields.left.pop(name) for name in list(fields.left) if name not in _OWNER}


def clean_part(job_id: str, part: Any, notes: Notes) -> Document:
    """A session's view of one of its jobs."""
    path = f'jobs.{job_id}.'
    if not isinstance(part, dict):
        notes.keep('not_an_object_inside', path, part)
        return {}
    fields = Fields(notes, part, path)
    cleaned: Document = {
        'client_id': cleaning_jobs.client_id(fields),
        'status': fields.text('status', WORD) or '',
        'result': fields.text('result', WORD) or '',
    }
    for name in ('time_started', 'time_ended'):
        time = fields.time(name, blank=True)
        cleaned[name] = '' if time is None else time
    for name in list(fields.left):
        fields.drop(name, 'unknown_key')
    return cleaned


def _backup(
    fields: Fields, place: Place, record: Record, notes: Notes
) -> tuple[Document, Document]:
    metadata = fields.object('backup_metadata')
    status = fields.text('status', WORD) or 'available'
    user_name = fields.text('user_name', KEY)
    extra: Document = {}
    if 'backup_uuid' in fields.left:
        # What the composed id was for: looked up in the ledger.
        notes.remainder['backup_uuid'] = fields.left.pop('backup_uuid')
    job_id = fields.left.get('job_id')
    if job_id is not None and str(job_id).strip():
        # Weighs more than what agents write into the metadata, where no job is an empty text.
        extra['job_id'] = job_id
    document = {'backup_id': place.target_id, 'status': status, 'backup_metadata': metadata or {}}
    return {**document, 'user_name': user_name}, extra


_CLEANERS = {
    'clients': _client,
    'actions': _action,
    'jobs': _job,
    'sessions': _session,
    'backups': _backup,
}
