"""Commands that replace the CLI of a cloud: scripts on PATH that run a module of the suite."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from pathlib import Path

from tests.harness.paths import ROOT


def install(folder: Path, name: str, module: str) -> dict[str, str]:
    """Write a command into a folder; returns the PATH with which a shell finds it."""
    script = folder / name
    script.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} "
        f'-m {module} "$@"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
