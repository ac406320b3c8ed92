"""One process that owns every server of a run, and ends them however its own owner ends.

``python -m tests.harness.local.supervisor FOLDER`` reads a command a line from its standard input,
as JSON (:class:`Command`), starts it, and answers with a line: the process's id, or why it did not
start. When the input closes, which the kernel does for an owner that was killed, too, it ends the
processes, the last one first, and removes the folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.harness.stacks import ROOT

# How long a process may take to end once it is asked to, before it is killed.
_GRACE_SECONDS = 5
# Source: prctl(2).
_PR_SET_PDEATHSIG = 1


class SupervisorError(RuntimeError):
    """A process did not start."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to start.

    ``log`` takes what it prints; ``user`` and ``group`` are ids to run as, None for the owner's;
    ``stop`` is the number of the signal that asks it to end.
    """

    arguments: Sequence[str]
    log: str
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    group: int | None = None
    stop: int = int(signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Supervisor:
    """A running supervisor. ``folder`` is the run's, and goes with it."""

    folder: Path
    process: subprocess.Popen[str]

    def start(self, command: Command) -> int:
        """Start a process; gives its id.

        Raises:
            SupervisorError: it cannot be started, or the supervisor is gone.
        """
        if self.process.stdin is None or self.process.stdout is None:
            raise SupervisorError("the supervisor was started without its pipes")
        self.process.stdin.write(json.dumps(asdict(command)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SupervisorError(f"the supervisor ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "pid" not in answer:
            raise SupervisorError(f"{command.arguments[0]} does not start: {answer['error']}")
        return int(answer["pid"])


@contextlib.contextmanager
def supervising() -> Iterator[Supervisor]:
    """A supervisor and a folder of its own, which both go with the block or with this process."""
    # Others must be able to pass through it: a server may run as another user.
    folder = Path(tempfile.mkdtemp(prefix="litellm-local-"))
    folder.chmod(0o711)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.local.supervisor", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Supervisor(folder, process)
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            # All processes may use up their grace, one after the other.
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # Gone already, unless the supervisor was killed.
        shutil.rmtree(folder, ignore_errors=True)
        if process.stdout:
            process.stdout.close()


# ---- In the supervisor itself ----


def _die_with_parent() -> None:
    """Have the kernel kill this process if its supervisor is killed, which nobody else sees."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _started(command: Command) -> subprocess.Popen[bytes]:
    with Path(command.log).open("ab") as log:
        return subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **command.environment},
            user=command.user,
            group=command.group,
            extra_groups=[] if command.user is not None else None,
            # After the change of user, which would clear it.
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )


def _end(process: subprocess.Popen[bytes], stop: int) -> None:
    if process.poll() is None:
        process.send_signal(stop)
        try:
            process.wait(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(folder: Path) -> int:
    """Serve commands from standard input until it closes; gives the exit status."""
    # Whoever sends these to the group, the owner decides when this process ends: by its pipe.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    running: list[tuple[subprocess.Popen[bytes], int]] = []
    try:
        for line in sys.stdin:
            command = Command(**json.loads(line))
            try:
                process = _started(command)
            except (OSError, subprocess.SubprocessError) as error:
                print(json.dumps({"error": str(error)}), flush=True)
                continue
            running.append((process, command.stop))
            print(json.dumps({"pid": process.pid}), flush=True)
    finally:
        for process, stop in reversed(running):
            _end(process, stop)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
