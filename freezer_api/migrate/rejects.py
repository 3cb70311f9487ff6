# SPDX-License-Identifier: Apache-2.0
"""Rejected documents, in a file that is a dump again: put right, it can be loaded like any other."""

import json
import os
import stat
from pathlib import Path

from freezer_api.migrate import reasons
from freezer_api.migrate.dump import MAX_LINE, Reader
from freezer_api.migrate.errors import MigrationError, UsageError
from freezer_api.migrate.records import RAW, dumps


class RejectFile:
    """Each line is that of the source with the reason added under ``_rejected``.

    Nobody else may read it: definitions of actions have secrets in them.
    """

    def __init__(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise UsageError(f'{path} cannot be written: {error.strerror}') from None
        # It may have been there with other rights. A device is everybody's.
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)
        self._path = path
        self._file = os.fdopen(descriptor, 'wb', buffering=0)

    def add(self, reader: Reader, position: int, length: int, reason: str) -> None:
        """Add a line.

        :raises MigrationError: the disk is full
        """
        try:
            self._add(reader, position, length, reason)
        except OSError as error:
            raise MigrationError(
                f'{self._path} cannot be written: {error.strerror}. Run the same command again to go on.'
            ) from None

    def _add(self, reader: Reader, position: int, length: int, reason: str) -> None:
        if length > MAX_LINE:
            reader.copy(position, length, self._file)
            return
        line = reader.read(position, length)
        why = {'reason': reason, 'hint': reasons.hint(reason)}
        try:
            # Not orjson: what it refuses is repaired when it is loaded, and must not be lost here.
            hit = json.loads(line.decode('utf-8', 'surrogateescape'))
            text = dumps({**hit, '_rejected': why}) if isinstance(hit, dict) else None
        except (ValueError, RecursionError):
            text = None
        if text is None:
            text = dumps({RAW: line.decode('utf-8', 'surrogateescape'), '_rejected': why})
        found = text.encode()
        # Without its reason it can be loaded at least.
        self._file.write((found if len(found) < MAX_LINE else line) + b'\n')

    def close(self) -> None:
        self._file.close()
