# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the documentation."""

import importlib.util

project = 'Freezer API'
copyright = 'OpenStack contributors'
extensions: list[str] = []
html_theme = 'alabaster'
if importlib.util.find_spec('openstackdocstheme'):
    extensions.append('openstackdocstheme')
    html_theme = 'openstackdocs'
    openstackdocs_repo_name = 'openstack/freezer-api'
    openstackdocs_auto_name = False
root_doc = 'index'
exclude_patterns: list[str] = []
