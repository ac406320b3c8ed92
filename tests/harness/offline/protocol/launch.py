"""Start the offline providers and end them with their owner."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.harness.process import child

_END_SECONDS = 10
# The argument that makes the server return resolved plans.
RESOLVED = "--resolved"
# The argument that makes an apply call the endpoints of the provider block.
LIVE = "--live"


@contextlib.contextmanager
def serving(
    releases: Mapping[str, str], log: Path, *, resolved: bool = False, live: bool = False
) -> Iterator[dict[str, object]]:
    """Serve ``releases`` (provider name to version); yields the value of TF_REATTACH_PROVIDERS.

    The server reads a pipe that this process holds open. It ends with the block, and also if this
    process is killed.

    Args:
        releases: the version of each provider; ``data`` must have its schema file.
        log: the file for the server's standard error.
        resolved: return resolved plans.
        live: apply through the endpoints of the provider block.

    Raises:
        OwnedError: the server did not start; the message ends with its output.
    """
    command = ["tests.harness.offline"]
    command += [f"{name}={version}" for name, version in releases.items()]
    command += [RESOLVED] if resolved else []
    command += [LIVE] if live else []
    with child.owned(command, log, _END_SECONDS) as (line, _):
        yield json.loads(line)
