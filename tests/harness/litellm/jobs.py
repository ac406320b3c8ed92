"""The jobs of a stack, as processes: the container's own command with its own environment.

The migrations job runs LiteLLM's script, which calls the ``prisma`` of :mod:`.engines`. The
bootstrap runs the real psql. The packaged psql has no TLS, so a required TLS becomes a preferred
one.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.litellm import engines, forks, release
from tests.harness.process.child import log_tail, soon
from tests.harness.process.supervisor import Command, Supervisor
from tests.harness.process.venvs import packages

SECONDS = 300


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
    cancelled: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run a job to its end, at most 300 s; then the status is 124, as that of ``timeout``.

    Args:
        supervisor: the owner of the process.
        python: the interpreter of LiteLLM's environment.
        command: the command of the container, relative to the folder of the packages.
        environment: its variables, including secrets.
        programs: the folder with psql.
        cancelled: whether to end the job now; then the status is 124 too.
    """
    home = supervisor.home("job")
    log, status = home / "log", home / "status"
    own = forks.write_python(supervisor, python, home / "bin").parent
    commands = [own, engines.programs(python), programs, python.parent, os.defpath]
    variables = {
        "PATH": os.pathsep.join(map(str, commands)),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LITELLM_MIGRATION_DIR": str(home),
        **release.offline(python),
        **environment,
        **({"PGSSLMODE": "prefer"} if environment.get("PGSSLMODE") == "require" else {}),
    }
    folder = shlex.quote(str(packages(python)))
    script = f"cd {folder} && {shlex.join(command)}; echo $? > {status}"
    pid = supervisor.start(Command(["sh", "-c", script], str(log), variables, inherit=False))

    def ended() -> bool:
        return cancelled() or (status.exists() and status.read_text() != "")

    soon(ended, SECONDS, 0.1)
    supervisor.stop(pid)
    text = status.read_text() if status.exists() else ""
    code = int(text) if text else 124
    return Ended(code, log_tail(log))
