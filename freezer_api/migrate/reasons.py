# SPDX-License-Identifier: Apache-2.0
"""States of documents, and the reasons for them, as the report and the ledger name them."""

LOADED = 'loaded'
WARNED = 'warned'
FIXED = 'fixed'
MERGED = 'merged'
REJECTED = 'rejected'
STATES = (LOADED, WARNED, FIXED, MERGED, REJECTED)

# Reasons that start so go on with the key whose value breaks the rules of the API, or keeps agents from running a job.
SCHEMA = 'schema: '
SCHEDULE = 'schedule: '

_REASONS: dict[str, tuple[str, str]] = {
    # Not usable at all.
    'broken_line': (REJECTED, 'The line is no JSON; the file may be cut off.'),
    'line_too_long': (REJECTED, 'The line is longer than any row can be.'),
    'not_a_hit': (REJECTED, 'The line has no _id, or is no object.'),
    'source_missing': (REJECTED, 'There is no _source; it may have been switched off.'),
    'not_an_object': (REJECTED, '_source is no object.'),
    'unknown_type': (REJECTED, 'The service never had documents of this type.'),
    'no_user': (REJECTED, 'There is no user_id, or none of at most 64 characters.'),
    'no_project': (REJECTED, 'The project is unknown; name it in a map file for the user.'),
    'no_client_id': (REJECTED, 'A client has neither client_id nor hostname.'),
    'too_large': (REJECTED, 'The document is larger than a column.'),
    'too_large_for_server': (REJECTED, 'Raise max_allowed_packet of the database server.'),
    'unstorable': (REJECTED, 'It is nested too deeply, or has a number of more than 64 bits.'),
    'text_damaged': (REJECTED, 'A text in its row is no JSON, or was cut off; put it right, and drop _damaged.'),
    'target_conflict': (REJECTED, 'The service has another document with this id.'),
    'changed_in_service': (
        REJECTED,
        'Source and service both changed since it was migrated; the service keeps its own.',
    ),
    # The same thing as another document.
    'repeated': (MERGED, 'The same line again.'),
    'superseded': (MERGED, 'A later line, or version, of the same document.'),
    'same_document': (MERGED, 'The same document under another _id.'),
    'registered_again': (MERGED, 'Another registration of the same client.'),
    # Repaired.
    'characters_replaced': (FIXED, 'U+0000, or bytes that are no text, became U+FFFD.'),
    'project_found': (FIXED, 'The project was found by other documents or options.'),
    'version_key': (FIXED, 'A stale _version was dropped.'),
    'id_differs': (FIXED, '_id is not the id inside; that one was taken.'),
    'id_missing': (FIXED, 'There is no id inside; _id was taken.'),
    'id_replaced': (FIXED, 'The id is too long or no text; it got a new one.'),
    'id_taken': (FIXED, 'Another document of the project has the id; it got a new one.'),
    'uuid_made': (FIXED, 'The client had no uuid, or that of another client.'),
    'central_id_taken': (FIXED, 'A client of another project has this id; it is not central.'),
    'unwrapped': (FIXED, 'The keys were one level too high or too low.'),
    'not_text': (FIXED, 'A text was something else.'),
    'not_a_number': (FIXED, 'A number was something else.'),
    'not_a_boolean': (FIXED, 'A boolean was something else.'),
    'not_an_object_inside': (FIXED, 'An object or list was something else.'),
    'time_converted': (FIXED, 'A time was not in whole seconds.'),
    'text_cut': (FIXED, 'A text was too long for its column.'),
    'text_cut_off': (FIXED, 'The old database had cut a text off; what is complete of it was kept.'),
    'python_text': (FIXED, 'A text was as Python prints it, not JSON.'),
    'encoded_twice': (FIXED, 'A text was JSON of JSON.'),
    'not_finite': (FIXED, 'NaN or Infinity, which is no JSON, became null.'),
    'null_dropped': (FIXED, 'A null in a schedule, which agents cannot read.'),
    'entry_without_id': (FIXED, 'An action of a job had no id; it got one.'),
    'entry_without_definition': (FIXED, 'An action of a job had no freezer_action.'),
    'job_action': (FIXED, 'job_action became job_actions.'),
    'session_gone': (FIXED, 'The session of the job is not there.'),
    'session_job_gone': (FIXED, 'A job of the session is not there.'),
    # As it is.
    'client_not_registered': (WARNED, 'The client of the job is not there.'),
    'session_job_disagrees': (WARNED, 'A job of the session does not name it.'),
    'unknown_key': (WARNED, 'A key that answers do not show.'),
    'action_gone': (WARNED, 'An action of the job was deleted; the old service left it out, too.'),
    'credentials_dropped': (WARNED, 'The trust of the job was not taken over.'),
    'already_there': (LOADED, 'The service has the very same document.'),
}

_WITH_KEYS = {
    SCHEMA: (WARNED, 'The API would refuse it today; it is kept as it was.'),
    SCHEDULE: (WARNED, 'Agents cannot run it, or fail over it; it is kept as it was.'),
}

# Of documents that refer to what may be there by a later run.
LINKS = frozenset({'session_gone', 'client_not_registered'})
# Reasons that may no longer hold when the same documents are loaded again with no other migration in between.
PASSING = frozenset({'target_conflict', 'too_large_for_server', 'changed_in_service'})

# Reasons of repairs weigh more than warnings.
_WEIGHT = {LOADED: 0, WARNED: 1, FIXED: 2, MERGED: 3, REJECTED: 4}


def _of(reason: str) -> tuple[str, str]:
    for prefix, found in _WITH_KEYS.items():
        if reason.startswith(prefix):
            return found
    return _REASONS[reason]


def is_known(reason: str) -> bool:
    """Whether there is such a reason."""
    return reason in _REASONS or reason.startswith(tuple(_WITH_KEYS))


def state_of(reason: str) -> str:
    """The state that a reason alone leads to."""
    return _of(reason)[0]


def weight(reason: str) -> int:
    """Greater for what a person should look at first."""
    return _WEIGHT[state_of(reason)]


def hint(reason: str) -> str:
    """What a reason means, and what to do about it."""
    return _of(reason)[1]


def combine(reasons: list[str]) -> str:
    """The state of a document with all of these reasons."""
    return max((state_of(reason) for reason in reasons), key=_WEIGHT.__getitem__, default=LOADED)
