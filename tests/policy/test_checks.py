"""Each check of this repository passes, fails and leaves open what its examples say."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.harness import planner
from tests.harness.plan import Plan
from tests.harness.policy import examples
from tests.harness.policy.documents import base
from tests.harness.policy.examples import Example
from tests.harness.policy.outcomes import Outcome
from tests.harness.policy.scan import load_checks, scanned
from tests.harness.stacks import STACKS
from tests.policy.conftest import Sessions

EXAMPLES = examples.load()
CHECKS = load_checks()
# A type's first word, by stack.
CLOUDS: Mapping[str, str] = {"aws": "aws", "google": "gcp"}


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
    wanted = {
        (check, CLOUDS[kind.split("_")[0]], verdict)
        for check, held in CHECKS.items()
        for kind in held.supported_entities
        for verdict in ("pass", "fail")
    }
    there = {(e.check, e.stack, e.wanted) for e in EXAMPLES}
    assert wanted - there == set(), "add tests/policy/examples/CHECK/CLOUD-VERDICT.tf"
    assert {check for check, _, _ in there} <= set(CHECKS), "an example is for no check"
