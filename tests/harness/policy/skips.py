"""Load skips: accepted failures, each with a reason and a remediation.

A file is YAML with ``skips``, and with ``cases`` for lists that several skips share. A skip has
``check``, ``stack``, ``resource``, ``reason`` and ``remediation``. ``resource`` is a pattern of
:mod:`fnmatch` for addresses, in which ``[`` is a literal character. A skip for some cases only also
has ``cases``. An unused skip is an error, because it would document a weakness that does not exist.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness import documents
from tests.harness.paths import POLICY_SKIPS
from tests.harness.policy.outcomes import Outcome
from tests.harness.stacks import STACKS

_KEYS = {"check", "stack", "resource", "reason", "remediation"}


class SkipError(ValueError):
    """A file of skips is invalid."""


@dataclass(frozen=True, slots=True)
class Skip:
    """An accepted failure. If ``cases`` is empty, the skip applies to all cases."""

    check: str
    stack: str
    resource: str
    reason: str
    remediation: str
    cases: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f" in {', '.join(self.cases)}" if self.cases else ""
        return f"{self.check} {self.stack} {self.resource}{where}"

    def fits(self, outcome: Outcome) -> bool:
        """Whether the skip applies to an outcome."""
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
        SkipError: an entry has an unknown key, an empty text or an unknown stack, or lacks a key.
    """
    skips = []
    for entry in (documents.read(path) or {}).get("skips") or ():
        different_keys = (set(entry) ^ _KEYS) - {"cases"}
        if different_keys:
            raise SkipError(
                f"{path}: {entry}: unknown or missing keys: {', '.join(sorted(different_keys))}; "
                f"use {', '.join(sorted(_KEYS))}, and cases"
            )
        empty = sorted(key for key in _KEYS if not str(entry[key] or "").strip())
        if empty:
            raise SkipError(
                f"{path}: {entry['check']}: {', '.join(empty)} must not be empty; add a text"
            )
        if entry["stack"] not in STACKS:
            raise SkipError(
                f"{path}: {entry['check']}: unknown stack {entry['stack']!r}; use one of "
                f"{', '.join(STACKS)}"
            )
        cases = tuple(entry.get("cases") or ())
        skips.append(Skip(**{key: entry[key] for key in _KEYS}, cases=cases))
    return skips


def apply(outcomes: Iterable[Outcome], skips: Sequence[Skip]) -> list[Outcome]:
    """The outcomes, in which a failure with a skip is skipped."""
    results = []
    for outcome in outcomes:
        skip = next((s for s in skips if s.fits(outcome)), None)
        results.append(outcome.skipped(skip.reason, skip.remediation) if skip else outcome)
    return results


def unused(skips: Sequence[Skip], outcomes: Iterable[Outcome]) -> list[Skip]:
    """The skips that apply to no outcome."""
    remaining = list(skips)
    for outcome in outcomes:
        remaining = [skip for skip in remaining if not skip.fits(outcome)]
    return remaining
