"""No check fails on a planned stack, and every skip and every row of the parity table is used."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.harness.paths import POLICY_SKIPS
from tests.harness.policy import rules, skips
from tests.harness.policy.outcomes import LATE, Outcome, pack
from tests.harness.policy.places import place
from tests.harness.policy.reports import advice
from tests.harness.terraform.planning import Case
from tests.policy.conftest import CASES, PLANS, RELEASES, Scan


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_check_fails_without_a_skip(
    scan: Scan, case: Case, release: str, record_property: Callable[[str, object], None]
) -> None:
    unskipped, seconds = scan(case, release)
    outcomes = skips.apply(unskipped, skips.load())
    record_property("policy_scan", [json.dumps(pack(outcomes)), seconds])
    failed = [outcome for outcome in outcomes if outcome.verdict == "failed"]
    if failed:
        pytest.fail(failure_message(case, release, failed), pytrace=False)


def failure_message(case: Case, release: str, failed: list[Outcome]) -> str:
    """The failures with file and line, the remediation, and the commands that reproduce them."""
    lines = [f"{len(failed)} checks fail on {case.id} with the {release} providers:"]
    for outcome in failed:
        file, line = place(outcome.stack, outcome.resource)
        late = " (decided by the resolved plan)" if outcome.plain_verdict == "unknown" else ""
        lines.append(f"{file}:{line}: {outcome.check} {outcome.name}: {outcome.resource}{late}")
    return "\n".join([*lines, advice(failed[0], PLANS)])


def test_no_check_crashes(outcomes: list[Outcome]) -> None:
    crashed = [str(outcome) for outcome in outcomes if "crashed" in outcome.reason]
    assert not crashed, "\n".join(crashed)


def test_no_check_is_undecided(outcomes: list[Outcome]) -> None:
    late = [str(o) for o in outcomes if o.verdict == "unknown" and o.reason == LATE]
    assert not late, "\n".join(late)


def test_every_skip_is_needed(outcomes: list[Outcome]) -> None:
    unused = [str(skip) for skip in skips.unused(skips.load(), outcomes)]
    assert not unused, (
        f"no check fails there; remove these skips from {POLICY_SKIPS.name}: {unused}"
    )


def test_every_check_is_in_one_policy_rule(
    outcomes: list[Outcome],
) -> None:
    flaws = list(rules.flaws(rules.load(), rules.reported_checks(outcomes)))
    assert not flaws, "\n".join(flaws)
