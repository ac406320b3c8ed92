"""What a contract is: clauses in words, and what a check says of each on a planned stack.

A check looks at one planned stack and yields an :class:`Outcome` for everything it looked at. It
neither asserts nor plans. A value known only after apply is a third outcome beside held and broken,
so that what nobody saw is never taken for right.
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
    """What a check says of one thing: which clause, where, and for what is not held, why."""

    clause: str
    where: str
    verdict: Verdict
    said: str = ""

    def __str__(self) -> str:
        return f"{self.clause}: {self.where}: {self.said or self.verdict}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A planned stack to check: what it was planned from, and the plan.

    ``releases`` are the offline provider releases by provider. ``resolved``: the plan holds what an
    apply would make known, so that nothing a check reads may be unknown.
    """

    stack: Stack
    inputs: Mapping[str, Any]
    plan: Plan
    module: Path
    releases: Mapping[str, str]
    resolved: bool

    def value(self, name: str, default: Any = None) -> Any:
        """An input as given, ``default`` where it was left out or is null."""
        given = self.inputs.get(name)
        return default if given is None else given

    @property
    def schema(self) -> ProviderSchema:
        """The schemas of the cloud's provider at the release that was planned with."""
        return schema(self.stack.provider, self.releases[self.stack.provider])


Check = Callable[[Subject], Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class Contract:
    """A claim about every legal stack. ``clauses`` maps the key of each part to its sentence."""

    name: str
    claim: str
    clauses: Mapping[str, str]
    check: Check

    def outcomes(self, subject: Subject) -> tuple[Outcome, ...]:
        """What the check says of a subject.

        Raises:
            LookupError: the check named a clause that the contract does not have.
        """
        found = tuple(self.check(subject))
        odd = {outcome.clause for outcome in found} - set(self.clauses)
        if odd:
            raise LookupError(f"contract {self.name} has no clause {', '.join(sorted(odd))}")
        return found


def subject(
    held: Session, stack: Stack, inputs: Mapping[str, Any], plan: Plan, module: Path | None = None
) -> Subject:
    """The subject of a plan that ``held`` made of ``inputs``."""
    return Subject(
        stack=stack,
        inputs=inputs,
        plan=plan,
        module=module or held.source.get(stack.name, stack.folder),
        releases=held.choice.offline,
        resolved=held.choice.resolved,
    )


def judged(
    clause: str, where: str, value: Any, right: bool | Callable[[], bool], said: str
) -> Outcome:
    """The outcome for ``value``: unknown if it is, else held or broken as ``right`` says.

    ``right`` is a function where it cannot be told of an unknown value.
    """
    if value is UNKNOWN:
        return Outcome(clause, where, "unknown", "known only after apply")
    if right() if callable(right) else right:
        return Outcome(clause, where, "passed")
    return Outcome(clause, where, "failed", said)


def equal(clause: str, where: str, value: Any, wanted: Any) -> Outcome:
    """The outcome of ``value`` having to be ``wanted``."""
    return judged(clause, where, value, lambda: bool(value == wanted), f"{value!r}, not {wanted!r}")


def counted(outcomes: Iterable[Outcome]) -> Counter[tuple[str, Verdict]]:
    """How often each clause came out how."""
    return Counter((outcome.clause, outcome.verdict) for outcome in outcomes)
