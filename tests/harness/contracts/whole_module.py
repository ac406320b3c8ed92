"""Contracts that plan for themselves: what they say of a stack's module as a whole."""

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
    """A claim about a module; ``seeded`` looks at the part of it that a defect is in."""

    claim: str
    clauses: Mapping[str, str]
    seeded: Callable[[planning.Session, Defect], Iterator[Outcome]]


@functools.cache
def illegal(stack: str, number: int) -> refusals.Broken:
    """For each rule of the checkout's module, so many inputs that break it."""
    return refusals.illegal_inputs(handwritten.space(stack), STACKS[stack], number, "illegal")


def refused(held: planning.Session, stack: Stack, number: int = 1) -> Iterator[Outcome]:
    """Every rule that the module must have refuses what breaks it, in words that help.

    The rules are those of the checkout, which a defect's copy may lack.
    """
    found = illegal(stack.name, number)
    module = rules.read(held.source.get(stack.name, stack.folder))
    yield from refusals.message_outcomes(module, stack, found)
    yield from refusals.refusal_outcomes(held, stack, found)
    yield from refusals.type_outcomes(held, stack)


def _refusals(held: planning.Session, defect: Defect) -> Iterator[Outcome]:
    """What is said of the rules that the defect touches: looking at all takes seconds."""
    stack = defect.stack
    module = rules.read(held.source[stack.name])
    found = illegal(stack.name, 1)
    touched = {
        original: found[original]
        for original, twin in refusals.twins(module, found)
        if twin is None or (twin.condition, twin.message) != (original.condition, original.message)
    }
    yield from refusals.message_outcomes(module, stack, found, touched)
    yield from refusals.refusal_outcomes(held, stack, touched)
    if not touched:
        yield from refusals.type_outcomes(held, stack)


def _parity(held: planning.Session, defect: Defect) -> Iterator[Outcome]:
    only = parity.concerned(defect.stack, defect.inputs)
    yield from parity.outcomes(held, defect.stack, clauses=[defect.clause], only=only)


def _plans(held: planning.Session, defect: Defect) -> Iterator[Outcome]:
    case = planning.Case("defect", defect.stack.name, defect.planned)
    for diagnostic in planning.plan(held, case).diagnostics:
        yield Outcome("plans", diagnostic.address, "failed", str(diagnostic))


MODULE_CONTRACTS: Mapping[str, ModuleContract] = {
    "parity": ModuleContract(
        claim="what the parity table says of an input is so on both clouds, and nothing else",
        clauses=parity.CLAUSES,
        seeded=_parity,
    ),
    "plans": ModuleContract(
        claim="legal inputs plan with no error and no warning",
        clauses={"plans": "the plan has neither an error nor a warning"},
        seeded=_plans,
    ),
    "refusals": ModuleContract(
        claim="illegal inputs are refused, by an error that names input, value, rule and remedy",
        clauses={
            "reached": "each rule is there, and a value is known that breaks it",
            "names-input": "its message begins with the input",
            "names-rule": "it says what must be, what was given, and what to do",
            "names-value": "it shows the value, unless that may be a secret",
            "refused": "Terraform refuses the value with this message and no other error",
            "typed": "a value of another type is refused",
            "required": "what no default can know must be given",
        },
        seeded=_refusals,
    ),
}
