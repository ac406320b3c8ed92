"""One process that owns every server of a run, and ends them when its owner ends.

``python -m tests.harness.process.supervisor FOLDER`` reads one order a line from its standard input
and answers each with one line. Both are JSON objects. An order has one key:

============= ================ ==================================================================
``start``     :class:`Command` ``pid``: the process id, or ``error``: why it did not start
``terminate`` a process id     ``running``: whether it ran; it gets the signal to end
``kill``      a process id     ``running``: false; the process and its group are killed
``poll``      a process id     ``running``: whether it runs
``restart``   a program's name ``count``: how many processes of the program were started again
============= ================ ==================================================================

A process that was started again keeps its id here. The answer to an unknown id, or to one that was
killed, is ``error``. When the input closes, the
supervisor ends the processes, the last one first, and removes the folder. The kernel closes the
input of a killed owner.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.harness.paths import ROOT
from tests.harness.process.child import die_with_parent, soon

# Time from the signal to end until a process is killed.
_GRACE_SECONDS = 5


class SupervisorError(RuntimeError):
    """A process did not start, or the supervisor does not own it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to start.

    ``log`` receives its output. ``user`` and ``group`` are ids to run as, None for the owner's.
    ``stop`` is the number of the signal to end. With ``inherit`` it gets the owner's environment
    below its own.
    """

    arguments: Sequence[str]
    log: str
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    group: int | None = None
    stop: int = int(signal.SIGTERM)
    inherit: bool = True


@dataclass(frozen=True, slots=True)
class Supervisor:
    """A running supervisor, usable by several threads. It removes ``folder`` when it ends.

    Each method raises SupervisorError if the supervisor has ended.
    """

    folder: Path
    process: subprocess.Popen[str]
    # One order and its answer at a time.
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def home(self, name: str) -> Path:
        """Create a folder for a process: ``name``, or ``name-2`` and so on if it exists."""
        number = 1
        while True:
            path = self.folder / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            else:
                return path

    def start(self, command: Command) -> int:
        """Start a process; returns its id.

        Raises:
            SupervisorError: it cannot be started.
        """
        answer = self._asked({"start": asdict(command)})
        if "pid" not in answer:
            raise SupervisorError(f"{command.arguments[0]} does not start: {answer['error']}")
        return int(answer["pid"])

    def running(self, pid: int) -> bool:
        """Whether a process of the supervisor runs; False for any other id."""
        return bool(self._asked({"poll": pid}).get("running"))

    def stop(self, pid: int) -> None:
        """End a process and its children; returns when it has ended.

        The process gets its signal to end, and is killed after 5 s. Other orders do not wait.

        Raises:
            SupervisorError: the supervisor started no such process, or stopped it before.
        """
        if self._asked({"terminate": pid}).get("running"):
            soon(lambda: not self.running(pid), _GRACE_SECONDS)
        answer = self._asked({"kill": pid})
        if "error" in answer:
            raise SupervisorError(answer["error"])

    def restart(self, program: str) -> int:
        """End the processes of a program, and start each again with its command.

        Args:
            program: the name of the file that a process runs.

        Returns:
            Their number. They keep their ids for the other methods.
        """
        return int(self._asked({"restart": program})["count"])

    def _asked(self, order: Mapping[str, Any]) -> dict[str, Any]:
        if self.process.stdin is None or self.process.stdout is None:
            raise SupervisorError("the supervisor was started without its pipes")
        with self._lock:
            # A supervisor that has ended has closed its output as well.
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(json.dumps(order) + "\n")
                self.process.stdin.flush()
            line = self.process.stdout.readline()
        if not line:
            raise SupervisorError(f"the supervisor ended with status {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def supervising() -> Iterator[Supervisor]:
    """Start a supervisor with a folder. Both end with the block and with this process."""
    # A server may run as another user, which must be able to enter the folder.
    folder = Path(tempfile.mkdtemp(prefix="litellm-local-"))
    folder.chmod(0o711)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.process.supervisor", str(folder)],
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
            # An order that a killed supervisor did not read is still in the buffer.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        try:
            # Each process may use its whole grace period, one after another.
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # The folder exists only if the supervisor was killed.
        shutil.rmtree(folder, ignore_errors=True)
        if process.stdout:
            process.stdout.close()


# ---- In the supervisor itself ----


@dataclass(frozen=True, slots=True)
class _Child:
    """A process and its command."""

    process: subprocess.Popen[bytes]
    command: Command

    def terminate(self) -> bool:
        """Send the signal to end; returns whether the process ran."""
        if self.process.poll() is not None:
            return False
        self.process.send_signal(self.command.stop)
        return True

    def kill(self) -> None:
        """Kill the process, unless it has ended, and the rest of its group."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Send the signal to end, and kill the process if it does not end."""
        if self.terminate():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=_GRACE_SECONDS)
        self.kill()


def _prepare() -> None:
    """In the new process: restore the signals that the supervisor ignores, and end with it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    # A killed supervisor cannot end its children itself.
    die_with_parent(signal.SIGKILL)


def _started(command: Command) -> _Child:
    with Path(command.log).open("ab") as log:
        process = subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**(os.environ if command.inherit else {}), **command.environment},
            user=command.user,
            group=command.group,
            extra_groups=[] if command.user is not None else None,
            # Its children join its group.
            process_group=0,
            # It runs after the change of user, which would clear the setting.
            preexec_fn=_prepare,
        )
    return _Child(process, command)


def _answer(children: dict[int, _Child], order: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, value),) = order.items()
    if kind == "start":
        try:
            child = _started(Command(**value))
        except (OSError, subprocess.SubprocessError) as error:
            return {"error": str(error)}
        children[child.process.pid] = child
        # The process may have ended before it was registered.
        child.process.poll()
        return {"pid": child.process.pid}
    if kind == "restart":
        return {"count": _restart(children, value)}
    if value not in children:
        return {
            "error": f"the supervisor owns no process {value}: it never started it, or stopped it"
        }
    child = children[value]
    if kind == "terminate":
        return {"running": child.terminate()}
    if kind == "kill":
        child.kill()
        del children[value]
        return {"running": False}
    return {"running": child.process.poll() is None}


def _restart(children: dict[int, _Child], program: str) -> int:
    """Start the processes of a program again; each takes the place of the one before."""
    found = [pid for pid, c in children.items() if Path(c.command.arguments[0]).name == program]
    for pid in found:
        children[pid].end()
        children[pid] = _started(children[pid].command)
    return len(found)


def main(folder: Path) -> int:
    """Serve orders from standard input until it closes; returns the exit status."""
    children: dict[int, _Child] = {}

    def reap(_number: int, _frame: FrameType | None) -> None:
        for child in children.values():
            child.process.poll()

    # A terminal sends these to the whole group. The owner ends this process by its pipe.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, reap)
    try:
        for line in sys.stdin:
            print(json.dumps(_answer(children, json.loads(line))), flush=True)
    finally:
        for child in reversed(children.values()):
            child.end()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
