"""How the pages are built: `sphinx-build -W --keep-going docs OUT`."""

import gradtwin

project = "gradtwin"
author = "The gradtwin developers"
release = gradtwin.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns: list[str] = []
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 2
default_role = "literal"
nitpicky = False

autodoc_typehints = "signature"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"gradtwin {release}"
