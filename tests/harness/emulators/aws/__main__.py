"""Serve the AWS emulator until standard input closes. The kernel closes it for a killed owner.

``python -m tests.harness.emulators.aws OPTIONS`` takes :class:`AwsOptions` as JSON, and prints a
URL. The URL serves ``/local/cloud`` (the endpoint), ``/local/addresses`` (of load balancers),
``/local/authority`` (of the certificates) and ``/local/problems``. A POST to
``/local/restart/database`` or ``/local/restart/cache`` restarts stores.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from tests.harness.emulators.aws import cli, cloud
from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.data_plane import reconciler, runners
from tests.harness.emulators.aws.data_plane.reconciler import Hooks, Reconciler
from tests.harness.emulators.aws.data_plane.sign_in import SignIn
from tests.harness.emulators.aws.data_plane.stores import Cache
from tests.harness.emulators.aws.data_plane.tasks import Work
from tests.harness.emulators.launch import AwsOptions
from tests.harness.emulators.parts import PROGRAMS, front, postgres, redis
from tests.harness.emulators.parts.envoy import issue_certificate
from tests.harness.emulators.parts.front import Fronts
from tests.harness.litellm import containers
from tests.harness.litellm.containers import Component
from tests.harness.process import daemon, shims
from tests.harness.process.supervisor import Supervisor, supervising

Documents = Mapping[str, Callable[[], Any]]


def _addresses(data_plane: Reconciler) -> dict[str, str]:
    """The loopback address of each listener, by ``DNSNAME:PORT`` of its load balancer."""
    return {
        f"{proxy.host}:{port}": f"127.0.0.1:{served}"
        for proxy in list(data_plane.balancers.proxies.values())
        for port, served in list(proxy.ports.items())
    }


def _tables(data_plane: Reconciler) -> int:
    """The number of tables in all databases."""
    databases = list(data_plane.stores.databases.values())
    return sum(postgres.tables(store.future.result().server) for store in databases)


def _hooks(
    supervisor: Supervisor, options: AwsOptions, authority: trustme.CA, aws: Cloud, fronts: Fronts
) -> Hooks:
    local = issue_certificate(authority, "127.0.0.1", "localhost")
    file = supervisor.folder / "authority.pem"
    file.write_bytes(authority.cert_pem.bytes())

    def cache(_: str) -> Cache:
        return redis.with_tls(supervisor, redis.start(supervisor), local)

    sign_in = SignIn(aws)
    # Every system knows the authority of ElastiCache's certificates; this sets the emulator's. A
    # task finds S3 by itself.
    extra = {"SSL_CERT_FILE": str(file), "AWS_ENDPOINT_URL_S3": aws.url}
    hooks = runners.hooks(
        supervisor,
        Path(options.python),
        cache,
        extra,
        sign_in.credentials,
        partial(sign_in.open, fronts, local),
    )
    if options.python:
        return hooks

    def start(work: Work) -> Component:
        return containers.stand_in(supervisor, work.image, work.container)

    return replace(hooks, start=start)


def _server(documents: Documents, supervisor: Supervisor) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        """Serves the documents of the emulator."""

        def do_GET(self) -> None:
            """Answer with the document of the path."""
            document = documents.get(self.path)
            self._answer(document() if document else None)

        def do_POST(self) -> None:
            """Run a command, or restart the stores of a kind; see ``daemon.restarted``."""
            if self.path == shims.PATH:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(shims.answer(cli.run, body))
                return
            program = PROGRAMS.get(self.path.removeprefix("/local/restart/"))
            self._answer({"count": supervisor.restart(program)} if program else None)

        def _answer(self, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(200 if document is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Write no access log."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def main(options: AwsOptions) -> int:
    """Serve until standard input closes; returns the exit status."""
    daemon.begin()
    authority = trustme.CA()
    with front.running() as fronts, supervising() as supervisor:
        aws = cloud.start(supervisor)
        hooks = _hooks(supervisor, options, authority, aws, fronts)
        certificate = issue_certificate(authority, options.domain)
        with reconciler.reconciling(
            aws, supervisor, hooks, certificate, options.unhealthy_seconds
        ) as data_plane:
            server = _server(
                {
                    "/local/cloud": lambda: {"url": aws.url, "region": aws.region},
                    "/local/addresses": lambda: _addresses(data_plane),
                    "/local/authority": lambda: {"pem": authority.cert_pem.bytes().decode()},
                    "/local/problems": lambda: data_plane.problems,
                    "/local/tables": lambda: {"count": str(_tables(data_plane))},
                },
                supervisor,
            )
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            daemon.until_closed(url, supervisor.folder)
            server.shutdown()
            server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main(AwsOptions(**json.loads(sys.argv[1]))))
