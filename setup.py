# SPDX-License-Identifier: Apache-2.0
"""Map alembic/ and etc/ into the package; everything else is in setup.cfg.

The migration scripts and the samples of configuration live at the top of the
tree and are installed as freezer_api/migrations and freezer_api/etc. setup.cfg
can say where a package lies, but not find the other packages at the same time,
hence these few lines.
"""

import setuptools

setuptools.setup(
    packages=[
        *setuptools.find_packages(include=['freezer_api', 'freezer_api.*']),
        'freezer_api.etc',
        'freezer_api.migrations',
        'freezer_api.migrations.versions',
    ],
    package_dir={'freezer_api.etc': 'etc/freezer', 'freezer_api.migrations': 'alembic'},
    package_data={
        'freezer_api.etc': ['*.conf', '*.sample'],
        'freezer_api.migrations': ['script.py.mako'],
    },
)
