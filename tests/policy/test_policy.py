"""No check fails on a planned stack, and every skip and every row of the parity table is needed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.harness.paths import POLICY_SKIPS
from tests.harness.policy import rules, skips
from tests.harness.policy.outcomes import LATE, Outcome, packed
from tests.harness.policy.places import place
from tests.harness.policy.reports import advice
from tests.harness.terraform.planning import Case
from tests.policy.conftest import CASES, PLANS, RELEASES, Scan


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_check_fails_without_a_skip(
    scan: Scan, case: Case, release: str, record_property: Callable[[str, object], None]
) -> None:
    found, seconds = scan(case, release)
    held = skips.skipped(found, skips.load())
    record_property("policy_scan", [json.dumps(packed(held)), seconds])
    failed = [outcome for outcome in held if outcome.verdict == "failed"]
    if failed:
        pytest.fail(said(case, release, failed), pytrace=False)


def said(case: Case, release: str, failed: list[Outcome]) -> str:
    """What failed, where it is written, what mends it, and how to see it again."""
    lines = [f"{len(failed)} checks fail on {case.id} with the {release} providers:"]
    for outcome in failed:
        file, line = place(outcome.stack, outcome.resource)
        late = " (decided as applied)" if outcome.plain_verdict == "unknown" else ""
        lines.append(f"{file}:{line}: {outcome.check} {outcome.name}: {outcome.resource}{late}")
    return "\n".join([*lines, advice(failed[0], PLANS)])


def test_no_check_crashes(outcomes: list[Outcome]) -> None:
    crashed = [str(outcome) for outcome in outcomes if "crashed" in outcome.reason]
    assert not crashed, "\n".join(crashed)


def test_no_check_is_undecided(outcomes: list[Outcome]) -> None:
    late = [str(o) for o in outcomes if o.verdict == "unknown" and o.reason == LATE]
    assert not late, "\n".join(late)


def test_every_skip_is_needed(outcomes: list[Outcome]) -> None:
    left = [str(skip) for skip in skips.unused(skips.load(), outcomes)]
    assert not left, (
        f"nothing fails there any more, so take them out of {POLICY_SKIPS.name}: {left}"
    )


def test_every_check_is_in_one_policy_rule(
    outcomes: list[Outcome],
) -> None:
    found = list(rules.flaws(rules.load(), rules.seen(outcomes)))
    assert not found, "\n".join(found)
