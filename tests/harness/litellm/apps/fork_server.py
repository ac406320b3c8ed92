"""Import the packages that LiteLLM uses, once, and start its programs as forks.

``python fork_server.py SOCKET``: the client is ``forked.py``. It sends the arguments of a program,
its environment, its folder and its standard streams, and receives the process id and the status.

LiteLLM 1.110.2 takes 5.4 seconds of a core to import, and 2.9 of them are spent in the packages of
others. Only those are shared: each program imports LiteLLM itself, in its own environment. The
packages read few variables when they are imported. A program with another value of one of them is
refused, and the client runs it without the fork server.

``python fork_server.py`` without arguments prints the names of the modules to import.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

MODULES = Path(sys.prefix) / "modules.txt"
# Source: prctl(2).
_PR_SET_PDEATHSIG = 1
# They select programs and the packages of a user, of which an import needs none.
_IRRELEVANT = {"HOME", "PATH"}
_LIBC = ctypes.CDLL(None)


class _Recording(type(os.environ)):  # type: ignore[misc]
    """The environment, with the names of the variables that are read one by one."""

    read: set[str] = set()  # noqa: RUF012  (one environment in a process)

    def __getitem__(self, key: str) -> str:
        self.read.add(key)
        value: str = super().__getitem__(key)
        return value

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        found: bool = super().__contains__(key)
        return found


def modules() -> list[str]:
    """The modules of other packages that LiteLLM's proxy imports, in their order."""
    importlib.import_module("litellm.proxy.proxy_server")
    return [name for name in sys.modules if not name.startswith(("litellm", "__main__"))]


def _imported(names: list[str]) -> dict[str, str | None]:
    """Import modules; returns the variables that they read, with their values."""
    plain = type(os.environ)
    os.environ.__class__ = _Recording
    for name in names:
        # Some exist only after another module has made them.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    os.environ.__class__ = plain
    return {name: os.environ.get(name) for name in _Recording.read - _IRRELEVANT}


def _keep(connection: socket.socket, read: dict[str, str | None]) -> NoReturn:
    """Start the program of a connection, and send its id and its status."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as file:
        program = json.loads(file.read())
    environment = program["environment"]
    if any(environment.get(name) != value for name, value in read.items()):
        connection.sendall(b"0\n")
        os._exit(0)
    # The keeper must wait for its child.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, program["group"])
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(program, streams)
    connection.sendall(b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(program: dict[str, Any], streams: list[int]) -> NoReturn:
    """Run a program in this process, as the interpreter runs a file."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(program["folder"])
    os.environ.clear()
    os.environ.update(program["environment"])
    # A package may have asked for it.
    tempfile.tempdir = None
    file = program["arguments"][0]
    sys.argv = program["arguments"]
    sys.path[0] = str(Path(file).resolve().parent)
    # An exception passes: the interpreter prints it and chooses the status.
    runpy.run_path(file, run_name="__main__")
    sys.exit(0)


def main(path: str) -> NoReturn:
    """Serve until a signal ends this process."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        read = _imported(MODULES.read_text().split())
        gc.collect()
        gc.freeze()
        # Nothing waits for the keepers.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _keep(connection, read)
            connection.close()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(modules()))
    else:
        main(sys.argv[1])
