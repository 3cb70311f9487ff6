# SPDX-License-Identifier: Apache-2.0
"""Every way of shipping the service carries the migration scripts and the files of etc/."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import ClassVar

from tests import base

ROOT = Path(__file__).resolve().parents[2]

# What is beside the sources in a checkout that somebody works in, and in no archive of them.
NOT_SOURCES = shutil.ignore_patterns(
    '.git',
    '.demo',
    '.venv*',
    '.tox',
    '.stestr',
    '.*_cache',
    '__pycache__',
    'build',
    'dist',
    '*.egg-info',
)

SDIST = 'from setuptools import build_meta; build_meta.build_sdist({!r})'
FIND_SCRIPTS = 'from freezer_api.db import migration; print(migration.scripts_location())'

FIND_MAP = """
from freezer_api import conf
from freezer_api.api import audit
print(audit._map_file(conf.new([], [])))
"""


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Run a program that must succeed; return what it printed."""
    result = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise AssertionError(f'{command}: {result.stdout}{result.stderr}')
    return result.stdout


def pip(*arguments: str, cwd: Path) -> str:
    return run(
        sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check', *arguments, cwd=cwd
    )


class PackagingTest(base.TestCase):
    """Archives are built once for the class, from a copy as an unpacked archive would be: no git, no build files."""

    folder: ClassVar[Path]
    wheel: ClassVar[Path]
    sdist: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder = Path(tempfile.mkdtemp(prefix='freezer_packaging_'))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        tree = cls.folder / 'tree'
        shutil.copytree(ROOT, tree, ignore=NOT_SOURCES)
        run(sys.executable, '-c', SDIST.format(str(cls.folder)), cwd=tree)
        (cls.sdist,) = cls.folder.glob('*.tar.gz')
        cls.wheel = cls._wheel(tree)

    @classmethod
    def _wheel(cls, source: Path) -> Path:
        target = Path(tempfile.mkdtemp(dir=cls.folder))
        pip(
            'wheel', '--no-deps', '--no-index', '--no-build-isolation', '--wheel-dir', '.', str(source),
            cwd=target,
        )  # fmt: skip
        (wheel,) = target.glob('*.whl')
        return wheel

    def versions(self) -> set[str]:
        names = {path.name for path in (ROOT / 'alembic' / 'versions').glob('*.py')}
        self.assertNotEqual(set(), names)
        return names

    def assert_has_scripts(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
        scripts = {'env.py', 'script.py.mako', *(f'versions/{name}' for name in self.versions())}
        self.assertEqual(set(), {f'freezer_api/migrations/{name}' for name in scripts} - names)
        strangers = {
            name for name in names if not name.startswith(('freezer_api/', 'freezer_api-'))
        }
        self.assertEqual(set(), strangers)

    def test_wheel_has_the_scripts(self) -> None:
        self.assert_has_scripts(self.wheel)

    def test_wheel_has_the_files_of_etc(self) -> None:
        with zipfile.ZipFile(self.wheel) as archive:
            names = set(archive.namelist())
        files = {path.name for path in (ROOT / 'etc' / 'freezer').iterdir()}
        self.assertIn('api_audit_map.conf', files)
        self.assertEqual(set(), {f'freezer_api/etc/{name}' for name in files} - names)

    def test_wheel_describes_itself_as_the_index_takes_it(self) -> None:
        with zipfile.ZipFile(self.wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith('/METADATA'))
            described = email.message_from_bytes(archive.read(name))
        classifiers = described.get_all('Classifier', [])
        self.assertNotIn('Framework :: Pecan', classifiers)
        self.assertIn('Development Status', {item.partition(' :: ')[0] for item in classifiers})
        links = {item.partition(', ')[0] for item in described.get_all('Project-URL', [])}
        self.assertLessEqual({'Documentation', 'Source', 'Bug Tracker'}, links)

    def test_sdist_has_the_scripts(self) -> None:
        with tarfile.open(self.sdist) as archive:
            names = {name.partition('/')[2] for name in archive.getnames()}
        wanted = {'alembic/env.py', 'alembic/script.py.mako', 'setup.py', 'requirements.txt'}
        wanted |= {f'alembic/versions/{name}' for name in self.versions()}
        self.assertEqual(set(), wanted - names)

    def test_wheel_of_the_sdist_has_the_scripts(self) -> None:
        self.assert_has_scripts(self._wheel(self.sdist))

    def test_wheel_finds_its_scripts_and_its_map(self) -> None:
        target = self.folder / 'installed'
        pip(
            'install', '--no-deps', '--no-index', '--target', str(target), str(self.wheel),
            cwd=self.folder,
        )  # fmt: skip
        printed = run(
            sys.executable, '-c', FIND_SCRIPTS, cwd=self.folder, PYTHONPATH=str(target)
        ).strip()
        self.assertEqual(str(target / 'freezer_api' / 'migrations'), printed)
        self.assertTrue(Path(printed, 'env.py').is_file())
        found = run(sys.executable, '-c', FIND_MAP, cwd=self.folder, PYTHONPATH=str(target)).strip()
        self.assertEqual(str(target / 'freezer_api' / 'etc' / 'api_audit_map.conf'), found)
        self.assertTrue(Path(found).is_file())

    def test_checkout_finds_its_scripts(self) -> None:
        printed = run(sys.executable, '-c', FIND_SCRIPTS, cwd=ROOT).strip()
        self.assertEqual(ROOT / 'alembic', Path(printed).resolve())

    def test_folder_of_scripts_does_not_hide_alembic(self) -> None:
        self.assertFalse((ROOT / 'alembic' / '__init__.py').exists())
        printed = run(sys.executable, '-c', 'import alembic; print(alembic.__file__)', cwd=ROOT)
        self.assertNotIn(str(ROOT / 'alembic'), printed)
