"""How the documentation is built: ``make docs``."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / '_ext'))
# a profile that is loaded becomes the default of its AiiDA home: never that of the user
os.environ['AIIDA_PATH'] = tempfile.mkdtemp(prefix='aiida-docs-')

project = 'aiida-glassion'
author = 'The aiida-glassion team'
copyright = f'2026, {author}'
version = release = installed_version('aiida-glassion')

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'reference_pages']
exclude_patterns = ['_build', 'reference/_generated']
myst_enable_extensions = ['colon_fence', 'deflist']
myst_heading_anchors = 3
autodoc_typehints = 'none'
autodoc_member_order = 'bysource'
autodoc_default_options = {'members': True}
add_module_names = False

html_theme = 'furo'
html_title = f'aiida-glassion {release}'
html_static_path = ['_static']
html_css_files = ['tables.css']
smartquotes = False
