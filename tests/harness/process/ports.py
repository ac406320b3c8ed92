"""Ports of the loopback interface: free ports, and GET requests to a port."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading

# A server may take longer to start than the kernel keeps a port; see :func:`free_port`.
_returned: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """A TCP port on which no process listens, and that was not returned before.

    For 60 s the kernel gives it to no other process, and to no connection: a closed connection is
    still in TIME_WAIT. A server that sets SO_REUSEADDR, as all servers here do, may listen on it.

    Source: tcp(7) and socket(7); Linux, TCP_TIMEWAIT_LEN.
    """
    with _lock:
        while True:
            port = _reserved()
            if port not in _returned:
                _returned.add(port)
                return port


def _reserved() -> int:
    """A port of a connection that this side has closed first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address):
            accepted, _ = server.accept()
            accepted.close()
    return int(address[1])


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
