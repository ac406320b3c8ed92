"""Serve the Google Cloud emulator until standard input closes.

The kernel closes standard input also if the owner is killed.

``python -m tests.harness.emulators.gcp OPTIONS`` takes :class:`GcpOptions` as JSON, and prints a
URL. Without options it runs LiteLLM in the containers, and installs LiteLLM if it is missing.
"""

from __future__ import annotations

import json
import re
import sys
import threading

from werkzeug.serving import WSGIRequestHandler, make_server

from tests.harness.emulators.gcp import cli
from tests.harness.emulators.gcp.control_plane.engine import Cloud
from tests.harness.emulators.gcp.control_plane.http import application
from tests.harness.emulators.gcp.data_plane import DataPlane, addresses, authority, restart, tables
from tests.harness.emulators.gcp.services import (
    compute,
    dns,
    iam,
    logging,
    memorystore,
    networking,
    run,
    run_v1,
    secrets,
    service_usage,
    sql,
    storage,
)
from tests.harness.emulators.launch import GcpOptions
from tests.harness.emulators.parts import front, load_balancers
from tests.harness.litellm import release
from tests.harness.process import daemon, shims
from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import supervising

_MODULES = (
    *(compute, dns, iam, logging, memorystore, networking, run),
    *(run_v1, secrets, service_usage, sql, storage),
)
_LOCAL = (
    ("GET", "/local/addresses", addresses),
    ("GET", "/local/tables", tables),
    ("GET", "/local/authority", authority),
    ("POST", "/local/restart/(?P<kind>database|cache)", restart),
    ("POST", shims.PATH, lambda _cloud, _place, request: shims.answer(cli.run, request.json)),
)


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:
        """Write no access log."""


def main(options: GcpOptions) -> int:
    """Serve until standard input closes; returns the exit status."""
    daemon.begin()
    routes = [
        (method, re.compile(pattern), call)
        for method, pattern, call in (
            *_LOCAL,
            *(route for module in _MODULES for route in getattr(module, "ROUTES", ())),
        )
    ]
    hooks = {
        name: hook for module in _MODULES for name, hook in getattr(module, "HOOKS", {}).items()
    }
    port = free_port()
    cloud = Cloud(f"http://127.0.0.1:{port}", hooks)
    with front.running() as fronts, supervising() as supervisor:
        balancer = load_balancers.balancer(supervisor)
        cloud.data_plane = DataPlane(supervisor, options, balancer, fronts)
        server = make_server(
            "127.0.0.1", port, application(cloud, routes), threaded=True, request_handler=_Handler
        )
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        daemon.until_closed(cloud.url, supervisor.folder)
        server.shutdown()
    return 0


if __name__ == "__main__":
    values = json.loads(sys.argv[1]) if sys.argv[1:] else {"python": str(release.installed())}
    sys.exit(main(GcpOptions(**values)))
