"""An emulator in a process of its own, which ends with its owner."""

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

from tests.harness.process import child

# Each of its servers may use its whole grace period, one after another.
_END_SECONDS = 120
_CALL_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Running:
    """A running emulator: its URL, the folder of its servers, and its process id."""

    url: str
    folder: Path
    pid: int


@contextlib.contextmanager
def serving(module: str, options: Any, log: Path) -> Iterator[Running]:
    """Start an emulator without resources. It ends with the block, and with this process.

    Args:
        module: the package of the emulator.
        options: its options, a dataclass.
        log: a file for its standard error.

    Raises:
        OwnedError: it did not start; the message ends with its output.
    """
    command = [module, json.dumps(asdict(options))]
    with child.owned(command, log, _END_SECONDS) as (line, pid):
        announced = json.loads(line)
        yield Running(announced["url"], Path(announced["folder"]), pid)


def begin() -> None:
    """In the emulator's process: ignore interrupts, and log warnings to standard error."""
    # A terminal sends these to the whole group. The owner ends this process by its pipe.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)


def until_closed(url: str, folder: Path) -> None:
    """In the emulator's process: print where it serves, and wait for the end of the input."""
    print(json.dumps({"url": url, "folder": str(folder)}), flush=True)
    sys.stdin.buffer.read()


def restarted(url: str, kind: str) -> int:
    """Have an emulator restart its stores: ``database`` or ``cache``; returns their number."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{url}/local/restart/{kind}", timeout=_CALL_SECONDS)
        answer.raise_for_status()
        return int(answer.json()["count"])


def observed(url: str, name: str) -> Mapping[str, str]:
    """What an emulator reports: ``addresses`` of its load balancers, its ``authority``."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{url}/local/{name}", timeout=_CALL_SECONDS)
        answer.raise_for_status()
        document: dict[str, str] = answer.json()
        return document
