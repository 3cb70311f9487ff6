# SPDX-License-Identifier: Apache-2.0
"""The documentation and the API reference can be published."""

import os
import shutil
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

    def test_archives_without_git_build_without_the_theme(self) -> None:
        root = Path(self.useFixture(fixtures.TempDir()).path)
        theme = root / 'theme' / 'openstackdocstheme.py'
        theme.parent.mkdir()
        theme.write_text("def setup(app):\n    raise RuntimeError('cannot get gitsha')\n")
        for tree in ('doc', 'api-ref'):
            shutil.copytree(ROOT / tree / 'source', root / tree / 'source')
            self.build(tree, root, PYTHONPATH=str(theme.parent))

    def build(self, tree: str, root: Path = ROOT, **environment: str) -> None:
        """Make the pages of a tree as ``tox -e docs`` does, but in a temporary folder."""
        folder = Path(self.useFixture(fixtures.TempDir()).path)
        options = ('-W', '--keep-going', '-n', '-q', '-b', 'html', '-d', folder / 'doctrees')
        done = subprocess.run(
            [sys.executable, '-m', 'sphinx', *options, root / tree / 'source', folder / 'html'],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertTrue((folder / 'html' / 'index.html').exists())
