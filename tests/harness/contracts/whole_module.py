"""Contracts that plan for themselves, about a module as a whole."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.harness.contracts import parity, refusals
from tests.harness.contracts.base import Outcome
from tests.harness.contracts.defects import Defect
from tests.harness.inputs import handwritten, rules
from tests.harness.stacks import STACKS, Stack
from tests.harness.terraform import planning


@dataclass(frozen=True, slots=True)
class ModuleContract:
    """A claim about a module; ``seeded`` checks the part that a defect touches."""

    claim: str
    clauses: Mapping[str, str]
    seeded: Callable[[planning.Session, Defect], Iterator[Outcome]]


@functools.cache
def violations(stack: str, number: int) -> refusals.Violations:
    """For each rule of the checkout's module, at most ``number`` inputs that violate it."""
    return refusals.invalid_inputs(handwritten.space(stack), STACKS[stack], number, "illegal")


def refused(session: planning.Session, stack: Stack, number: int = 1) -> Iterator[Outcome]:
    """The outcomes on every rule of the checkout, which the copy of a defect may lack."""
    found = violations(stack.name, number)
    module = rules.read(session.source.get(stack.name, stack.folder))
    yield from refusals.message_outcomes(module, stack, found)
    yield from refusals.refusal_outcomes(session, stack, found)
    yield from refusals.type_outcomes(session, stack)


def _refusals(session: planning.Session, defect: Defect) -> Iterator[Outcome]:
    """The outcomes on the rules that the defect touches; all rules would take seconds."""
    stack = defect.stack
    module = rules.read(session.source[stack.name])
    found = violations(stack.name, 1)
    touched = {
        original: found[original]
        for original, twin in refusals.twins(module, found)
        if twin is None or (twin.condition, twin.message) != (original.condition, original.message)
    }
    yield from refusals.message_outcomes(module, stack, found, touched)
    yield from refusals.refusal_outcomes(session, stack, touched)
    if not touched:
        yield from refusals.type_outcomes(session, stack)


def _parity(session: planning.Session, defect: Defect) -> Iterator[Outcome]:
    only = parity.concerned(defect.stack, defect.inputs)
    yield from parity.outcomes(session, defect.stack, clauses=[defect.clause], only=only)


def _plans(session: planning.Session, defect: Defect) -> Iterator[Outcome]:
    case = planning.Case("defect", defect.stack.name, defect.planned)
    for diagnostic in planning.plan(session, case).diagnostics:
        yield Outcome("plans", diagnostic.address, "failed", str(diagnostic))


MODULE_CONTRACTS: Mapping[str, ModuleContract] = {
    "parity": ModuleContract(
        claim="an input does on both clouds what its parity row says, and nothing else",
        clauses=parity.CLAUSES,
        seeded=_parity,
    ),
    "plans": ModuleContract(
        claim="valid inputs plan without an error or a warning",
        clauses={"plans": "the plan has neither an error nor a warning"},
        seeded=_plans,
    ),
    "refusals": ModuleContract(
        claim="invalid inputs are refused with the input, the value, the rule and the remediation",
        clauses={
            "reached": "each rule exists, and a value that violates it is known",
            "names-input": "its message begins with the input",
            "names-rule": "it states the rule, the value and the remediation",
            "names-value": "it shows the value, unless the value may be a secret",
            "refused": "Terraform refuses the value with this message and no other error",
            "typed": "a value of another type is refused",
            "required": "an input without a default must be set",
        },
        seeded=_refusals,
    ),
}
