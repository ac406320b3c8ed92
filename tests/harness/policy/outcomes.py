"""What the policy suite says of a check on a resource, and how the outcomes are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from typing import Any

from tests.harness.verdict import Verdict

LATE = "known only after apply"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check on a resource of a case planned with a release (``oldest`` or ``newest``).

    ``verdict`` is that of the resolved document; ``reason`` says why it is neither passed nor
    failed, and ``mend`` what ends a skip. ``plain_verdict`` is the verdict of the plan alone:
    ``unknown`` where the check reads what is known only after apply.
    """

    check: str
    name: str
    stack: str
    case: str
    release: str
    resource: str
    verdict: Verdict
    reason: str = ""
    plain_verdict: Verdict = "unknown"
    mend: str = ""

    @property
    def where(self) -> str:
        """The case, its release and the resource, for reports."""
        return f"{self.stack}-{self.case} ({self.release}) {self.resource}"

    def __str__(self) -> str:
        text = f"{self.check} {self.name}: {self.where}: {self.verdict}"
        return f"{text}: {self.reason}" if self.reason else text

    def skipped(self, reason: str, mend: str) -> Outcome:
        """The outcome, skipped."""
        return replace(self, verdict="skipped", reason=reason, mend=mend)


def packed(outcomes: Iterable[Outcome]) -> list[list[Any]]:
    """Outcomes as JSON, small: xdist's workers send tens of thousands of them."""
    return [list(astuple(outcome)) for outcome in outcomes]


def unpacked(rows: Iterable[Iterable[Any]]) -> list[Outcome]:
    """What :func:`packed` gave, as outcomes."""
    return [Outcome(*row) for row in rows]


def counted(outcomes: Iterable[Outcome]) -> Counter[tuple[str, str]]:
    """How many outcomes each cloud has of each verdict.

    ``late`` counts those that were decided as applied, for the plan alone does not tell.
    """
    found: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        found[outcome.stack, outcome.verdict] += 1
        if outcome.verdict != "unknown" and outcome.plain_verdict == "unknown":
            found[outcome.stack, "late"] += 1
    return found
