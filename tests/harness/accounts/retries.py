"""Retries of Terraform for transient errors, by the table ``tests/data/transient-errors.yaml``.

An entry has ``name``, ``cloud`` (or ``any``), ``phases``, ``pattern``, ``attempts`` (the most
retries of a phase for it) and ``source``. An error that no entry matches is not retried. An error
of the table ``never`` is not retried, whatever else the output says.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from tests.harness import documents
from tests.harness.lifecycle.run import LifecycleError
from tests.harness.paths import TRANSIENT_ERRORS

T = TypeVar("T")
# Throttled APIs recover within this time.
PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Transient:
    """A transient error: where it occurs, how its output reads, and how often it is retried."""

    name: str
    cloud: str
    phases: tuple[str, ...]
    pattern: re.Pattern[str]
    attempts: int


@cache
def table() -> tuple[tuple[Transient, ...], tuple[re.Pattern[str], ...]]:
    """The transient errors, and the patterns of errors that are never retried."""
    document = documents.read(TRANSIENT_ERRORS)
    return (
        tuple(
            Transient(
                entry["name"],
                entry["cloud"],
                tuple(entry["phases"]),
                _pattern(entry["pattern"]),
                entry["attempts"],
            )
            for entry in document["transient"]
        ),
        tuple(_pattern(entry["pattern"]) for entry in document["never"]),
    )


def _pattern(text: str) -> re.Pattern[str]:
    # Terraform wraps its lines.
    return re.compile(r"\s+".join(text.split(" ")), re.IGNORECASE | re.DOTALL)


def transient(cloud: str, phase: str, output: str) -> Transient | None:
    """The entry for an output of Terraform; None if it must not be retried."""
    text = re.sub(r"[│╷╵|]", " ", output)
    entries, never = table()
    if any(pattern.search(text) for pattern in never):
        return None
    for entry in entries:
        if entry.cloud in (cloud, "any") and phase in entry.phases and entry.pattern.search(text):
            return entry
    return None


@dataclass(slots=True)
class Retries:
    """The retries of a run. ``counts`` has the number by phase and name of the error."""

    cloud: str
    pause_seconds: float = PAUSE_SECONDS
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def run(self, phase: str, work: Callable[[], T]) -> T:
        """Run a phase, and run it again after a transient error, as often as the table says.

        Raises:
            LifecycleError: the error of the last attempt.
        """
        seen: Counter[str] = Counter()
        while True:
            try:
                return work()
            except LifecycleError as error:
                entry = transient(self.cloud, phase, error.output)
                if entry is None or seen[entry.name] >= entry.attempts:
                    raise
                seen[entry.name] += 1
                self.counts[phase, entry.name] += 1
                time.sleep(self.pause_seconds * seen[entry.name])

    def lines(self) -> list[str]:
        """A line for each retried error."""
        return [
            f"{self.cloud} {phase}: {name}: retried {count} times"
            for (phase, name), count in sorted(self.counts.items())
        ]
