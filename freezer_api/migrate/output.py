# SPDX-License-Identifier: Apache-2.0
"""What a migration says, whether or not somebody still listens: the work is done all the same."""

import logging
import os
import sys
from typing import TextIO


def tell(text: str) -> None:
    """Say something that is no result."""
    write(sys.stderr, f'{text}\n')


def write(stream: TextIO, text: str) -> None:
    """Write to a stream; if that is gone, nothing is written to it from now on."""
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        # What is left in the buffer would fail again at the end of the program.
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, stream.fileno())
        os.close(silent)


def keep_log_from_results() -> None:
    """Let the log go where everything goes that is no result: oslo.log writes to the standard output by default."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setStream(sys.stderr)
