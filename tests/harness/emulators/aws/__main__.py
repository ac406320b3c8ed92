"""Serve the AWS emulator until standard input closes. The kernel closes it for a killed owner.

``python -m tests.harness.emulators.aws OPTIONS`` takes :class:`AwsOptions` as JSON, prints a URL.
The URL serves ``/local/cloud`` (the endpoint), ``/local/addresses`` (of load balancers),
``/local/authority`` (of the certificates) and ``/local/problems``.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from tests.harness.emulators.aws import cloud
from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.data_plane import reconciler, runners
from tests.harness.emulators.aws.data_plane.reconciler import Hooks, Reconciler
from tests.harness.emulators.aws.data_plane.stores import Cache
from tests.harness.emulators.aws.data_plane.tasks import Work
from tests.harness.emulators.launch import AwsOptions
from tests.harness.emulators.parts import redis
from tests.harness.emulators.parts.envoy import issued
from tests.harness.litellm import containers
from tests.harness.litellm.containers import Component
from tests.harness.process import daemon
from tests.harness.process.supervisor import Supervisor, supervising

Telling = Mapping[str, Callable[[], Any]]


def _addresses(aws: Cloud, following: Reconciler) -> dict[str, str]:
    """Where on loopback each listener is served, by the load balancer's name and its port."""
    asked = aws.client("elbv2").describe_load_balancers()["LoadBalancers"]
    names = {one["LoadBalancerName"]: one["DNSName"] for one in asked}
    return {
        f"{names[name]}:{port}": f"127.0.0.1:{served}"
        for name, proxy in list(following.balancers.proxies.items())
        for port, served in list(proxy.ports.items())
        if name in names
    }


def _hooks(supervisor: Supervisor, options: AwsOptions, authority: trustme.CA) -> Hooks:
    local = issued(authority, "127.0.0.1", "localhost")
    file = supervisor.folder / "authority.pem"
    file.write_bytes(authority.cert_pem.bytes())

    def cache(_: str) -> Cache:
        return redis.with_tls(supervisor, redis.start(supervisor), local)

    # As ElastiCache's certificates are of an authority that every system knows.
    extra = {"SSL_CERT_FILE": str(file)}
    made = runners.hooks(supervisor, Path(options.python), cache, extra)
    if options.python:
        return made

    def start(work: Work) -> Component:
        return containers.stand_in(supervisor, work.image, work.container)

    return Hooks(start, made.run, cache)


def _server(telling: Telling) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        """Tells what it is asked for."""

        def do_GET(self) -> None:
            """Answer with a document."""
            tell = telling.get(self.path)
            body = json.dumps(tell() if tell else None).encode()
            self.send_response(200 if tell else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a suite reads the answers."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def main(options: AwsOptions) -> int:
    """Serve until standard input closes; gives the exit status."""
    daemon.begin()
    authority = trustme.CA()
    with supervising() as supervisor:
        aws = cloud.start(supervisor)
        hooks = _hooks(supervisor, options, authority)
        certificate = issued(authority, options.domain)
        with reconciler.following(aws, supervisor, hooks, certificate) as following:
            server = _server(
                {
                    "/local/cloud": lambda: {"url": aws.url, "region": aws.region},
                    "/local/addresses": lambda: _addresses(aws, following),
                    "/local/authority": lambda: {"pem": authority.cert_pem.bytes().decode()},
                    "/local/problems": lambda: following.problems,
                }
            )
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            daemon.until_closed(url, supervisor.folder)
            server.shutdown()
            server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main(AwsOptions(**json.loads(sys.argv[1]))))
