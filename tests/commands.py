# SPDX-License-Identifier: Apache-2.0
"""Commands run within the process of the tests, which takes a fraction of the time of a process of their own."""

import contextlib
import dataclasses
import io
import logging
from collections.abc import Callable, Iterator, Sequence

from oslo_log import log


@dataclasses.dataclass(frozen=True)
class Done:
    """What a command did.

    :ivar code: its exit code
    """

    code: int
    out: str
    err: str


@contextlib.contextmanager
def _log_restored() -> Iterator[None]:
    """A command sets up the log of the whole process; afterwards it is that of the test again."""
    root = logging.getLogger()
    names = [level.partition('=')[0] for level in log.get_default_log_levels()]
    levels = {name: logging.getLogger(name).level for name in names}
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)


def run(main: Callable[[Sequence[str]], int], *args: object) -> Done:
    """Run a command line; what it prints is caught, also that of other threads."""
    out, err = io.StringIO(), io.StringIO()
    with (
        _log_restored(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as error:
            code = int(error.code or 0)
    return Done(code, out.getvalue(), err.getvalue())
