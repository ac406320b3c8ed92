"""Skips as data: which failures are accepted, where, why, and what would end the skip.

A file is YAML: ``skips``, and ``cases`` for lists that several of them share. A skip has ``check``,
``stack``, ``resource`` (a pattern of :mod:`fnmatch` over addresses, in which ``[`` stands for
itself), ``reason``, ``mend``, and ``cases`` where it is for some cases alone. A skip that nothing
needs is an error: the next reader would take it for a weakness that is there.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.harness.paths import POLICY_SKIPS
from tests.harness.policy.outcomes import Outcome
from tests.harness.stacks import STACKS

_KEYS = {"check", "stack", "resource", "reason", "mend"}


class SkipError(ValueError):
    """A file of skips does not read."""


@dataclass(frozen=True, slots=True)
class Skip:
    """One accepted failure. ``cases`` is empty for all of them."""

    check: str
    stack: str
    resource: str
    reason: str
    mend: str
    cases: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f" in {', '.join(self.cases)}" if self.cases else ""
        return f"{self.check} {self.stack} {self.resource}{where}"

    def fits(self, outcome: Outcome) -> bool:
        """Whether the skip is for what failed there."""
        pattern = self.resource.replace("[", "[[]")
        return (
            outcome.verdict in ("failed", "skipped")
            and (outcome.check, outcome.stack) == (self.check, self.stack)
            and (not self.cases or outcome.case in self.cases)
            and fnmatch.fnmatchcase(outcome.resource, pattern)
        )


def load(path: Path = POLICY_SKIPS) -> list[Skip]:
    """The skips of a file.

    Raises:
        SkipError: an entry lacks a key, has one too many, an empty text, or an unknown stack.
    """
    found = []
    for entry in (yaml.safe_load(path.read_text()) or {}).get("skips") or ():
        odd = (set(entry) ^ _KEYS) - {"cases"}
        if odd:
            raise SkipError(f"{path}: {entry}: has, or lacks, {', '.join(sorted(odd))}")
        empty = sorted(key for key in _KEYS if not str(entry[key] or "").strip())
        if empty:
            raise SkipError(f"{path}: {entry['check']}: {', '.join(empty)} must not be empty")
        if entry["stack"] not in STACKS:
            raise SkipError(
                f"{path}: {entry['check']}: stack {entry['stack']!r} is none of {', '.join(STACKS)}"
            )
        cases = tuple(entry.get("cases") or ())
        found.append(Skip(**{key: entry[key] for key in _KEYS}, cases=cases))
    return found


def skipped(outcomes: Iterable[Outcome], skips: Sequence[Skip]) -> list[Outcome]:
    """The outcomes, those that failed and have a skip with its reason."""
    found = []
    for outcome in outcomes:
        skip = next((s for s in skips if s.fits(outcome)), None)
        found.append(outcome.skipped(skip.reason, skip.mend) if skip else outcome)
    return found


def unused(skips: Sequence[Skip], outcomes: Iterable[Outcome]) -> list[Skip]:
    """The skips that nothing failed for, be it that it passed or that it is not there."""
    left = list(skips)
    for outcome in outcomes:
        left = [skip for skip in left if not skip.fits(outcome)]
    return left
