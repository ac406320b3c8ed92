"""Run a program of LiteLLM through its fork server: ``forked.py SOCKET FILE ARGUMENTS...``.

This process has the signals and the status of the program. It imports little, because each start
waits for it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from types import FrameType

# The fork server binds its socket as soon as its interpreter runs.
_START_SECONDS = 30


def _connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return connection


def _place(path: str) -> str:
    """The socket that serves the environment of this process; empty if none does."""
    with _connected(path) as connection, connection.makefile("rw") as file:
        file.write(json.dumps({**os.environ}) + "\n")
        file.flush()
        return file.readline().strip()


def main(path: str, arguments: list[str]) -> int:
    """Run the program to its end; returns its status."""
    place = _place(path)
    if not place:
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606
    connection = _connected(place)
    program = {
        "arguments": arguments,
        "environment": {**os.environ},
        "folder": os.getcwd(),  # noqa: PTH109  (pathlib takes 20 ms to import)
        "group": os.getpgrp(),
    }
    socket.send_fds(connection, [b"."], [0, 1, 2])
    connection.sendall(json.dumps(program).encode())
    connection.shutdown(socket.SHUT_WR)
    with connection.makefile("r") as answers:
        pid = int(answers.readline())

        def forward(number: int, _: FrameType | None) -> None:
            os.kill(pid, number)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, forward)
        # Empty if the fork server was killed, which kills the program as well.
        status = int(answers.readline() or -signal.SIGKILL)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
