# SPDX-License-Identifier: Apache-2.0
"""Files that come with the service, beside its modules; setup.py says how they get into the package."""

from pathlib import Path

import freezer_api


def folder(installed: str, in_tree: str) -> Path:
    """A folder with such files.

    :param installed: its name in the package
    :param in_tree: where it lies in a source tree
    """
    package = Path(freezer_api.__file__).resolve().parent
    found = package / installed
    return found if found.is_dir() else package.parent / in_tree
