"""Contracts: claims in clauses, and the outcomes of their checks on a planned stack.

A check reads one planned stack and yields an :class:`Outcome` for each place it looks at. It
neither asserts nor plans. A value known only after apply gives the verdict ``unknown``, so that an
unchecked value never passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.offline.catalogue import schema
from tests.harness.offline.protocol.schema import ProviderSchema
from tests.harness.plan.view import UNKNOWN, Plan
from tests.harness.stacks import Stack
from tests.harness.terraform.planning import Session
from tests.harness.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict of a clause at one place; ``message`` explains a verdict other than passed."""

    clause: str
    where: str
    verdict: Verdict
    message: str = ""

    def __str__(self) -> str:
        return f"{self.clause}: {self.where}: {self.message or self.verdict}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A planned stack to check: its inputs, its module and its plan.

    ``releases`` are the offline provider releases by provider. ``resolved`` tells whether the plan
    is a resolved plan, in which a check may find no unknown value.
    """

    stack: Stack
    inputs: Mapping[str, Any]
    plan: Plan
    module: Path
    releases: Mapping[str, str]
    resolved: bool

    def value(self, name: str, default: Any = None) -> Any:
        """The value of an input; ``default`` if it is omitted or null."""
        value = self.inputs.get(name)
        return default if value is None else value

    @property
    def schema(self) -> ProviderSchema:
        """The schemas of the provider release that made the plan."""
        return schema(self.stack.provider, self.releases[self.stack.provider])


Check = Callable[[Subject], Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class Contract:
    """A claim about every valid stack. ``clauses`` maps the key of each clause to its sentence."""

    name: str
    claim: str
    clauses: Mapping[str, str]
    check: Check

    def outcomes(self, subject: Subject) -> tuple[Outcome, ...]:
        """The outcomes of the check on a subject.

        Raises:
            LookupError: the check yields a clause that the contract does not have.
        """
        outcomes = tuple(self.check(subject))
        unexpected = {outcome.clause for outcome in outcomes} - set(self.clauses)
        if unexpected:
            raise LookupError(f"contract {self.name} has no clause {', '.join(sorted(unexpected))}")
        return outcomes


def subject(
    session: Session,
    stack: Stack,
    inputs: Mapping[str, Any],
    plan: Plan,
    module: Path | None = None,
) -> Subject:
    """The subject of the plan that a session made from inputs."""
    return Subject(
        stack=stack,
        inputs=inputs,
        plan=plan,
        module=module or session.source.get(stack.name, stack.folder),
        releases=session.choice.offline,
        resolved=session.choice.resolved,
    )


def judged(
    clause: str, where: str, value: Any, right: bool | Callable[[], bool], message: str
) -> Outcome:
    """The outcome for ``value``: ``unknown`` if it is unknown, else by ``right``.

    ``right`` is a function if it cannot be computed for an unknown value.
    """
    if value is UNKNOWN:
        return Outcome(clause, where, "unknown", "known only after apply")
    if right() if callable(right) else right:
        return Outcome(clause, where, "passed")
    return Outcome(clause, where, "failed", message)


def equal(clause: str, where: str, value: Any, expected: Any) -> Outcome:
    """The outcome of comparing ``value`` with ``expected``."""
    return judged(
        clause, where, value, lambda: bool(value == expected), f"{value!r}, not {expected!r}"
    )


def counted(outcomes: Iterable[Outcome]) -> Counter[tuple[str, Verdict]]:
    """The number of outcomes by clause and verdict."""
    return Counter((outcome.clause, outcome.verdict) for outcome in outcomes)
