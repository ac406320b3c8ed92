"""The command ``uvicorn`` of a container: starts the application that replaces the planned one.

``python uvicorn_command.py PLANNED REPLACEMENT PORT ARGUMENTS...``: the arguments are those of the
container. Only the application, the address and the port change.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path


def replaced(words: list[str]) -> list[str]:
    """The arguments of uvicorn on this machine, from those of this program."""
    planned, replacement, port, *arguments = words
    if arguments[:1] != [planned]:
        sys.exit(f"uvicorn serves {planned} in this image; got {arguments}")
    changed = {"--host": "127.0.0.1", "--port": port}
    rest = [changed.get(before, argument) for before, argument in pairwise(arguments)]
    return ["--app-dir", str(Path(__file__).parent), replacement, *rest]


if __name__ == "__main__":
    from uvicorn.main import main

    main(replaced(sys.argv[1:]), prog_name="uvicorn")
