# SPDX-License-Identifier: Apache-2.0
"""Real programs as processes: started, watched, waited for, ended."""

import atexit
import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from tests.integration import published

# Seconds that a program has to start, and to do what it was asked for; some machines are slow.
PATIENCE = 120

_Result = TypeVar('_Result')


def wait_for(
    what: str, condition: Callable[[], _Result | None], seconds: float = PATIENCE
) -> _Result:
    """The condition's first result that is true.

    :raises AssertionError: there is none in time
    """
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {seconds:g} seconds')
        time.sleep(0.1)


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Environment variables of a published program, whose home and temporary files are in a folder.

    Nothing of our own interpreter is among them, nor what the caller set for OpenStack's programs.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('PYTHON', 'OS_', 'FREEZER_', 'VIRTUAL_ENV'))
    }
    return {
        **kept,
        'HOME': str(folder),
        'TMPDIR': str(folder),
        'PYTHONUNBUFFERED': '1',
        # Agents up to 18.0.0 read dates as local time.
        'TZ': 'UTC',
        # What they warn about is for their authors.
        'PYTHONWARNINGS': 'ignore',
        **variables,
    }


def run(command: Sequence[str | Path], folder: Path, variables: Mapping[str, str]) -> str:
    """What a command prints, its warnings apart.

    :raises AssertionError: it failed, or did not end in time
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f'{words} did not end within {PATIENCE} seconds') from error
    if done.returncode:
        raise CommandFailed(words, done.returncode, done.stdout + done.stderr)
    return done.stdout


class CommandFailed(AssertionError):
    """A command ended with another status than 0.

    :ivar output: all that it printed
    """

    def __init__(self, words: Sequence[str], status: int, output: str) -> None:
        super().__init__(f'{" ".join(words)} ended with {status}: {output}')
        self.output = output


class Program:
    """A program that runs until it is told to end, at the latest with this process.

    :ivar name: what the test calls it
    :ivar log: the file with all that it printed
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        folder: Path,
        variables: Mapping[str, str],
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = folder / f'{name}.log'
        with self.log.open('w') as log:
            # Its children are in the same group, so they end with it.
            self._process = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
            )
        self._is_ended = False
        _tell_guardian(self._process.pid)
        atexit.register(self.end)

    @property
    def output(self) -> str:
        """What it printed up to now."""
        return self.log.read_text(errors='replace')

    def tail(self, lines: int = 150) -> str:
        """The last lines of its output."""
        return '\n'.join(self.output.splitlines()[-lines:])

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_for(self, what: str, condition: Callable[[], _Result | None]) -> _Result:
        """As the function of this name, but gives up when the program has ended."""

        def check() -> _Result | None:
            result = condition()
            if not result and not self.is_alive():
                raise AssertionError(f'{self.name} has ended:\n{self.tail()}')
            return result

        return wait_for(f'{self.name}: {what}', check)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let it do nothing for the time of the block; who connects to it waits."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def end(self, patience: float = 10) -> None:
        """End it with its children."""
        if self._is_ended:
            # Its number may be another group's by now.
            return
        self._is_ended = True
        atexit.unregister(self.end)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            # A child may have lived on.
            patience = 1
        _tell_guardian(-self._process.pid)


@functools.cache
def _guardian() -> 'subprocess.Popen[str]':
    guardian = subprocess.Popen(
        [sys.executable, published.ROOT / 'tests' / 'integration' / 'guardian.py'],
        stdin=subprocess.PIPE,
        text=True,
        # A signal to the group of the test run does not end it.
        start_new_session=True,
    )

    @atexit.register
    def end() -> None:
        assert guardian.stdin is not None
        guardian.stdin.close()
        guardian.wait()

    return guardian


def _tell_guardian(group: int) -> None:
    stdin = _guardian().stdin
    assert stdin is not None
    stdin.write(f'{group}\n')
    stdin.flush()
