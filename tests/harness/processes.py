"""Whether processes are there, and waiting for what takes a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def soon(right: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something comes true within some seconds."""
    until = time.monotonic() + seconds
    while not right():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
