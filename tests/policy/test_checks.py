"""Each check of this repository passes, fails and leaves open what its examples say."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness import defects, planner
from tests.harness.defects import Defect
from tests.harness.plan import Plan
from tests.harness.policy import examples
from tests.harness.policy.documents import base, document
from tests.harness.policy.examples import Example
from tests.harness.policy.outcomes import Outcome
from tests.harness.policy.scan import load_checks, scan, scanned
from tests.harness.stacks import STACKS
from tests.policy.conftest import FOLDER, Sessions

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


def planned(held: planner.Session, example: Example) -> Plan:
    stack = STACKS[example.stack]
    provider = {"provider": {stack.provider: stack.provider_block(stack.scope[1])}}
    files = {"main.tf": example.path.read_text(), "provider.tf.json": json.dumps(provider)}
    with planner.root_of(held, files) as root:
        result = root.planned()
    assert result.plan is not None, f"{example.path} does not plan:\n{result}"
    assert not result.errors, f"{example.path}:\n{result}"
    return result.plan


def judged(sessions: Sessions, example: Example) -> Outcome:
    held = sessions("newest", False)
    found = scanned(
        planned(held, example),
        planned(sessions("newest", True), example),
        held.choice.offline,
        stack=example.stack,
        case=example.path.stem,
        release="newest",
        only=(example.check,),
    )
    (outcome,) = [o for o in found if base(o.resource).endswith(".subject")]
    return outcome


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_a_check_says_of_its_example_what_the_example_is_for(
    sessions: Sessions, example: Example
) -> None:
    outcome = judged(sessions, example)
    if example.wanted == "unknown":
        # As applied there is an answer; as planned there is none, and least of all a pass.
        assert outcome.as_planned == "unknown", str(outcome)
        return
    assert outcome.verdict == {"pass": "passed", "fail": "failed"}[example.wanted], str(outcome)


def test_every_check_has_an_example_that_passes_and_one_that_fails_for_each_cloud() -> None:
    wanted = {(*claimed, verdict) for claimed in CLAIMED for verdict in ("pass", "fail")}
    there = {(e.check, e.stack, e.wanted) for e in EXAMPLES}
    assert wanted - there == set(), "add tests/policy/examples/CHECK/CLOUD-VERDICT.tf"
    assert {check for check, _, _ in there} <= set(CHECKS), "an example is for no check"


# ---- Seeded defects ----

SEEDED = defects.load(FOLDER / "defects")
# The modules do not have yet what these are about, so there is nothing to break.
NOT_YET = {
    ("CKV2_LITELLM_12", "gcp"),
    ("CKV2_LITELLM_14", "gcp"),
    ("CKV2_LITELLM_15", "gcp"),
    ("CKV2_LITELLM_16", "gcp"),
}


def failing(sessions: Sessions, defect: Defect, source: Mapping[str, Path]) -> set[str]:
    """Where the defect's check fails on the stack, made from another tree than the checkout's."""
    case = planner.Case(defect.id, defect.stack.name, defect.planned)
    held = [
        dataclasses.replace(sessions("oldest", foreseen), source=source)
        for foreseen in (False, True)
    ]
    results = [planner.plan(one, case) for one in held]
    planned, foreseen = (result.plan for result in results)
    assert planned is not None, str(results[0])
    assert foreseen is not None, str(results[1])
    found = scan(document(planned, foreseen, held[0].choice.offline), (defect.contract,))
    return {address for (_, address), said in found.items() if said.verdict == "failed"}


@pytest.mark.parametrize("defect", SEEDED, ids=lambda defect: defect.id)
def test_a_defect_seeded_into_a_module_is_found_by_its_check(
    sessions: Sessions, defect: Defect, tmp_path: Path
) -> None:
    broken = defects.seeded(defect, tmp_path)
    before = failing(sessions, defect, {})
    assert failing(sessions, defect, {defect.stack.name: broken}) - before, "found nothing new"


def test_every_check_has_a_seeded_defect_for_each_cloud() -> None:
    there = {(defect.contract, defect.stack.name) for defect in SEEDED}
    assert CLAIMED - there == NOT_YET, "add it to tests/policy/defects, and take it off NOT_YET"
    assert there <= CLAIMED, "a defect is for no check"
