"""Each check of this repository passes, fails and leaves open what its examples say."""

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
from tests.harness.policy.scan import judged, load_checks, scan
from tests.harness.stacks import Stack
from tests.harness.terraform import planning
from tests.plugins.sessions import Sessions
from tests.policy.conftest import planned

EXAMPLES = examples.load()
CHECKS = load_checks()
# A type's first word, by stack.
CLOUDS: Mapping[str, str] = {"aws": "aws", "google": "gcp"}
# Each check with each cloud that it knows a type of.
CLAIMED = {
    (check, CLOUDS[kind.split("_")[0]])
    for check, held in CHECKS.items()
    for kind in held.supported_entities
}


def outcome_of(sessions: Sessions, example: Example) -> Outcome:
    """What the check says of the subject as applied and, where it is asked, as planned."""
    held = sessions("newest", resolved=False)
    text = example.path.read_text()
    plans = planned(held, text), planned(sessions("newest", resolved=True), text)
    early = (False, True) if example.wanted == "unknown" else (False, False)
    both = {
        plain: scan(document(*plans, held.choice.offline, plain=plain), (example.check,))
        for plain in set(early)
    }
    found = judged(
        both[False], both[early[1]], stack=example.stack, case=example.path.stem, release="newest"
    )
    (outcome,) = [o for o in found if base(o.resource).endswith(".subject")]
    return outcome


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_check_gives_the_verdict_of_its_example(sessions: Sessions, example: Example) -> None:
    outcome = outcome_of(sessions, example)
    if example.wanted == "unknown":
        # As applied there is an answer; as planned there is none, and least of all a pass.
        assert outcome.plain_verdict == "unknown", str(outcome)
        return
    assert outcome.verdict == {"pass": "passed", "fail": "failed"}[example.wanted], str(outcome)


def test_every_check_has_passing_and_failing_examples() -> None:
    wanted = {(*claimed, verdict) for claimed in CLAIMED for verdict in ("pass", "fail")}
    there = {(e.check, e.stack, e.wanted) for e in EXAMPLES}
    assert wanted - there == set(), "add tests/data/policy/examples/CHECK/CLOUD-VERDICT.tf"
    assert {check for check, _, _ in there} <= set(CHECKS), "an example is for no check"


# ---- Seeded defects ----

SEEDED = defects.load(POLICY_DEFECTS)

Failing = Callable[[Stack, Mapping[str, Any], Path | None], set[tuple[str, str]]]


@pytest.fixture(scope="module")
def failing(sessions: Sessions) -> Failing:
    """Which of our checks fail where on a stack made of inputs, and from another tree."""

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
        return {key for key, one in scan(scanned, tuple(CHECKS)).items() if one.verdict == "failed"}

    unbroken: dict[str, set[tuple[str, str]]] = {}

    def once(stack: Stack, inputs: Mapping[str, Any], source: Path | None) -> set[tuple[str, str]]:
        if source:
            return find(stack, inputs, source)
        key = json.dumps([stack.name, inputs], sort_keys=True)
        if key not in unbroken:
            unbroken[key] = find(stack, inputs, None)
        return unbroken[key]

    return once


@pytest.mark.parametrize("defect", SEEDED, ids=lambda defect: defect.id)
def test_seeded_defect_fails_its_check(failing: Failing, defect: Defect, tmp_path: Path) -> None:
    before = failing(defect.stack, defect.planned, None)
    after = failing(defect.stack, defect.planned, defects.seeded(defect, tmp_path))
    assert defect.contract in {check for check, _ in after - before}, f"new: {after - before}"


def test_every_check_has_a_seeded_defect_for_each_cloud() -> None:
    there = {(defect.contract, defect.stack.name) for defect in SEEDED}
    assert CLAIMED - there == set(), "add it to tests/policy/defects"
    assert there <= CLAIMED, "a defect is for no check"
