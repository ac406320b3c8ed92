"""Each check of this repository has the verdicts of its examples: pass, fail or unknown."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.contracts import defects
from tests.harness.contracts.defects import Defect
from tests.harness.paths import POLICY_DEFECTS
from tests.harness.policy import examples
from tests.harness.policy.documents import base, document
from tests.harness.policy.examples import Example
from tests.harness.policy.outcomes import Outcome
from tests.harness.policy.scan import combine_findings, load_checks, scan
from tests.harness.stacks import Stack
from tests.harness.terraform import planning
from tests.plugins.sessions import Sessions
from tests.policy.conftest import plan_text

EXAMPLES = examples.load()
CHECKS = load_checks()
# The stack by the first word of a resource type.
CLOUDS: Mapping[str, str] = {"aws": "aws", "google": "gcp"}
# Each check with each stack of which it supports a type.
SUPPORTED = {
    (check_id, CLOUDS[kind.split("_")[0]])
    for check_id, check in CHECKS.items()
    for kind in check.supported_entities
}


def outcome_of(sessions: Sessions, example: Example) -> Outcome:
    """The outcome of the check on the subject of an example.

    The plain plan is scanned only for an example that expects ``unknown``.
    """
    session = sessions("newest", resolved=False)
    text = example.path.read_text()
    plans = plan_text(session, text), plan_text(sessions("newest", resolved=True), text)
    documents = (False, True) if example.expected == "unknown" else (False, False)
    findings = {
        plain: scan(document(*plans, session.choice.offline, plain=plain), (example.check,))
        for plain in set(documents)
    }
    outcomes = combine_findings(
        findings[False],
        findings[documents[1]],
        stack=example.stack,
        case=example.path.stem,
        release="newest",
    )
    (outcome,) = [o for o in outcomes if base(o.resource).endswith(".subject")]
    return outcome


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_check_gives_the_verdict_of_its_example(sessions: Sessions, example: Example) -> None:
    outcome = outcome_of(sessions, example)
    if example.expected == "unknown":
        # The check must not pass on a plain plan, in which it cannot read the value.
        assert outcome.plain_verdict == "unknown", str(outcome)
        return
    assert outcome.verdict == {"pass": "passed", "fail": "failed"}[example.expected], str(outcome)


def test_every_check_has_passing_and_failing_examples() -> None:
    required = {(*supported, verdict) for supported in SUPPORTED for verdict in ("pass", "fail")}
    existing = {(e.check, e.stack, e.expected) for e in EXAMPLES}
    assert required - existing == set(), "add tests/data/policy/examples/CHECK/CLOUD-VERDICT.tf"
    assert {check for check, _, _ in existing} <= set(CHECKS), "remove examples without a check"


# ---- Seeded defects ----

SEEDED = defects.load(POLICY_DEFECTS)

Failing = Callable[[Stack, Mapping[str, Any], Path | None], set[tuple[str, str]]]


@pytest.fixture(scope="module")
def failing(sessions: Sessions) -> Failing:
    """The failing checks of this repository with their resources, on a stack with some inputs.

    ``source`` is a folder that replaces the module.
    """

    def find(stack: Stack, inputs: Mapping[str, Any], source: Path | None) -> set[tuple[str, str]]:
        case = planning.Case("defect", stack.name, inputs)
        trees = {stack.name: source} if source else {}
        results = [
            planning.plan(
                dataclasses.replace(sessions("oldest", resolved=resolved), source=trees), case
            )
            for resolved in (False, True)
        ]
        plans = [result.plan for result in results if result.plan and not result.errors]
        assert len(plans) == 2, "\n".join(map(str, results))
        scanned = document(plans[0], plans[1], sessions("oldest", resolved=False).choice.offline)
        findings = scan(scanned, tuple(CHECKS))
        return {key for key, finding in findings.items() if finding.verdict == "failed"}

    without_defect: dict[str, set[tuple[str, str]]] = {}

    def once(stack: Stack, inputs: Mapping[str, Any], source: Path | None) -> set[tuple[str, str]]:
        if source:
            return find(stack, inputs, source)
        key = json.dumps([stack.name, inputs], sort_keys=True)
        if key not in without_defect:
            without_defect[key] = find(stack, inputs, None)
        return without_defect[key]

    return once


@pytest.mark.parametrize("defect", SEEDED, ids=lambda defect: defect.id)
def test_seeded_defect_fails_its_check(failing: Failing, defect: Defect, tmp_path: Path) -> None:
    before = failing(defect.stack, defect.planned, None)
    after = failing(defect.stack, defect.planned, defects.seeded(defect, tmp_path))
    assert defect.contract in {check for check, _ in after - before}, f"new: {after - before}"


def test_every_check_has_a_seeded_defect_for_each_cloud() -> None:
    existing = {(defect.contract, defect.stack.name) for defect in SEEDED}
    assert SUPPORTED - existing == set(), "add a defect to tests/data/policy/defects"
    assert existing <= SUPPORTED, "remove defects without a check"
