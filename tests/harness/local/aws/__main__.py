"""Serve the local AWS until standard input closes, which the kernel does for a killed owner, too.

``python -m tests.harness.local.aws OPTIONS`` takes :class:`Options` as JSON and prints a URL, which
tells of the cloud: ``/local/cloud`` (where it answers), ``/local/addresses`` (of load balancers),
``/local/authority`` (of its certificates), ``/local/problems``.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from tests.harness.local import components, redis
from tests.harness.local.aws import cloud, containers, reconciler
from tests.harness.local.aws.cloud import Cloud
from tests.harness.local.aws.owner import Options
from tests.harness.local.aws.reconciler import Hooks, Reconciler
from tests.harness.local.aws.stores import Cache
from tests.harness.local.aws.works import Work
from tests.harness.local.components import Component
from tests.harness.local.envoy import Certificate
from tests.harness.local.ports import free_port
from tests.harness.local.supervisor import Command, Supervisor, supervising
from tests.harness.stacks import ROOT

Telling = Mapping[str, Callable[[], Any]]


def _certificate(authority: trustme.CA, *names: str) -> Certificate:
    issued = authority.issue_cert(*names)
    chain = "".join(blob.bytes().decode() for blob in issued.cert_chain_pems)
    return Certificate(chain, issued.private_key_pem.bytes().decode())


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


def _stand_in(supervisor: Supervisor, work: Work) -> Component:
    log, port = supervisor.home(work.container) / "log", free_port()
    module = "tests.harness.local.stand_in"
    arguments = [sys.executable, "-m", module, str(port), work.container]
    if work.image.endswith(f":{components.BROKEN_TAG}"):
        arguments = [sys.executable, "-c", "import time; time.sleep(3600)"]
    pid = supervisor.start(Command(arguments, str(log), {"PYTHONPATH": str(ROOT)}))
    return Component(pid, port, log)


def _hooks(supervisor: Supervisor, options: Options, authority: trustme.CA) -> Hooks:
    local = _certificate(authority, "127.0.0.1", "localhost")
    file = supervisor.folder / "authority.pem"
    file.write_bytes(authority.cert_pem.bytes())

    def cache(_: str) -> Cache:
        return redis.with_tls(supervisor, redis.start(supervisor), local)

    # As ElastiCache's certificates are of an authority that every system knows.
    extra = {"SSL_CERT_FILE": str(file)}
    made = containers.hooks(supervisor, Path(options.python), cache, extra)
    if options.python:
        threading.Thread(
            target=components.prepare, args=[Path(options.python)], daemon=True
        ).start()
        return made
    return Hooks(lambda work: _stand_in(supervisor, work), made.run, cache)


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


def main(options: Options) -> int:
    """Serve until standard input closes; gives the exit status."""
    # Whoever sends these to the group, the owner decides when this process ends: by its pipe.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    authority = trustme.CA()
    with supervising() as supervisor:
        aws = cloud.start(supervisor)
        hooks = _hooks(supervisor, options, authority)
        certificate = _certificate(authority, options.domain)
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
            print(json.dumps({"url": url, "folder": str(supervisor.folder)}), flush=True)
            sys.stdin.buffer.read()
            server.shutdown()
            server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Options(**json.loads(sys.argv[1]))))
