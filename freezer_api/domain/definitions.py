# SPDX-License-Identifier: Apache-2.0
"""Definitions of actions (``freezer_action``): when two are equal, and what completes them."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from freezer_api import exceptions
from freezer_api.domain.merge import same

Definition = dict[str, Any]

_CAPABILITIES = (
    ('action', 'supported_actions'),
    ('mode', 'supported_modes'),
    ('storage', 'supported_storages'),
    ('engine', 'supported_engines'),
    ('engine_name', 'supported_engines'),
)


def normalise(definition: Mapping[str, Any]) -> Definition:
    """The definition without keys that are null or empty, which the dashboard takes for absent."""
    return {key: value for key, value in definition.items() if value is not None and value != ''}


def equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two definitions are the same but for keys that are null or empty."""
    return same(normalise(one), normalise(other))


def digest(definition: Mapping[str, Any]) -> str:
    """Equal for equal definitions: 64 hexadecimal digits."""
    text = orjson.dumps(normalise(definition), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def fill(definition: Mapping[str, Any], defaults: Mapping[str, Any]) -> Definition:
    """The definition with the defaults for keys that it lacks or that are null (``action_defaults``)."""
    filled = dict(definition)
    for key, value in defaults.items():
        if filled.get(key) is None:
            filled[key] = value
    return filled


def fill_entries(document: Mapping[str, Any]) -> dict[str, Any]:
    """A job document with ``action_defaults`` applied to the entries that bring a definition.

    Anything of the wrong type is left as it is, for the schema to refuse.
    """
    defaults = document.get('action_defaults')
    entries = document.get('job_actions')
    if not isinstance(defaults, dict) or not isinstance(entries, list):
        return dict(document)
    filled = []
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get('freezer_action'), dict):
            entry = {**entry, 'freezer_action': fill(entry['freezer_action'], defaults)}
        filled.append(entry)
    return {**document, 'job_actions': filled}


def check_capabilities(
    capabilities: Mapping[str, Iterable[str]], definitions: Iterable[Mapping[str, Any]]
) -> None:
    """Make sure that a client can run the definitions.

    :param capabilities: by the names of the client document, ``supported_actions`` and so on
    :raises UnprocessableEntity: it lacks one
    """
    for definition in definitions:
        for key, supported in _CAPABILITIES:
            value = definition.get(key)
            if value and value not in capabilities[supported]:
                raise exceptions.UnprocessableEntity(
                    f'The client does not support the {key} of an action; see its {supported}.'
                )
