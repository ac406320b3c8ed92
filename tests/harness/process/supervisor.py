"""One process that owns every server of a run, and ends them however its own owner ends.

``python -m tests.harness.process.supervisor FOLDER`` reads an order a line from its standard input
and answers each with a line, both JSON objects. An order has one key:

========== ================== =====================================================================
``start``  :class:`Command`   ``pid``: the process's id, or ``error``: why it did not start
``ask``    a process's id     ``running``: whether it still ran; it is asked to end
``kill``   a process's id     ``running``: false; it is killed, and what is left of its group
``poll``   a process's id     ``running``: whether it runs
========== ================== =====================================================================

An id that it did not give, or whose process was killed by an order, is answered with ``error``.
When the input closes, which the kernel does for an owner that was killed, too, it ends the
processes, the last one first, and removes the folder.
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

# How long a process may take to end once it is asked to, before it is killed.
_GRACE_SECONDS = 5


class SupervisorError(RuntimeError):
    """A process did not start, or is none of the supervisor's."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to start.

    ``log`` takes what it prints; ``user`` and ``group`` are ids to run as, None for the owner's;
    ``stop`` is the number of the signal that asks it to end. ``inherit`` says whether it gets the
    owner's environment below its own.
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
    """A running supervisor, for any number of threads. ``folder`` is the run's, and goes with it.

    Each of its methods raises SupervisorError if the supervisor is gone.
    """

    folder: Path
    process: subprocess.Popen[str]
    # One order and its answer at a time.
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def home(self, name: str) -> Path:
        """Make a folder for a process: ``name``, or where there is one ``name-2`` and so on."""
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
        """Start a process; gives its id.

        Raises:
            SupervisorError: it cannot be started.
        """
        answer = self._asked({"start": asdict(command)})
        if "pid" not in answer:
            raise SupervisorError(f"{command.arguments[0]} does not start: {answer['error']}")
        return int(answer["pid"])

    def running(self, pid: int) -> bool:
        """Whether a process that it started runs; of any other id False."""
        return bool(self._asked({"poll": pid}).get("running"))

    def stop(self, pid: int) -> None:
        """End a process, with what it started; returns once it is gone.

        It is asked to end, and killed if it has not within 5 s. Other orders are not held up.

        Raises:
            SupervisorError: it started no such process, or stopped it before.
        """
        if self._asked({"ask": pid}).get("running"):
            soon(lambda: not self.running(pid), _GRACE_SECONDS)
        answer = self._asked({"kill": pid})
        if "error" in answer:
            raise SupervisorError(answer["error"])

    def _asked(self, order: Mapping[str, Any]) -> dict[str, Any]:
        if self.process.stdin is None or self.process.stdout is None:
            raise SupervisorError("the supervisor was started without its pipes")
        with self._lock:
            # A supervisor that is gone has closed its answers as well.
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
    """A supervisor and a folder of its own, which both go with the block or with this process."""
    # Others must be able to pass through it: a server may run as another user.
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


@dataclass(frozen=True, slots=True)
class _Child:
    """A process and the signal that asks it to end."""

    process: subprocess.Popen[bytes]
    stop: int

    def ask(self) -> bool:
        """Ask it to end; gives whether it still ran."""
        if self.process.poll() is not None:
            return False
        self.process.send_signal(self.stop)
        return True

    def kill(self) -> None:
        """Kill it, unless it ended, and whatever is left of the group that it led."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Ask it to end, and kill it if it does not."""
        if self.ask():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=_GRACE_SECONDS)
        self.kill()


def _prepare() -> None:
    """In the new process: undo what the supervisor ignores, and end with it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    # Of a supervisor that is killed nobody else tells.
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
            # Its group is what it starts in turn.
            process_group=0,
            # After the change of user, which would clear it.
            preexec_fn=_prepare,
        )
    return _Child(process, command.stop)


def _answer(children: dict[int, _Child], order: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, value),) = order.items()
    if kind == "start":
        try:
            child = _started(Command(**value))
        except (OSError, subprocess.SubprocessError) as error:
            return {"error": str(error)}
        children[child.process.pid] = child
        # It may have ended before it was there to be looked at.
        child.process.poll()
        return {"pid": child.process.pid}
    if value not in children:
        return {"error": f"process {value} is none that the supervisor started and did not stop"}
    child = children[value]
    if kind == "ask":
        return {"running": child.ask()}
    if kind == "kill":
        child.kill()
        del children[value]
        return {"running": False}
    return {"running": child.process.poll() is None}


def main(folder: Path) -> int:
    """Serve orders from standard input until it closes; gives the exit status."""
    children: dict[int, _Child] = {}

    def reap(_number: int, _frame: FrameType | None) -> None:
        for child in children.values():
            child.process.poll()

    # Whoever sends these to the group, the owner decides when this process ends: by its pipe.
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
