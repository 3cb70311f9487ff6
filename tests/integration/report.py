# SPDX-License-Identifier: Apache-2.0
"""Tells what real programs did, a line each.

``FREEZER_TEST_REPORT`` names a file to append to, which tools/test.sh shows at its end; without it the lines go
to standard error.
"""

import os
import sys


def line(program: str, release: str, text: str) -> None:
    """Tell what a program did.

    :param text: what happened, with figures
    """
    words = f'{program} {release}: {text}\n'
    path = os.environ.get('FREEZER_TEST_REPORT')
    if not path:
        sys.stderr.write(words)
        return
    with open(path, 'a') as file:
        file.write(words)
