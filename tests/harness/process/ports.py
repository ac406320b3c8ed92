"""Ports of the loopback interface: free ports, and GET requests to a port."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading

# No process listens yet when a port is returned, so the kernel could return it again.
_returned: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """A TCP port on which no process listens, and that was not returned before."""
    with _lock:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if port not in _returned:
                _returned.add(port)
                return port


def answers(port: int) -> bool:
    """Whether a process listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def fetched(port: int, path: str) -> tuple[int, str]:
    """The status and text of a GET to a loopback port; (0, "") without an answer.

    The request ignores the proxies of the machine.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
