"""The jobs of a stack, as processes: the container's own command with its own environment.

The migrations job runs LiteLLM's script. The script calls ``prisma``. Its engines are in no
package, so the command ``prisma`` of this module applies the same SQL (:mod:`.migrations`). The
bootstrap runs the real psql. The local PostgreSQL has no TLS, so a required TLS becomes a preferred
one.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.litellm import release
from tests.harness.paths import ROOT
from tests.harness.process.child import log_tail, soon
from tests.harness.process.supervisor import Command, Supervisor

SECONDS = 300
_TLS = ("DATABASE_SSLMODE", "PGSSLMODE")


@dataclass(frozen=True, slots=True)
class Ended:
    """An ended job: the status of its process, and the end of its output."""

    status: int
    output: str


def run(
    supervisor: Supervisor,
    python: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    programs: Path,
) -> Ended:
    """Run a job to its end, at most 300 s; then the status is 124, as that of ``timeout``.

    Args:
        supervisor: the owner of the process.
        python: the interpreter of LiteLLM's environment.
        command: the command of the container, relative to the folder of the packages.
        environment: its variables, including secrets.
        programs: the folder with psql.
    """
    home = supervisor.home("job")
    log, status, own = home / "log", home / "status", home / "bin"
    _write_prisma(own)
    (packages,) = (python.parents[1] / "lib").glob("python*/site-packages")
    variables = {
        "PATH": os.pathsep.join(map(str, [own, programs, python.parent, os.defpath])),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LITELLM_MIGRATION_DIR": str(home),
        **release.OFFLINE,
        **environment,
        **{name: "prefer" for name in _TLS if environment.get(name) == "require"},
    }
    script = f"cd {shlex.quote(str(packages))} && {shlex.join(command)}; echo $? > {status}"
    pid = supervisor.start(Command(["sh", "-c", script], str(log), variables, inherit=False))
    soon(lambda: status.exists() and status.read_text() != "", SECONDS, 0.1)
    supervisor.stop(pid)
    code = int(status.read_text()) if status.exists() else 124
    return Ended(code, log_tail(log))


def _write_prisma(folder: Path) -> None:
    """Write the command ``prisma``, which runs in the environment of the suite."""
    folder.mkdir()
    words = shlex.join([sys.executable, "-m", "tests.harness.litellm.migrations"])
    place = folder / "prisma"
    place.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {words} "$@"\n')
    place.chmod(0o700)
