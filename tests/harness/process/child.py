"""Child processes that end with their owner, and waiting for a condition."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.harness.paths import ROOT

_START_SECONDS = 60
# Source: prctl(2).
_PR_SET_PDEATHSIG = 1
# Loaded here, because nothing may wait for the lock of another thread between fork and exec.
_LIBC = ctypes.CDLL(None)


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send a signal to this process if its parent is killed, on Linux.

    Call it between fork and exec.
    """
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def log_tail(log: Path, since: int = 0) -> str:
    """The last 2000 characters of a log, without its first ``since`` bytes."""
    return log.read_bytes()[since:].decode(errors="replace")[-2000:]


class OwnedError(RuntimeError):
    """A process did not start."""


@contextlib.contextmanager
def owned(arguments: Sequence[str], log: Path, end_seconds: float) -> Iterator[tuple[str, int]]:
    """Start a Python module that serves; yields the first line it prints, and its process id.

    The module must end when its standard input closes. It closes when the block ends, and also when
    this process is killed.

    Args:
        arguments: the module and its arguments.
        log: a file for its standard error.
        end_seconds: time to end before it is killed.

    Raises:
        OwnedError: it did not start within 60 s; the message ends with its output.
    """
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    if process.stdin is None or process.stdout is None:
        raise OwnedError(f"{arguments[0]} started without its pipes")
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
        watchdog.cancel()
        if not line:
            status = process.wait()
            raise OwnedError(f"{arguments[0]} ended with status {status}:\n{log_tail(log)}")
        yield line, process.pid
    finally:
        watchdog.cancel()
        process.stdin.close()
        try:
            process.wait(timeout=end_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        # ProcessLookupError: the process ended between open and read.
        return False
    return state != "Z"


def child_with(parent: int, *words: str) -> int:
    """The id of a child of a process that has one of some arguments; 0 without one. On Linux."""
    wanted = {word.encode() for word in words}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (path / "cmdline").read_bytes().split(b"\0")
            above = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        if above == parent and wanted & {*arguments}:
            return int(path.name)
    return 0


def soon(condition: Callable[[], bool], seconds: float = 10, pause: float = 0.05) -> bool:
    """Whether a condition becomes true within some seconds; it is checked after each pause."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
