"""Start the local Google Cloud and end it with its owner."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.harness import processes
from tests.harness.local.google.data_plane import Options

# All of its servers may use up their grace, one after the other.
_END_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Running:
    """A running local cloud: its URL, the folder of its servers, and its process's id."""

    url: str
    folder: Path
    pid: int


@contextlib.contextmanager
def serving(options: Options, log: Path) -> Iterator[Running]:
    """A local cloud with nothing in it. It goes with the block, and with this process.

    Raises:
        OwnedError: it did not start; the message ends with what it said.
    """
    command = ["tests.harness.local.google", json.dumps(asdict(options))]
    with processes.owned(command, log, _END_SECONDS) as (line, pid):
        said = json.loads(line)
        yield Running(said["url"], Path(said["folder"]), pid)
