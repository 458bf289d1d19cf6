"""Sphinx's configuration of the documentation site. ``docs/site/build.py`` assembles its pages."""

import importlib
import os
import sys

project = "trailforward"
copyright = "the trailforward authors"  # noqa: A001  # Sphinx's name
html_title = "trailforward"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
root_doc = "contents"
html_theme = "furo"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
# The same anchors as on GitHub.
myst_heading_anchors = 6
myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["myst.header", "misc.highlighting_failure", "ref.python"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_class_signature = "separated"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Prompts and output are not copied.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

# autodoc imports modules again with TYPE_CHECKING turned on, which Pydantic's models do not survive. It does
# not do so with modules that are loaded already.
for _name in os.environ["TRAILFORWARD_DOCS_MODULES"].split():
    for _public in getattr(importlib.import_module(_name), "__all__", ()):
        getattr(sys.modules[_name], _public)
