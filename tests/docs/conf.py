"""Settings of Sphinx, for build.py."""

project = "cloud_elements_errors"
html_title = project
root_doc = "README"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_show_copyright = False
html_show_sphinx = False
myst_heading_anchors = 3
smartquotes_action = "D"  # dashes; quotes stay as they are written

# The reference: docstrings name our own classes in single backticks.
default_role = "any"
add_module_names = False
autodoc_class_signature = "separated"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_preprocess_types = False
# Types of signatures, and names of requests and urllib3, have no page here.
nitpick_ignore_regex = [
    ("py:.*", ".*"),
    ("any", r"(requests|urllib3|HTTPAdapter)\b.*"),
]
