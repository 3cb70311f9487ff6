# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the documentation."""

import importlib.util
from pathlib import Path

project = 'Freezer API'
copyright = 'OpenStack contributors'
extensions: list[str] = []
html_theme = 'alabaster'
# The theme asks git for the commit of the sources, and fails where there is none, as in an archive.
is_checkout = (Path(__file__).resolve().parents[2] / '.git').exists()
if is_checkout and importlib.util.find_spec('openstackdocstheme'):
    extensions.append('openstackdocstheme')
    html_theme = 'openstackdocs'
    openstackdocs_repo_name = 'openstack/freezer-api'
    openstackdocs_auto_name = False
root_doc = 'index'
exclude_patterns: list[str] = []
