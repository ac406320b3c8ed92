"""LiteLLM's programs as forks of processes that have imported LiteLLM and its packages.

The processes belong to the supervisor of the programs, and end with it. ``apps/fork_server.py``
says what is shared.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from tests.harness.litellm import release
from tests.harness.process.supervisor import Command, Supervisor

_APPS = Path(__file__).parent / "apps"


def write_python(supervisor: Supervisor, python: Path, folder: Path) -> Path:
    """Write the command ``python`` for containers: a program in a file is a fork.

    Args:
        supervisor: the owner of the containers.
        python: the interpreter of LiteLLM's environment, which runs everything else.
        folder: created if it does not exist.

    Returns:
        The command.
    """
    real = shlex.quote(str(python))
    fork = shlex.join(
        [str(python), "-I", "-S", str(_APPS / "forked.py"), str(_served(supervisor, python))]
    )
    folder.mkdir(exist_ok=True)
    place = folder / "python"
    place.write_text(f'#!/bin/sh\ncase "$1" in *.py) exec {fork} "$@" ;; esac\nexec {real} "$@"\n')
    place.chmod(0o700)
    return place


def _served(supervisor: Supervisor, python: Path) -> Path:
    """The socket of the supervisor's fork server, which starts with the first program."""
    home = supervisor.folder / "fork-server"
    try:
        home.mkdir()
    except FileExistsError:
        return home / "socket"
    variables = {"PATH": os.defpath, "HOME": str(home), **release.offline(python)}
    arguments = [str(python), str(_APPS / "fork_server.py"), str(home / "socket")]
    supervisor.start(Command(arguments, str(home / "log"), variables, inherit=False))
    return home / "socket"
