# SPDX-License-Identifier: Apache-2.0
"""Tells how much a test did, a line each.

``FREEZER_TEST_REPORT`` names a file to append to, which tools/test.sh shows at its end; without it the lines go
to standard error.
"""

import os
import sys


def line(text: str) -> None:
    """Tell what was done, with figures."""
    path = os.environ.get('FREEZER_TEST_REPORT')
    if not path:
        # Also where a test has put something else in its place.
        print(text, file=sys.__stderr__)
        return
    with open(path, 'a') as file:
        file.write(f'{text}\n')
