"""Checks for ``checkov --external-checks-dir``; a module each, with no import from this suite.

checkov imports the modules by their bare names, so they begin with ``litellm_``: a module called
``secrets`` would stand in for the standard library's.
"""
