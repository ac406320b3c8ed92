"""Virtual environments in the cache, for programs with pins that conflict with the suite."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from tests.harness.paths import ROOT

FOLDER = ROOT / ".cache"
_MARK = "installed"
# A run uses the environment of its checkout. A week covers the work on a branch.
UNUSED_SECONDS = 7 * 24 * 3600


class InstallError(RuntimeError):
    """An environment cannot be created."""


def installed(
    name: str,
    release: str,
    packages: Sequence[str],
    folder: Path = FOLDER,
    finish: Callable[[Path], None] | None = None,
) -> Path:
    """The interpreter of an environment with some packages; creates the environment if needed.

    Args:
        name: the folder of the environment, below the cache.
        release: changes with the content, so that the environment is created again.
        packages: the arguments of ``uv pip install``.
        folder: the cache.
        finish: completes the environment; it gets the interpreter.

    Raises:
        InstallError: uv failed; the message has the end of its output.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = folder / name / f"{release}-{version}"
    python = home / "bin" / "python"

    def make() -> None:
        _uv("venv", "--python", sys.executable, str(home))
        # uv writes no bytecode; the first program that runs does.
        _uv("pip", "install", "--python", str(python), *packages)
        if finish:
            finish(python)

    # The interpreter is a link to that of the machine, which can be upgraded.
    once(home, python, make)
    return python


def once(home: Path, needed: Path, make: Callable[[], None]) -> None:
    """Make a folder in the cache if it is not complete at its path, or lacks a file.

    Installed files hold their own path, so the folder of a copied or moved checkout is of no use.
    A new folder replaces those beside it that no run has used for a week.

    Args:
        home: the folder.
        needed: the file.
        make: makes the folder, which does not exist then. Only one process makes it.
    """
    place, done = home.parent, home / _MARK
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / "lock"):
        if not (done.exists() and done.read_text() == str(home) and needed.exists()):
            prune(place)
            # The leftovers of an interrupted install.
            shutil.rmtree(home, ignore_errors=True)
            make()
        # Its time is that of the last use.
        done.write_text(str(home))


def prune(place: Path) -> None:
    """Delete the folders in a folder of the cache that no run has used for a week."""
    oldest = time.time() - UNUSED_SECONDS
    for home in filter(Path.is_dir, place.iterdir()):
        done = home / _MARK
        # An interrupted install leaves no such file.
        if (done if done.exists() else home).stat().st_mtime < oldest:
            shutil.rmtree(home)


def _uv(*words: str) -> None:
    # The suites that install nothing do not have it.
    import uv

    result = subprocess.run(
        [uv.find_uv_bin(), "--quiet", *words], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise InstallError(f"`uv {' '.join(words)}` failed:\n{result.stderr[-2000:]}")


def packages(python: Path) -> Path:
    """The folder of the packages of an environment, by its interpreter."""
    return next((python.parents[1] / "lib").glob("python*/site-packages"))
