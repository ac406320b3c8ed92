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

    A new one replaces the environments of the same name that no run has used for a week.

    Args:
        name: the folder of the environment, below the cache.
        release: changes with the content, so that the environment is created again.
        packages: the arguments of ``uv pip install``.
        folder: the cache.
        finish: completes the environment; it gets the interpreter.

    Raises:
        InstallError: uv failed; the message has the end of its output.
    """
    place = folder / name
    home = place / f"{release}-{sys.version_info.major}.{sys.version_info.minor}"
    python = home / "bin" / "python"
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / "lock"):
        # The interpreter is a link to that of the machine, which can be upgraded.
        if complete(home) and python.exists():
            mark(home)
            return python
        prune(place)
        # The leftovers of an interrupted install.
        shutil.rmtree(home, ignore_errors=True)
        _uv("venv", "--python", sys.executable, str(home))
        # uv writes no bytecode; the first program that runs does.
        _uv("pip", "install", "--python", str(python), *packages)
        if finish:
            finish(python)
        mark(home)
    return python


def complete(home: Path) -> bool:
    """Whether everything was installed into a folder, at the path that it has now.

    Installed files hold their own path, so the folder of a copied or moved checkout is of no use.
    """
    done = home / _MARK
    return done.exists() and done.read_text() == str(home)


def mark(home: Path) -> None:
    """Record that a folder is complete, and the time of its use."""
    (home / _MARK).write_text(str(home))


def prune(place: Path) -> None:
    """Delete the environments in a folder that no run has used for a week."""
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
