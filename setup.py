# SPDX-License-Identifier: Apache-2.0
"""Map alembic/ into the package; everything else is in setup.cfg.

The migration scripts live at the top of the tree and are installed as
freezer_api/migrations. setup.cfg can say where a package lies, but not find
the other packages at the same time, hence these few lines.
"""

import setuptools

setuptools.setup(
    packages=[
        *setuptools.find_packages(include=['freezer_api', 'freezer_api.*']),
        'freezer_api.migrations',
        'freezer_api.migrations.versions',
    ],
    package_dir={'freezer_api.migrations': 'alembic'},
    package_data={'freezer_api.migrations': ['script.py.mako']},
)
