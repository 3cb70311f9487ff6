# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a migration that goes on."""

import io
import os

import fixtures

from freezer_api.migrate.progress import Progress
from tests import base


class Stream(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def fileno(self) -> int:
        return 2

    def isatty(self) -> bool:
        return self.is_terminal


class ProgressTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0
        self.useFixture(fixtures.MonkeyPatch('time.monotonic', lambda: self.now))
        self.columns = 80
        self.useFixture(fixtures.MonkeyPatch('os.get_terminal_size', self.size))

    def size(self, descriptor: int) -> os.terminal_size:
        return os.terminal_size((self.columns, 24))

    def show(self, is_terminal: bool, quiet: bool = False) -> str:
        stream = Stream(is_terminal)
        progress = Progress(quiet, stream)
        progress.begin('loading jobs', 4000)
        for done in range(0, 3001, 1000):
            progress.update(done, '2 rejected' if done else '')
            self.now += 10
        progress.end()
        return stream.getvalue()

    def test_terminal_has_a_bar_with_rate_and_time_left(self) -> None:
        shown = self.show(is_terminal=True)
        self.assertNotIn('\n', shown)
        last = shown.split('\r')[-3]
        self.assertEqual(
            '[########...] loading jobs: 3,000 of 4,000 (75 %), 100/s, 0:10 left, 2 rejected',
            last.strip(),
        )
        # And nothing is left of it.
        self.assertEqual('', shown.split('\r')[-2].strip())

    def test_terminal_has_no_line_that_does_not_fit(self) -> None:
        for self.columns, bar in ((200, 20), (100, 20), (80, 11), (70, 0), (40, 0), (0, 11)):
            lines = self.show(is_terminal=True).split('\r')
            self.assertLess(max(map(len, lines)), self.columns or 80)
            self.assertEqual(bar, sum(lines[-3].count(letter) for letter in '#.'))
            self.assertTrue(lines[-3].startswith('[' if bar else 'loading jobs: 3,000'))

    def test_log_has_a_line_now_and_then(self) -> None:
        shown = self.show(is_terminal=False)
        self.assertEqual(
            ['loading jobs: 3,000 of 4,000 (75 %), 100/s, 0:10 left, 2 rejected'],
            shown.splitlines(),
        )

    def test_quiet_shows_nothing(self) -> None:
        for is_terminal in (True, False):
            self.assertEqual('', self.show(is_terminal, quiet=True))
