"""A plugin that passes every call to a real plugin and writes both sides down.

Terraform starts it as it starts a plugin. The handshake is that of go-plugin: one line with the
protocol and the address. If Terraform sends a certificate (PLUGIN_CLIENT_CERT), the connection has
TLS, and the line ends with the certificate of this side.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import uuid
from concurrent import futures
from pathlib import Path
from typing import IO, Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.harness.process import child

# The version of the handshake, of the plugin protocol, the network and the address.
_HANDSHAKE = re.compile(r"^(\d+)\|(5)\|(unix|tcp)\|([^|]+)\|grpc")
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_CLIENT_CERTIFICATE = "PLUGIN_CLIENT_CERT"
_SHUTDOWN = "Controller/Shutdown"
RECORDED = (
    "PrepareProviderConfig",
    "Configure",
    "ValidateResourceTypeConfig",
    "ValidateDataSourceConfig",
    "PlanResourceChange",
    "ReadDataSource",
)
"""The calls that a recording holds."""


def _certificate() -> tuple[bytes, bytes, bytes]:
    """A key, its certificate in PEM, and the same certificate in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        # Terraform takes the certificate for the authority that signed it.
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding
    private = key.private_bytes(
        encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(encoding.PEM), certificate.public_bytes(encoding.DER)


class _Pass(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Pass each call on, and write the recorded ones down."""

    def __init__(self, channel: Any, log: IO[str]) -> None:
        self._channel = channel
        self._log = log
        self._lock = threading.Lock()
        self._configured: str | None = None
        self.ended = threading.Event()

    def service(self, details: Any) -> Any:
        """The handler of a call. The streams of go-plugin are not served, which it tolerates."""
        path = details.method
        if "GRPCStdio" in path or "GRPCBroker" in path:
            return None
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._passed(path, request, context)
        )

    def _passed(self, path: str, request: bytes, context: Any) -> bytes:
        try:
            response: bytes = self._channel.unary_unary(path)(request)
        except grpc.RpcError as error:
            if not path.endswith(_SHUTDOWN):
                context.abort(error.code(), error.details())
            response = b""
        self._write(path.rsplit("/", 1)[1], request, response)
        if path.endswith(_SHUTDOWN):
            self.ended.set()
        return response

    def _write(self, method: str, request: bytes, response: bytes) -> None:
        if method not in RECORDED:
            return
        row = {
            "method": method,
            "request": base64.b64encode(request).decode(),
            "response": base64.b64encode(response).decode(),
        }
        with self._lock:
            if method == "Configure":
                self._configured = row["request"]
            # Terraform starts a process for each provider block.
            self._log.write(json.dumps({**row, "configured": self._configured}) + "\n")


def _start(real: Path) -> tuple[subprocess.Popen[str], str]:
    environment = {k: v for k, v in os.environ.items() if k != _CLIENT_CERTIFICATE}
    process = subprocess.Popen(
        [str(real)],
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
        env=environment,
        preexec_fn=child.die_with_parent,
    )
    line = process.stdout.readline() if process.stdout else ""
    match = _HANDSHAKE.match(line)
    if match is None:
        process.kill()
        raise SystemExit(f"{real} does not speak plugin protocol 5; it said {line!r}")
    return process, f"unix:{match[4]}" if match[3] == "unix" else match[4]


def run(real: Path, folder: Path) -> None:
    """Serve Terraform until it shuts the plugin down or the plugin ends.

    Args:
        real: the executable of the real plugin.
        folder: where this process writes its calls, in a file of its own.
    """
    process, address = _start(real)
    try:
        with (
            (folder / f"{uuid.uuid4().hex}.jsonl").open("w") as log,
            grpc.insecure_channel(address, options=_UNLIMITED) as channel,
            tempfile.TemporaryDirectory(prefix="record-") as sockets,
        ):
            calls = _Pass(channel, log)
            server = grpc.server(futures.ThreadPoolExecutor(16), options=_UNLIMITED)
            server.add_generic_rpc_handlers((calls,))
            socket, sent = f"{sockets}/plugin", ""
            if _CLIENT_CERTIFICATE in os.environ:
                # gRPC cannot verify Terraform's certificate, which has a key on the curve P-521.
                # The socket is in a folder that no other user can enter.
                key, pem, der = _certificate()
                credentials = grpc.ssl_server_credentials([(key, pem)])
                server.add_secure_port(f"unix:{socket}", credentials)
                sent = "|" + base64.b64encode(der).decode().rstrip("=")
            else:
                server.add_insecure_port(f"unix:{socket}")
            server.start()
            print(f"1|5|unix|{socket}|grpc{sent}", flush=True)
            while not calls.ended.wait(0.2) and process.poll() is None:
                continue
            server.stop(1).wait()
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
