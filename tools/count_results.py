# SPDX-License-Identifier: Apache-2.0
"""Read a subunit stream; print how many tests passed, failed and were skipped.

A test that began and never ended failed: its worker died.
"""

import sys

import subunit
from testtools import StreamSummary

FAILED = ('errors', 'failures', 'unexpectedSuccesses')

summary = StreamSummary()
summary.startTestRun()
subunit.ByteStreamToStreamResult(sys.stdin.buffer).run(summary)
summary.stopTestRun()

failed = sum(len(getattr(summary, name)) for name in FAILED)
skipped = len(summary.skipped)
print(summary.testsRun - failed - skipped, failed, skipped)
