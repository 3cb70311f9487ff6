# SPDX-License-Identifier: Apache-2.0
"""Old jobs, such that no agent that polls them meets a value it cannot read."""


from freezer_api.migrate import ids
from freezer_api.migrate.records import Document
from freezer_api.migrate.values import WORD, Fields, Notes

_STATE = ('event', 'status', 'result')
_TIMES = ('time_created', 'time_started', 'time_ended')
_OPTIONS = ('max_retries', 'max_retries_interval')
# The spelling of an old manual.
_INTERVAL = 'max_retry_interval'


def clean(fields: Fields, notes: Notes, project_id: str, job_id: str) -> Document:
    """The document of a job, apart from its user."""
    document: Document = {
        'job_id': job_id,
        'client_id': client_id(fields),
        'description': fields.text('description') or '',
        'session_id': _session_id(fields),
        'session_tag': fields.number('session_tag') or 0,
    }
    name = fields.text('session_name')
    if name is not None:
        document['session_name'] = name
    document['job_schedule'] = _schedule(fields.object('job_schedule') or {}, notes)
    document['job_actions'] = [
        _entry(entry, notes, project_id, job_id, position)
        for position, entry in enumerate(_entries(fields, notes))
    ]
    fields.drop('user_credentials', 'credentials_dropped')
    return document


def client_id(fields: Fields) -> str:
    """The id of a client that something refers to, as that client has it here."""
    given = fields.text('client_id')
    found = ids.fitting('clients', given) or ''
    if given and found != given:
        fields.note('id_replaced', 'client_id', given)
    return found


def _session_id(fields: Fields) -> str:
    """The id of the session of a job, as that session has it here."""
    given = fields.left.pop('session_id', None)
    found = ids.fitting('sessions', given) or ''
    if given not in (None, '', found):
        # Apart from what is kept of a session that is not there.
        fields.note('id_replaced', 'session_id (given)', given)
    return found


def _schedule(source: Document, notes: Notes) -> Document:
    fields = Fields(notes, source, 'job_schedule.')
    state: Document = {name: fields.text(name, WORD) for name in _STATE if name in source}
    for name in _TIMES:
        state[name] = fields.time(name)
    state['current_pid'] = fields.number('current_pid')
    found = {name: value for name, value in state.items() if value is not None}
    return {**without_nulls(fields.left, 'job_schedule.', notes), **found}


def without_nulls(schedule: Document, path: str, notes: Notes) -> Document:
    """A schedule without keys that are null: agents take a key that is there for one that has a value."""
    for name in [name for name, value in schedule.items() if value is None]:
        notes.keep('null_dropped', path + name, None)
    return {name: value for name, value in schedule.items() if value is not None}


def _entries(fields: Fields, notes: Notes) -> list[Document]:
    if 'job_actions' not in fields.left and 'job_action' in fields.left:
        # Of early June 2015: one definition alone.
        notes.add('job_action')
        definition = fields.object('job_action')
        return [] if definition is None else [{'freezer_action': definition}]
    entries = []
    for position, entry in enumerate(fields.list('job_actions') or []):
        if isinstance(entry, dict):
            entries.append(entry)
        else:
            notes.keep('not_an_object_inside', f'job_actions[{position}]', entry)
    return entries


def _entry(
    source: Document, notes: Notes, project_id: str, job_id: str, position: int
) -> Document:
    path = f'job_actions[{position}].'
    fields = Fields(notes, source, path)
    entry: Document = {name: fields.number(name, small=True) for name in _OPTIONS}
    if entry['max_retries_interval'] is None and _INTERVAL in source:
        alias = Fields(Notes(), source).number(_INTERVAL, small=True)
        entry['max_retries_interval'] = alias
    entry['mandatory'] = fields.boolean('mandatory')
    entry = {name: value for name, value in entry.items() if value is not None}
    definition = fields.object('freezer_action')
    if definition is None:
        notes.add('entry_without_definition')
        definition = {}
        if isinstance(fields.left.get('action'), str):
            owned = ('action_id', 'user_id', 'project_id')
            names = [name for name in fields.left if name not in owned]
            definition = {name: fields.left.pop(name) for name in names}
    given = fields.left.pop('action_id', None)
    action_id = ids.fitting('actions', given)
    if action_id is None:
        notes.add('entry_without_id')
        action_id = ids.derive('actions', project_id, job_id, position)
    elif action_id != given:
        notes.keep('id_replaced', f'{path}action_id', given)
    project = fields.left.pop('project_id', None)
    if project not in (None, project_id):
        notes.keep('unknown_key', f'{path}project_id', project)
    user = fields.left.get('user_id')
    if ids.owner(user) is None:
        fields.left.pop('user_id', None)
        if user not in (None, ''):
            notes.keep('unknown_key', f'{path}user_id', user)
    if '_version' in fields.left:
        fields.drop('_version', 'version_key')
    return {**fields.left, **entry, 'action_id': action_id, 'freezer_action': definition}
