"""The data plane: the servers on loopback behind the APIs, and the load balancer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from tests.harness.emulators.launch import GcpOptions
from tests.harness.emulators.parts import PROGRAMS, load_balancers, postgres
from tests.harness.emulators.parts.envoy import Certificate, issue_certificate
from tests.harness.emulators.parts.front import Fronts, Upstream
from tests.harness.emulators.parts.postgres import Server
from tests.harness.litellm.containers import Component
from tests.harness.process.supervisor import Supervisor


@dataclass(slots=True)
class DataPlane:
    """The processes behind the resources, by the path of the resource.

    ``peering_holds`` are the deleted instances that keep a peering in use: (network, deadline) by
    name. ``backups`` are the backups of databases by path and id, ``clones`` the data of instances
    that are being cloned. ``hosts`` are the addresses of the databases, on PostgreSQL's default
    port. ``ports`` are the loopback ports of the load balancer's addresses (``ADDRESS:PORT``).
    """

    supervisor: Supervisor
    options: GcpOptions
    balancer: load_balancers.Balancer
    fronts: Fronts
    authority: trustme.CA = field(default_factory=trustme.CA)
    databases: dict[str, Server] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    instances: dict[str, list[Component]] = field(default_factory=dict)
    certificates: dict[tuple[str, ...], Certificate] = field(default_factory=dict)
    peering_holds: dict[str, tuple[str, float]] = field(default_factory=dict)
    backups: dict[tuple[str, int], str] = field(default_factory=dict)
    clones: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def python(self) -> Path:
        """The interpreter that runs LiteLLM."""
        return Path(self.options.python)

    def open_front(self, path: str, server: Server) -> None:
        """Give a database an address, because a stack knows only the address of its instance."""
        host, port = postgres.own_address()
        self.fronts.open(host, port, self.certificate(host), Upstream(server.host, server.port))
        self.hosts[path] = host

    def authority_pem(self) -> str:
        """The certificate of the emulator's certificate authority."""
        return str(self.authority.cert_pem.bytes(), "ascii")

    def certificate(self, *names: str) -> Certificate:
        """The certificate for host names, which the emulator's authority issues."""
        if names not in self.certificates:
            self.certificates[names] = issue_certificate(self.authority, *names)
        return self.certificates[names]


def addresses(cloud: Any, _place: Any, _request: Any) -> dict[str, str]:
    """The loopback address of each address and port of the load balancer."""
    return {key: f"127.0.0.1:{port}" for key, port in cloud.data_plane.ports.items()}


def authority(cloud: Any, _place: Any, _request: Any) -> dict[str, str]:
    """The certificate that verifies the certificates of the emulator."""
    return {"pem": cloud.data_plane.authority_pem()}


def tables(cloud: Any, _place: Any, _request: Any) -> dict[str, str]:
    """The number of tables in all databases."""
    return {"count": str(sum(map(postgres.tables, list(cloud.data_plane.databases.values()))))}


def restart(cloud: Any, place: Mapping[str, str], _request: Any) -> dict[str, int]:
    """Restart the stores of a kind; see ``daemon.restarted``."""
    return {"count": cloud.data_plane.supervisor.restart(PROGRAMS[place["kind"]])}
