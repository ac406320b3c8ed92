"""Serve the local cloud until standard input closes, which the kernel does for a killed owner, too.

``python -m tests.harness.local.google`` prints the URL, as JSON. It takes :class:`Options` as JSON;
without them LiteLLM is installed, if it is not yet, and answers for its containers.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from tests.harness.local import components, litellm, load_balancers, owned
from tests.harness.local.google import (
    compute,
    iam,
    knative,
    memorystore,
    networking,
    run,
    secrets,
    sql,
    storage,
)
from tests.harness.local.google.data_plane import DataPlane, Options, addresses, authority
from tests.harness.local.google.engine import Cloud
from tests.harness.local.google.http import application
from tests.harness.local.ports import free_port
from tests.harness.local.supervisor import supervising

_MODULES = (compute, iam, knative, memorystore, networking, run, secrets, sql, storage)
_LOCAL = (
    ("GET", "/local/addresses", addresses),
    ("GET", "/local/authority", authority),
    ("GET", r"/v1/projects/(?P<project>[^/:]+)", iam.project),
)


class _Handler(WSGIRequestHandler):  # type: ignore[misc]
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing: a suite reads the answers."""


def main(options: Options) -> int:
    """Serve until standard input closes; gives the exit status."""
    owned.begin()
    routes = [
        (method, re.compile(pattern), call)
        for method, pattern, call in (
            *_LOCAL,
            *(route for module in _MODULES for route in getattr(module, "ROUTES", ())),
        )
    ]
    hooks = {
        name: held for module in _MODULES for name, held in getattr(module, "HOOKS", {}).items()
    }
    port = free_port()
    cloud = Cloud(f"http://127.0.0.1:{port}", hooks)
    with supervising() as supervisor:
        cloud.data_plane = DataPlane(supervisor, options, load_balancers.balancer(supervisor))
        server = make_server(
            "127.0.0.1", port, application(cloud, routes), threaded=True, request_handler=_Handler
        )
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        if options.python:
            components.prepare(Path(options.python))
        owned.until_closed(cloud.url, supervisor.folder)
        server.shutdown()
    return 0


if __name__ == "__main__":
    given = json.loads(sys.argv[1]) if sys.argv[1:] else {"python": str(litellm.installed())}
    sys.exit(main(Options(**given)))
