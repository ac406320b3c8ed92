"""The outcome of a policy check on a resource, and counts of outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from typing import Any

from tests.harness.verdict import Verdict

LATE = "known only after apply"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a check on a resource.

    Attributes:
        check: the id of the check.
        name: the name of the check.
        stack: the stack of the case.
        case: the name of the case.
        release: ``oldest`` or ``newest``, the provider releases of the plan.
        resource: the address of the resource.
        verdict: the verdict on the resolved document.
        reason: why the verdict is ``unknown`` or ``skipped``.
        plain_verdict: the verdict on the plain plan. It is ``unknown`` if the check reads a value
            known only after apply.
        remediation: what makes a skip unnecessary.
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
    remediation: str = ""

    @property
    def where(self) -> str:
        """The case, the release and the resource, for reports."""
        return f"{self.stack}-{self.case} ({self.release}) {self.resource}"

    def __str__(self) -> str:
        text = f"{self.check} {self.name}: {self.where}: {self.verdict}"
        return f"{text}: {self.reason}" if self.reason else text

    def skipped(self, reason: str, remediation: str) -> Outcome:
        """The outcome with the verdict ``skipped``."""
        return replace(self, verdict="skipped", reason=reason, remediation=remediation)


def pack(outcomes: Iterable[Outcome]) -> list[list[Any]]:
    """Outcomes as JSON lists. The workers of xdist send tens of thousands of them."""
    return [list(astuple(outcome)) for outcome in outcomes]


def unpack(rows: Iterable[Iterable[Any]]) -> list[Outcome]:
    """The outcomes that :func:`pack` converted to lists."""
    return [Outcome(*row) for row in rows]


def count(outcomes: Iterable[Outcome]) -> Counter[tuple[str, str]]:
    """The number of outcomes by stack and verdict.

    The key ``late`` counts the outcomes that only the resolved plan decides.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        counts[outcome.stack, outcome.verdict] += 1
        if outcome.verdict != "unknown" and outcome.plain_verdict == "unknown":
            counts[outcome.stack, "late"] += 1
    return counts
