"""Serve provider releases until the owner or a command ends.

``python -m tests.harness.offline aws=5.100.0 random=3.9.0`` prints the JSON for
TF_REATTACH_PROVIDERS. It serves until its standard input closes; the kernel closes it for a killed
owner too. With ``-- command ...`` it serves until that command ends, and returns its exit status.
With ``--resolved`` it returns resolved plans. With ``--live`` an apply calls the endpoints of the
provider block.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys

from tests.harness.offline.catalogue import load
from tests.harness.offline.protocol.launch import LIVE, RESOLVED
from tests.harness.offline.protocol.server import Provider, serve


async def _start(arguments: list[str]) -> tuple[list[object], str]:
    servers: list[object] = []
    reattach = {}
    resolved, live = RESOLVED in arguments, LIVE in arguments
    for release in arguments:
        if release in (RESOLVED, LIVE):
            continue
        name, version = release.split("=")
        provider = Provider(*load(name, version), resolved=resolved, live=live)
        server, port = await serve(provider)
        servers.append(server)
        # Without a host, Terraform and OpenTofu complete the address with their own registry.
        reattach[provider.schema.source.partition("/")[2]] = {
            "Protocol": "grpc",
            "ProtocolVersion": 5,
            "Pid": os.getpid(),
            "Test": True,
            "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
        }
    return servers, json.dumps(reattach)


async def _run(arguments: list[str]) -> int:
    separator = arguments.index("--") if "--" in arguments else len(arguments)
    # A server stops when it is collected: this reference keeps the servers until the loop ends.
    _servers, reattach = await _start(arguments[:separator])
    command = arguments[separator + 1 :]
    if command:
        environment = {**os.environ, "TF_REATTACH_PROVIDERS": reattach}
        process = await asyncio.create_subprocess_exec(*command, env=environment)
        return await process.wait()
    # Ctrl-C reaches the whole process group. The owner decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(reattach, flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    return 0


def main(arguments: list[str]) -> int:
    """Serve the providers ``name=version``; returns the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    return asyncio.run(_run(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
