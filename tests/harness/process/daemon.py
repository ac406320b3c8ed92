"""A local cloud in a process of its own, which ends with its owner, and what it tells of itself."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from tests.harness.process import child as processes

# All of its servers may use up their grace, one after the other.
_END_SECONDS = 120
_ASK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Running:
    """A running local cloud: its URL, the folder of its servers, and its process's id."""

    url: str
    folder: Path
    pid: int


@contextlib.contextmanager
def serving(module: str, options: Any, log: Path) -> Iterator[Running]:
    """A local cloud with nothing in it. It goes with the block, and with this process.

    Args:
        module: the package that serves it.
        options: a dataclass of what it takes.
        log: a file for its standard error.

    Raises:
        OwnedError: it did not start; the message ends with what it said.
    """
    command = [module, json.dumps(asdict(options))]
    with processes.owned(command, log, _END_SECONDS) as (line, pid):
        said = json.loads(line)
        yield Running(said["url"], Path(said["folder"]), pid)


def begin() -> None:
    """In the cloud's own process: leave its end to its owner, and what goes wrong to its log."""
    # Whoever sends these to the group, the owner decides when this process ends: by its pipe.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)


def until_closed(url: str, folder: Path) -> None:
    """In the cloud's own process: say where it serves, and wait for its owner to end it."""
    print(json.dumps({"url": url, "folder": str(folder)}), flush=True)
    sys.stdin.buffer.read()


def told(url: str, what: str) -> Mapping[str, str]:
    """What a local cloud tells: ``addresses`` of its load balancers, its ``authority``."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{url}/local/{what}", timeout=_ASK_SECONDS)
        answer.raise_for_status()
        held: dict[str, str] = answer.json()
        return held
