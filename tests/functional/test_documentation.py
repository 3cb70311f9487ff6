# SPDX-License-Identifier: Apache-2.0
"""The documentation and the API reference can be published."""

import subprocess
import sys
from pathlib import Path

import fixtures

from tests import base

ROOT = Path(__file__).resolve().parents[2]


class DocumentationTest(base.TestCase):
    def test_documentation_builds_without_a_warning(self) -> None:
        self.build('doc')

    def test_api_reference_builds_without_a_warning(self) -> None:
        self.build('api-ref')

    def build(self, tree: str) -> None:
        """Make the pages of a tree as ``tox -e docs`` does, but in a temporary folder."""
        folder = Path(self.useFixture(fixtures.TempDir()).path)
        options = ('-W', '--keep-going', '-n', '-q', '-b', 'html', '-d', folder / 'doctrees')
        done = subprocess.run(
            [sys.executable, '-m', 'sphinx', *options, ROOT / tree / 'source', folder / 'html'],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertTrue((folder / 'html' / 'index.html').exists())
