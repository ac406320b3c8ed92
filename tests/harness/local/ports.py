"""Free ports of the loopback interface."""

from __future__ import annotations

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
