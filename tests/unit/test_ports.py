"""A free port stays free until a server listens on it."""

from __future__ import annotations

import contextlib
import socket

import pytest

from tests.harness.process.ports import free_port


def test_free_port_is_given_to_no_other_process() -> None:
    port = free_port()
    # As the kernel looks for a port of a connection, or of a bind to port 0.
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))


def test_server_listens_on_a_free_port() -> None:
    ports = [free_port() for _ in range(20)]
    assert len({*ports}) == len(ports)
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
