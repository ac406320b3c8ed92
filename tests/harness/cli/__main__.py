"""The commands of the harness: ``python -m tests.harness.cli COMMAND ...``."""

from __future__ import annotations

import importlib
import sys

COMMANDS = (
    "actionlint",
    "bench",
    "docs",
    "janitor",
    "leaks",
    "plan",
    "platforms",
    "upstream",
)


def main(arguments: list[str]) -> int:
    """Run a command with its arguments; returns its exit status, 2 for an unknown command."""
    name, *rest = arguments or [""]
    if name not in COMMANDS:
        print(f"unknown command {name!r}; use one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    # A command imports what it needs: plan runs without what docs and bench need.
    module = importlib.import_module(f"tests.harness.cli.{name}")
    status: int = module.main(rest)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
