# SPDX-License-Identifier: Apache-2.0
"""Ends process groups when its input ends: programs do not outlive a test run, however that ended.

Each line of the input is the number of a group, or -number of one that has ended.
"""

import contextlib
import os
import signal
import sys
import time

groups: set[int] = set()
for line in sys.stdin:
    number = int(line)
    if number > 0:
        groups.add(number)
    else:
        groups.discard(-number)
for signal_number in (signal.SIGTERM, signal.SIGKILL):
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal_number)
    if groups:
        time.sleep(1)
