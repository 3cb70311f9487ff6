# SPDX-License-Identifier: Apache-2.0
"""Dumps and the spool: files with one document a line."""

import contextlib
import fcntl
import gzip
import json
import math
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from freezer_api.migrate import depth
from freezer_api.migrate.errors import SourceError

# Bytes. A row takes 16 MiB, but JSON may spell a character of 3 bytes with 6 letters.
MAX_LINE = 32 * 2**20

_BLOCK = 2**20
_GZIP = b'\x1f\x8b'
# How files begin that other programs made smaller.
_OTHERS = {
    b'\xfd7zXZ\0': 'xz',
    b']\0\0': 'lzma',
    b'BZh': 'bzip2',
    b'\x28\xb5\x2f\xfd': 'zstd',
    b'\x04\x22\x4d\x18': 'lz4',
    b'PK\x03\x04': 'zip',
    b'7z\xbc\xaf': '7z',
    b'\x1f\x9d': 'compress',
}
_NAME = 'documents.ndjson'
# A dump that was compressed, for as long as a run takes.
_UNPACKED = 'unpacked.ndjson'
# The scratch database beside it.
INDEX = 'index.sqlite'

Progress = Callable[[int], None]


def is_compressed(path: Path) -> bool:
    """Whether a file is gzip, whatever its name.

    :raises SourceError: it cannot be read, or is compressed in another way
    """
    # Lines are read more than once, so a pipe will not do.
    if path.exists() and not path.is_file():
        raise SourceError(f'{path} cannot be read: it is no file.')
    try:
        with path.open('rb') as file:
            beginning = file.read(6)
    except OSError as error:
        raise SourceError(f'{path} cannot be read: {error.strerror}') from None
    for start, name in _OTHERS.items():
        if beginning.startswith(start):
            raise SourceError(f'{path} is compressed by {name}; unpack it first, or use gzip.')
    return beginning.startswith(_GZIP)


def files(folder: Path) -> tuple[Path, ...]:
    """What a run may write in the folder of a spool."""
    names = (_NAME, _UNPACKED)
    return tuple(folder / name for name in (*names, *(f'{name}.part' for name in names), INDEX))


def spooled(folder: Path) -> Path:
    """The file of a spool.

    :raises SourceError: nothing was pulled, or not all of it
    """
    path = folder / _NAME
    if not path.is_file():
        raise SourceError(f'There is no complete spool in {folder}; pull the source first.')
    return path


@contextlib.contextmanager
def locked(folder: Path, creates: bool) -> Iterator[None]:
    """Keep other runs away from the folder of a spool, also those on other databases.

    :param creates: make the folder if it is not there
    :raises SourceError: another run is at work in it, or it cannot be made
    """
    if not creates and not folder.is_dir():
        # Nobody can be at work in it.
        yield
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SourceError(f'The spool in {folder} cannot be written: {error.strerror}') from None
    try:
        # File systems that know no locks are used without.
        with contextlib.suppress(OSError):
            _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SourceError(
            f'Another run is at work in the spool {folder}; wait for its end, or name another folder.'
        ) from None


def unpack(dump: Path, folder: Path, progress: Progress, is_spool: bool) -> Path:
    """Write a dump into the folder of the spool, unpacked; return the file. What a stopped call left is written again.

    :param is_spool: it becomes the spool, in place of one that is there; else a file that nobody needs after the run
    :raises SourceError: the dump is damaged or cut off, or the spool cannot be written
    """
    path = folder / (_NAME if is_spool else _UNPACKED)
    with _new_file(path) as target, dump.open('rb') as packed:
        try:
            with gzip.open(packed, 'rb') if is_compressed(dump) else packed as file:
                while block := file.read(_BLOCK):
                    target.write(block)
                    progress(packed.tell())
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceError(
                f'{dump} is damaged or cut off ({error}); nothing was loaded.'
            ) from None
    return path


def discard_unpacked(folder: Path) -> None:
    """Leave nothing behind of a dump that was compressed."""
    with contextlib.suppress(OSError):
        (folder / _UNPACKED).unlink(missing_ok=True)


def pull(records: Iterable[Mapping[str, Any]], folder: Path, progress: Progress) -> Path:
    """Pull hits of a live source into the spool; return the file.

    :raises SourceError: the spool cannot be written
    """
    path = folder / _NAME
    with _new_file(path) as target:
        for count, hit in enumerate(records, 1):
            target.write(_line(hit) + b'\n')
            progress(count)
    return path


def _line(hit: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(hit)
    except TypeError:
        # Half of a surrogate pair, or an integer of more than 64 bits: what becomes of it is decided when it is loaded.
        with contextlib.suppress(RecursionError), depth.allowed():
            return json.dumps(hit, default=_not_finite).encode()
    place = '/'.join(str(hit.get(name)) for name in ('_index', '_type', '_id'))
    raise SourceError(f'The document {place} is nested too deeply to be pulled.')


def _not_finite(number: orjson.Fragment) -> float:
    """Something that the loader rejects, too."""
    return math.inf


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    """A file that takes its place when it is complete, and is gone if it never is."""
    folder, part = path.parent, path.with_name(f'{path.name}.part')
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        # A killed run may have left it with other rights.
        os.fchmod(descriptor, 0o600)
        with os.fdopen(descriptor, 'wb', buffering=_BLOCK) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise SourceError(f'The spool in {folder} cannot be written: {error.strerror}') from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def free_space(folder: Path) -> int:
    """Bytes that can still be written where the spool is, or is going to be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def lines(path: Path) -> Iterator[tuple[int, int, bytes | None]]:
    """Position and length of every line that is not blank, with its text; none if it is too long to be read."""
    position = 0
    with path.open('rb', buffering=_BLOCK) as file:
        while line := file.readline(MAX_LINE):
            length = len(line)
            too_long = length == MAX_LINE and not line.endswith(b'\n')
            while too_long and (rest := file.readline(_BLOCK)):
                length += len(rest)
                if rest.endswith(b'\n'):
                    break
            if too_long:
                yield position, length, None
            elif line := line.strip():
                yield position, length, line
            position += length


class Reader:
    """Lines of a spool by their positions, as long as nobody changes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open('rb', buffering=0)
        self._state = _state(os.fstat(self._file.fileno()))

    def read(self, position: int, length: int) -> bytes:
        """A line.

        :raises SourceError: the file is not what it was
        """
        # A buffer would read far more than the line, as lines are asked for in any order.
        line = os.pread(self._file.fileno(), length, position)
        self._check(os.fstat(self._file.fileno()))
        return line.strip()

    def copy(self, position: int, length: int, target: Any) -> None:
        """Write a line of any length to another file.

        :raises SourceError: the file is not what it was
        """
        self._file.seek(position)
        while length > 0 and (block := self._file.read(min(length, _BLOCK))):
            target.write(block)
            length -= len(block)
        self._check(os.fstat(self._file.fileno()))

    def check(self) -> None:
        """Make sure that whoever opened the file meanwhile read the same.

        :raises SourceError: it is another one, or was changed
        """
        try:
            self._check(self._path.stat())
        except OSError:
            raise self._changed() from None

    def _check(self, found: os.stat_result) -> None:
        if _state(found) != self._state:
            raise self._changed()

    def _changed(self) -> SourceError:
        return SourceError(
            f'{self._path} changed while it was read. Run the same command again once nobody writes to it.'
        )

    def close(self) -> None:
        self._file.close()


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
