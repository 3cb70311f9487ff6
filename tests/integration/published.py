# SPDX-License-Identifier: Apache-2.0
"""Published programs from PyPI, each release in an environment of its own that is made when it is first needed."""

import fcntl
import functools
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / '.venv-published'

# Programs older than the interpreter still ask for pkg_resources.
_SETUPTOOLS = 'setuptools<81'
_OLD_SQL = ('sqlalchemy-migrate', 'PyMySQL', _SETUPTOOLS)

REQUIREMENTS = {
    'freezerclient': ('python-freezerclient>=6.5', _SETUPTOOLS),
    'freezerclient-6.3': ('python-freezerclient==6.3.0', _SETUPTOOLS),
    'freezerclient-6.2': ('python-freezerclient==6.2.0', _SETUPTOOLS),
    'agent-19': ('freezer==19.0.0', 'python-freezerclient>=6.5', _SETUPTOOLS),
    # The last one whose scheduler speaks v1 too, with the last library that does.
    'agent-18': ('freezer==18.0.0', 'python-freezerclient==6.3.0', _SETUPTOOLS),
    # Tables of sqlalchemy-migrate: the oldest that runs (7.1.0 asks for falcon 1, which is too old for Python 3.10),
    # and the last. The last before the actions of jobs had rows, and the newest.
    'api-8': (
        'freezer-api==8.0.0',
        *_OLD_SQL,
        *('SQLAlchemy<1.4', 'oslo.db<9', 'falcon<3', 'oslo.context<4'),
    ),
    'api-15': ('freezer-api==15.0.0', *_OLD_SQL, 'SQLAlchemy<2', 'oslo.db<13', 'falcon<4'),
    'api-18': ('freezer-api==18.0.0', 'SQLAlchemy<2.1', 'PyMySQL', _SETUPTOOLS),
    'api-19': ('freezer-api==19.0.0', 'SQLAlchemy<2.1', 'PyMySQL', _SETUPTOOLS),
    'keystone': ('keystone', 'gunicorn', _SETUPTOOLS),
}


@functools.cache
def environment(name: str) -> Path:
    """The folder of programs (``bin``) of one of the environments.

    :param name: a key of :data:`REQUIREMENTS`
    :raises AssertionError: pip could not install the requirements
    """
    CACHE.mkdir(exist_ok=True)
    folder = CACHE.resolve() / name
    requirements = REQUIREMENTS[name]
    (CACHE / '.gitignore').write_text('*\n')
    stamp = folder / 'stamp'
    # Its programs name their interpreter by the path where they were installed.
    wanted = '\n'.join((str(folder), sys.version, *requirements))
    # Several runs may share the checkout.
    with (CACHE / f'{name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            venv.create(folder, clear=True, with_pip=True)
            command: list[str | Path] = [
                folder / 'bin' / 'python',
                *('-m', 'pip', '--quiet', '--disable-pip-version-check', 'install'),
                *requirements,
            ]
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise AssertionError(f'pip did not install {name}: {done.stderr}')
            stamp.write_text(wanted)
    return folder / 'bin'


def release(name: str, distribution: str) -> str:
    """The release of a package in an environment that was made."""
    folder = next((CACHE / name / 'lib').glob('python*/site-packages'))
    return next(
        found.version for found in metadata.distributions(path=[str(folder)], name=distribution)
    )
