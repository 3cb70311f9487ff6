# SPDX-License-Identifier: Apache-2.0
"""What a trust is: a user's leave for another user to act in a project with some of its roles."""

import dataclasses
import hashlib
import json


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """Who trusts whom with what.

    :ivar roles: their names, sorted
    """

    trustor_user_id: str
    trustee_user_id: str
    project_id: str
    roles: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Equal for equal terms alone; 64 characters."""
        return hashlib.sha256(json.dumps(dataclasses.astuple(self)).encode()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Trust:
    """A trust as Keystone made it.

    :ivar expires_at: in seconds since the epoch; None is never
    """

    trust_id: str
    terms: Terms
    expires_at: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """A trust as Keystone lists it."""

    trust_id: str
    trustor_user_id: str
    project_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Delegation:
    """What a request can give to jobs that need a trust.

    :ivar always: whether jobs of all clients need one, not only those of central clients
    :ivar terms: None until somebody has asked for them, since Keystone may have to be asked
    :ivar made: a trust that was made for this request
    :ivar confirmed: the id of a stored trust by these terms, which Keystone still has
    :ivar mends: whether a job whose trust is spent, or that lacks one, gets another with any change
    """

    always: bool
    terms: Terms | None = None
    made: Trust | None = None
    confirmed: str | None = None
    mends: bool = False


class TrustNeeded(Exception):
    """A write stopped, with nothing stored, since a job needs a trust that is not there.

    It is to be repeated with the terms, and with a trust by them that was confirmed or made.

    :ivar is_optional: the job may stay as it is if there can be none
    """

    def __init__(self, is_optional: bool) -> None:
        super().__init__()
        self.is_optional = is_optional
