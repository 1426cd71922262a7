"""How Sphinx makes the documentation: ``sphinx-build -W -b html docs build/docs``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import recbole_metarec  # noqa: E402

project = "RecBole-MetaRec"
author = "The RecBole-MetaRec authors"
copyright = f"2026, {author}"
version = release = recbole_metarec.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated"]
exclude_patterns = ["_build"]
default_role = "literal"
smartquotes = False  # options begin with two dashes

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "undoc-members": False}
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"migration": []}
html_theme_options = {
    "logo": {"text": project},
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
}
