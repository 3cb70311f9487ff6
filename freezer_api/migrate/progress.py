# SPDX-License-Identifier: Apache-2.0
"""Where a migration is: a bar and a line that are written over on a terminal, a line now and then elsewhere.

And where it can be interrupted: between things that are done.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

from freezer_api.migrate import output

_ON_TERMINAL = 0.2
_ELSEWHERE = 30.0
# Characters.
_BAR = 20
_LEAST_BAR = 5
# Of a terminal that does not say.
_COLUMNS = 80


class Progress:
    """Shows one step after the other.

    :param quiet: show nothing
    """

    def __init__(self, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._terminal = self._stream.isatty()
        self._interval = _ON_TERMINAL if self._terminal else _ELSEWHERE
        self._width = 0
        self._step = ''
        self._total = 0
        self._started = self._shown = 0.0
        self._is_interrupted = False

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let an interrupt wait for the next update: in the middle of a statement, drivers make other errors of it.

        Another one does not wait.
        """
        before = signal.getsignal(signal.SIGINT)
        is_main = threading.current_thread() is threading.main_thread()
        if before is not signal.default_int_handler or not is_main:
            # Ignored, or somebody else's.
            yield
            return
        signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self, number: int, frame: object) -> None:
        if self._is_interrupted:
            raise KeyboardInterrupt
        self._is_interrupted = True

    def begin(self, step: str, total: int = 0) -> None:
        """Start a step of so many things; 0 if nobody knows."""
        self.end()
        self._step, self._total = step, total
        self._started = self._shown = time.monotonic()
        if self._terminal:
            self._show(0, '')

    def update(self, done: int, note: str = '') -> None:
        """Tell how many things are done.

        :raises KeyboardInterrupt: that is what somebody wants
        """
        if self._is_interrupted:
            raise KeyboardInterrupt
        now = time.monotonic()
        if self._step and now - self._shown >= self._interval:
            self._shown = now
            self._show(done, note)

    def end(self) -> None:
        """Finish the step."""
        if self._step and self._terminal and not self._quiet:
            output.write(self._stream, '\r' + ' ' * self._width + '\r')
        self._step = ''

    def _show(self, done: int, note: str) -> None:
        if self._quiet:
            return
        elapsed = time.monotonic() - self._started
        text = f'{self._step}: {done:,}'
        if self._total:
            text += f' of {self._total:,} ({min(100, 100 * done // self._total)} %)'
        if elapsed > 1 and done:
            rate = done / elapsed
            text += f', {rate:,.0f}/s'
            if self._total > done:
                text += f', {_clock((self._total - done) / rate)} left'
        if note:
            text += f', {note}'
        if self._terminal:
            width = _width(self._stream)
            # The bar is worth less than the numbers.
            bar = min(_BAR, width - len(text) - len('[] '))
            if self._total and bar >= _LEAST_BAR:
                full = min(bar, bar * done // self._total)
                text = f'[{"#" * full}{"." * (bar - full)}] {text}'
            text = text[:width]
            output.write(self._stream, '\r' + text.ljust(self._width))
            self._width = len(text)
        else:
            output.write(self._stream, f'{text}\n')


def _width(stream: TextIO) -> int:
    """Characters that fit into a line of a terminal: in the last column, some begin another line."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return (columns or _COLUMNS) - 1


def mib(size: int) -> str:
    """A number of bytes, for people."""
    return f'{size / 2**20:,.0f} MiB'


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{rest:02}' if hours else f'{minutes}:{rest:02}'
