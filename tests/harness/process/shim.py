"""Send a command to the emulator at a URL and print its answer: ``shim.py URL ARGUMENTS...``.

It runs without the packages of the suite, and imports little: a script calls it in a loop.
``http.client`` would nearly double the time to start.
"""

from __future__ import annotations

import json
import os
import socket
import sys

# The variables that select an endpoint, an account or a region.
_PREFIXES = ("AWS_", "CLOUDSDK_")


def main(url: str, arguments: list[str]) -> int:
    """Run a command in the emulator; returns the exit status."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.rpartition(":")
    environment = {key: value for key, value in os.environ.items() if key.startswith(_PREFIXES)}
    body = json.dumps({"arguments": arguments, "environment": environment}).encode()
    head = f"POST /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((name, int(port))) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        with connection.makefile("rb") as file:
            # After an answer to HTTP/1.0 the server closes the connection.
            received, _, text = file.read().partition(b"\r\n\r\n")
    status = received.split(b" ", 2)[1:2]
    if status != [b"200"]:
        print(f"the emulator answered {received.decode()!r}: {text.decode()}", file=sys.stderr)
        return 1
    answer = json.loads(text)
    sys.stdout.write(answer["output"])
    sys.stderr.write(answer["error"])
    return int(answer["status"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
