"""Start the offline providers and end them with their owner."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.harness.process import child

_END_SECONDS = 10
# The argument that makes the server plan what an apply would make known.
RESOLVED = "--resolved"
# The argument that makes an apply change what the provider blocks' endpoints serve.
LIVE = "--live"


@contextlib.contextmanager
def serving(
    releases: Mapping[str, str], log: Path, *, resolved: bool = False, live: bool = False
) -> Iterator[dict[str, object]]:
    """Serve ``releases`` (provider name to version); gives what TF_REATTACH_PROVIDERS holds.

    The server lives on this process's end of a pipe: it goes when the block ends and also when the
    process is killed.

    Args:
        releases: which provider at which version, from the schema files in ``data``.
        log: a file for the server's standard error.
        resolved: plan what an apply would make known, in place of unknown values.
        live: apply to what the provider blocks' endpoints serve.

    Raises:
        OwnedError: it did not start; the message ends with what it said.
    """
    command = ["tests.harness.offline"]
    command += [f"{name}={version}" for name, version in releases.items()]
    command += [RESOLVED] if resolved else []
    command += [LIVE] if live else []
    with child.owned(command, log, _END_SECONDS) as (line, _):
        yield json.loads(line)
