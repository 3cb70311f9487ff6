# SPDX-License-Identifier: Apache-2.0
"""Ends process groups when its input ends: programs do not outlive a test run, however that ended.

Each line of the input is the number of a group.
"""

import contextlib
import os
import signal
import sys
import time

groups = [int(line) for line in sys.stdin]
for number in (signal.SIGTERM, signal.SIGKILL):
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
    time.sleep(1)
