"""Checks for ``checkov --external-checks-dir``, one module each. They do not import this suite.

checkov imports the modules by their bare names. The prefix ``litellm_`` prevents conflicts: a
module named ``secrets`` would replace that of the standard library.
"""
