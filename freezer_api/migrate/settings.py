# SPDX-License-Identifier: Apache-2.0
"""What a run of a migration is asked to do, and with what source."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson

from freezer_api.migrate import records
from freezer_api.migrate.users import Users

# Raised when documents are decided about in another way, so that what was decided before is looked at again.
_RULES = 2


class Live(Protocol):
    """A source that answers requests."""

    def describe(self) -> Mapping[str, Any]:
        """What there is; ``documents`` is the number of all, ``bytes`` what they take where they are."""

    def tell(self, description: Mapping[str, Any]) -> list[str]:
        """The description for people."""

    def documents(self) -> Iterator[Mapping[str, Any]]:
        """Every document, as a line of a dump has it."""

    def changed_since(self, description: Mapping[str, Any]) -> list[str]:
        """What was written to since the description."""


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What a run is asked to do.

    :ivar live: a source to pull from, in place of a dump
    :ivar kinds: what indices hold that are not named after it
    :ivar projects: projects of users
    :ivar users: tells the projects of other users
    """

    dump: Path | None = None
    live: Live | None = None
    spool: Path | None = None
    stage: str = 'all'
    kinds: Mapping[str, str] = dataclasses.field(default_factory=dict)
    projects: Mapping[str, str] = dataclasses.field(default_factory=dict)
    default_project: str | None = None
    users: Users | None = None
    dry_run: bool = False
    verify: bool = False
    undo: bool = False
    report: Path | None = None
    reject_file: Path | None = None
    quiet: bool = False

    @property
    def deciding(self) -> bytes:
        """What, besides the documents, decides about them."""
        return records.digest(
            orjson.dumps(
                [
                    *(_RULES, dict(self.kinds), dict(self.projects), self.default_project),
                    self.users is not None,
                ],
                option=orjson.OPT_SORT_KEYS,
            )
        )
