"""Ports of the loopback interface: free ones, and what answers on one."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading

# Nobody listens on a port yet when it is given, so that the kernel might give it twice.
_given: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """A TCP port that nobody listened on a moment ago, and that was not given before."""
    with _lock:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if port not in _given:
                _given.add(port)
                return port


def answers(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def fetched(port: int, path: str) -> tuple[int, str]:
    """The status and text with which a loopback port answers a GET; (0, "") if it does not.

    No proxy of the machine's comes between.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
