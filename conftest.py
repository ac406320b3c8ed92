"""Load the plugins of every suite."""

from __future__ import annotations

# In this order: `stages` imports `not_run`, which pytest must load first.
pytest_plugins = [
    "tests.plugins.sessions",
    "tests.plugins.not_run",
    "tests.plugins.stages",
    "tests.plugins.scheduling",
    "tests.plugins.accounts",
]
