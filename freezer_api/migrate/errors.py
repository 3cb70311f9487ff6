# SPDX-License-Identifier: Apache-2.0
"""Why a migration cannot go on, as exit codes that a deployment tool can tell apart."""

from sqlalchemy import exc

DONE = 0
UNFINISHED = 1
REJECTS = 2
DIFFERENCES = 3
SOURCE = 4
TARGET = 5
USAGE = 127


class MigrationError(Exception):
    """Something that the operator can put right; the text says what."""

    code = UNFINISHED


class SourceError(MigrationError):
    code = SOURCE


class TargetError(MigrationError):
    code = TARGET


class UsageError(MigrationError):
    code = USAGE


def plain(error: BaseException) -> str:
    """What the database said, without what has documents in it: the statement, and more lines of PostgreSQL."""
    inner = getattr(error, 'inner_exception', None) or error
    said = getattr(inner, 'orig', None) if isinstance(inner, exc.DBAPIError) else inner
    return next(iter(str(said).strip().splitlines()), type(said).__name__)
