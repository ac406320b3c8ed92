"""Send a command to the emulator at a URL and print its answer: ``shim.py URL ARGUMENTS...``.

It runs without the packages of the suite, and imports little: a script calls it in a loop.
"""

from __future__ import annotations

import http.client
import json
import os
import sys

# The variables that select an endpoint, an account or a region.
_PREFIXES = ("AWS_", "CLOUDSDK_")


def main(url: str, arguments: list[str]) -> int:
    """Run a command in the emulator; returns the exit status."""
    host, path = url.removeprefix("http://").split("/", 1)
    environment = {key: value for key, value in os.environ.items() if key.startswith(_PREFIXES)}
    body = json.dumps({"arguments": arguments, "environment": environment})
    connection = http.client.HTTPConnection(host)
    connection.request("POST", f"/{path}", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    if response.status != http.HTTPStatus.OK:
        print(f"the emulator answered {response.status}: {text.decode()}", file=sys.stderr)
        return 1
    answer = json.loads(text)
    sys.stdout.write(answer["output"])
    sys.stderr.write(answer["error"])
    return int(answer["status"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
