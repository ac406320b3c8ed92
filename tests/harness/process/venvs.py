"""Environments in the cache, for programs that pin what the suite itself depends on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from tests.harness.paths import ROOT

FOLDER = ROOT / ".cache"


class InstallError(RuntimeError):
    """pip does not install what an environment is to hold."""


def installed(name: str, release: str, packages: Sequence[str], folder: Path = FOLDER) -> Path:
    """The interpreter of the environment that holds some packages; makes it if there is none.

    Args:
        name: the environment's folder below the cache's.
        release: what a changed list of packages changes, so that it is made anew.
        packages: what pip is given.
        folder: the cache.

    Raises:
        InstallError: pip does not install them; the message has the end of what it said.
    """
    place = folder / name
    home = place / f"{release}-{sys.version_info.major}.{sys.version_info.minor}"
    done, python = home / "installed", home / "bin" / "python"
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / "lock"):
        if done.exists():
            return python
        # What an install that was broken off left.
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        made = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", *packages],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise InstallError(f"pip does not install {tuple(packages)}:\n{made.stderr[-2000:]}")
        done.touch()
    return python
