"""Run every contract on a plan; explain a failure; run the contract of a seeded defect."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tests.harness.contracts.base import Outcome, Subject, subject
from tests.harness.contracts.defects import Defect
from tests.harness.contracts.properties import CONTRACTS
from tests.harness.contracts.properties.names import shared
from tests.harness.contracts.whole_module import MODULE_CONTRACTS
from tests.harness.inputs import batches, handwritten
from tests.harness.inputs.batches import Inputs
from tests.harness.plan.view import PlanResult
from tests.harness.stacks import Stack
from tests.harness.terraform.planning import Case, Session, plan

Outcomes = Mapping[str, tuple[Outcome, ...]]
"""By the name of the contract."""


class DefectError(ValueError):
    """A stack with a seeded defect has no plan, so no contract can find the defect."""


def outcomes_of(
    session: Session, stack: Stack, inputs: Inputs, result: PlanResult
) -> tuple[Subject | None, Outcomes]:
    """The outcomes of every contract; only of "plans" for a result with a diagnostic."""
    if result.plan is None or result.diagnostics:
        failures = tuple(Outcome("plans", d.address, "failed", str(d)) for d in result.diagnostics)
        return None, {"plans": failures}
    planned = subject(session, stack, inputs, result.plan)
    return planned, {name: contract.outcomes(planned) for name, contract in CONTRACTS.items()}


def failures(session: Session, outcomes: Outcomes) -> dict[str, list[str]]:
    """The failed outcomes by contract; for a resolved plan also the unknown ones."""
    verdicts = {"failed", "unknown"} if session.choice.resolved else {"failed"}
    by_contract = {
        name: [str(outcome) for outcome in found if outcome.verdict in verdicts]
        for name, found in outcomes.items()
    }
    return {name: texts for name, texts in by_contract.items() if texts}


def explanation(
    session: Session, stack: Stack, inputs: Inputs, failed: Mapping[str, list[str]]
) -> str:
    """The failure with its simplest inputs, added to the corpus, and the command to replay it."""
    name, texts = next(iter(failed.items()))

    def fails(candidate: Inputs) -> bool:
        result = plan(session, Case("shrinking", stack.name, candidate))
        return name in failures(session, outcomes_of(session, stack, candidate, result)[1])

    simplest = batches.shrink(handwritten.space(stack.name), inputs, fails, stack.smallest)
    path = batches.write_to_corpus(stack, name, simplest)
    lines = [
        f"contract {name} fails for valid inputs ({session.describe()})",
        *texts[:5],
        f"the simplest inputs found, written to {path.name}:",
        json.dumps(simplest, indent=2, ensure_ascii=False),
        "replay alone:",
        *(f"  {command}" for command in batches.replay_commands(path)),
    ]
    return "\n".join(lines)


def defect_outcomes(session: Session, defect: Defect) -> Iterator[Outcome]:
    """The outcomes of the defect's contract on the stack with the defect.

    Raises:
        DefectError: the stack has no plan.
    """
    stack = defect.stack
    if defect.contract in MODULE_CONTRACTS:
        yield from MODULE_CONTRACTS[defect.contract].seeded(session, defect)
        return
    inputs = dict(defect.planned)
    result = plan(session, Case("defect", stack.name, inputs))
    if result.plan is None or result.diagnostics:
        raise DefectError(f"{defect.id}: {result}")
    planned = subject(session, stack, inputs, result.plan)
    yield from CONTRACTS[defect.contract].outcomes(planned)
    if defect.clause == "distinct":
        yield from shared([planned, *_similar(session, defect)])


def _similar(session: Session, defect: Defect) -> Iterator[Subject]:
    """The stacks of one account with the most similar names to those of a defect's stack."""
    for tenant, env in handwritten.SIMILAR_NAMES:
        inputs = {**defect.planned, "tenant": tenant, "env": env}
        result = plan(session, Case("alike", defect.stack.name, inputs))
        if result.plan is not None:
            yield subject(session, defect.stack, inputs, result.plan)
