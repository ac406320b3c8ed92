"""Import LiteLLM and the packages that it uses, once, and start its programs as forks.

``python fork_server.py SOCKET``: the client is ``forked.py``. It sends the environment of a
program, and receives the socket of a fork of this process that has imported LiteLLM. It sends the
arguments of the program, its environment, its folder and its standard streams to that socket, and
receives the process id and the status of the program.

The import of LiteLLM 1.110.2 takes seconds of a core, and spends 45 % of them in the packages of
others, which this process imports. The rest are modules of LiteLLM, which read 370 variables of the
environment. A fork imports them with the environment of a program. It serves this program, and each
later one with the same values of all variables that were read. A program with another value of one
that the packages of others read gets no socket, and the client runs it without the fork server.

Each program imports the modules of :data:`OWN` itself, and the few that import one of them.
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

# ``describe.py`` writes it when the environment is created.
DESCRIPTION = Path(sys.prefix) / "description.json"
OWN = (
    # It creates the application, and the id with which a process locks the jobs of the database.
    "litellm.proxy.proxy_server",
    # Only it reads PROXY_BASE_URL when it is imported. The migrations job has no such variable, so
    # with this module the containers of a stack would need two imports of LiteLLM.
    "litellm.proxy.common_utils.html_forms.ui_login",
)
# Source: prctl(2).
_PR_SET_PDEATHSIG = 1
# HOME and PATH select programs and the packages of a user, of which an import needs none. LiteLLM
# exchanges OAuth tokens in the folder for temporary files. No stack has such tokens.
_IRRELEVANT = {"HOME", "PATH", "TMPDIR", "TEMP", "TMP"}
_LIBC = ctypes.CDLL(None)

Read = dict[str, str | None]
"""Variables that modules read, with their values; None for an absent one."""


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


def _is_litellm(module: str) -> bool:
    return module.partition(".")[0].startswith("litellm")


def _imported(names: list[str]) -> Read:
    """Import modules; returns the variables that they and those before read."""
    plain = type(os.environ)
    os.environ.__class__ = _Recording
    gc.disable()
    # An import of them fails.
    sys.modules.update(dict.fromkeys(OWN))  # type: ignore[arg-type]
    for name in names:
        # Some exist only after another module has made them. Others import one of OWN.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in OWN:
        del sys.modules[name]
    os.environ.__class__ = plain
    # What exists now is neither visited nor copied by the garbage collection of a fork.
    gc.freeze()
    gc.enable()
    return {name: os.environ.get(name) for name in _Recording.read - _IRRELEVANT}


def _listening(path: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    return server


def _keep(connection: socket.socket) -> NoReturn:
    """Start the program of a connection, and send its id and its status."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as file:
        program = json.loads(file.read())
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
    _adopt(program["environment"])
    file = program["arguments"][0]
    sys.argv = program["arguments"]
    sys.path[0] = str(Path(file).resolve().parent)
    # An exception passes: the interpreter prints it and chooses the status.
    runpy.run_path(file, run_name="__main__")
    sys.exit(0)


def _adopt(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    # A package may have asked for it.
    tempfile.tempdir = None


def _serve(place: str, environment: dict[str, str], names: list[str], writer: int) -> NoReturn:
    """Import LiteLLM, write what it read, and start programs until a signal ends this process."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _adopt(environment)
    read = _imported(names)
    server = _listening(place)
    with os.fdopen(writer, "w") as file:
        json.dump(read, file)
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            _keep(connection)
        connection.close()


def _forked(place: str, environment: dict[str, str], names: list[str]) -> Read | None:
    """Start a fork that serves an environment; returns what LiteLLM read, or None if it failed."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        _serve(place, environment, names, writer)
    os.close(writer)
    with os.fdopen(reader) as file:
        return json.loads(file.read() or "null")  # type: ignore[no-any-return]


def _equal(read: Read, environment: dict[str, str]) -> bool:
    return all(environment.get(name) == value for name, value in read.items())


def main(path: str) -> NoReturn:
    """Send each client to the fork for its environment, until a signal ends this process."""
    server = _listening(path)
    names = json.loads(DESCRIPTION.read_text())["modules"]
    # It copies the environment, for the programs of a CGI server.
    importlib.import_module("wsgiref.handlers")
    packages = _imported([name for name in names if not _is_litellm(name)])
    # Nothing waits for the forks and the keepers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    forks: dict[str, Read] = {}
    while True:
        connection, _ = server.accept()
        with connection, connection.makefile("rw") as file:
            environment = json.loads(file.readline())
            place = next((p for p, read in forks.items() if _equal(read, environment)), "")
            if not place and _equal(packages, environment):
                new = f"{path}-{len(forks)}"
                read = _forked(new, environment, [name for name in names if _is_litellm(name)])
                if read is not None:
                    forks[new], place = read, new
            with contextlib.suppress(BrokenPipeError):
                file.write(f"{place}\n")
                file.flush()


if __name__ == "__main__":
    main(sys.argv[1])
