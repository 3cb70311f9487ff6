# SPDX-License-Identifier: Apache-2.0
"""Tests of Freezer API: tests/functional through HTTP, tests/unit for pure logic."""

import unittest
import warnings
from collections.abc import Sequence
from pathlib import Path

import testscenarios
from sqlalchemy.exc import SADeprecationWarning, SAWarning

# Warnings are errors where we can do something about them.
# What our own code does that is deprecated, and files and connections it leaves open.
for category in (DeprecationWarning, PendingDeprecationWarning, ResourceWarning):
    warnings.filterwarnings('error', category=category, module=r'(freezer_api|tests)(\.|$)')
# SQLAlchemy's warnings are about statements that are ours, in the name of whoever passed them on, often oslo.db.
for category in (SAWarning, SADeprecationWarning):
    warnings.filterwarnings('error', category=category)


def load_tests(
    loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None
) -> unittest.TestSuite:
    """Spread tests over their databases when they are listed, so that each has a name of its own.

    Without it they would be spread when they run, and the runner could neither select those of one
    database nor divide them among its workers.
    """
    folder = str(Path(__file__).parent)
    tests.addTests(loader.discover(folder, pattern or 'test*.py', str(Path(folder).parent)))
    spread: Sequence[unittest.TestCase] = list(testscenarios.generate_scenarios(tests))
    return loader.suiteClass(spread)
