# SPDX-License-Identifier: Apache-2.0
"""JSON that is nested more deeply than Python lets its own calls be."""

import contextlib
import sys
from collections.abc import Iterator

# Levels. Each takes some hundred bytes of the stack of the main thread, of which systems give 8 MiB.
_LIMIT = 5000


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """Read and write JSON of some thousand levels: what becomes of it is decided when it is loaded, one by one.

    :raises RecursionError: it is nested more deeply even so
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
