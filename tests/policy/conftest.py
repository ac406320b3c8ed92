"""Reports of the policy suite, and the scans that its tests share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.paths import POLICY_CASES
from tests.harness.plan.view import Plan
from tests.harness.policy import reports, rules, skips
from tests.harness.policy.outcomes import Outcome, packed, unpacked
from tests.harness.policy.scan import load_checks, scanned
from tests.harness.stacks import STACKS
from tests.harness.terraform import cache, cases, planning
from tests.harness.terraform.planning import Case
from tests.plugins.sessions import Sessions

RELEASES = ("oldest", "newest")
# Without `listed`, which is for cases.yaml of the unit suite: a replay gives the inputs.
CASES = tuple(replace(e.case, listed=False) for e in cases.load(POLICY_CASES))
PLANS = {case.id: planning.replay_command(case) for case in CASES}

Scan = Callable[[Case, str], tuple[list[Outcome], float]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where the reports go."""
    parser.getgroup("litellm stacks").addoption(
        "--policy-reports",
        default=None,
        help="the folder of policy.xml, policy.sarif and policy.txt; default: in pytest's cache",
    )


@pytest.fixture(scope="session")
def scan(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Scan:
    """Scan a case with a release, once a run, whichever worker asks for it first.

    Gives the outcomes before any skip, and how many seconds plan and scan took.
    """
    load_checks()
    own = tmp_path_factory.getbasetemp()
    # The workers of a run have their temporary folders in one of the run's.
    folder = (own if worker_id == "master" else own.parent) / "policy"

    def scan(case: Case, release: str) -> tuple[list[Outcome], float]:
        def make() -> list[Any]:
            begun = time.perf_counter()
            planned = planning.plan(sessions(release, resolved=False), case)
            resolved = planning.plan(sessions(release, resolved=True), case)
            # A plan with an error in it is there in part, and would pass for what is missing.
            if planned.errors or resolved.errors or not (planned.plan and resolved.plan):
                raise AssertionError(f"{case.id} is refused:\n{planned}\n{resolved}")
            found = scanned(
                planned.plan,
                resolved.plan,
                sessions(release, resolved=False).choice.offline,
                stack=case.stack,
                case=case.name,
                release=release,
            )
            return [packed(found), time.perf_counter() - begun]

        rows, seconds = cache.cached(f"{case.id}-{release}", make, folder)
        return unpacked(rows), seconds

    return scan


@pytest.fixture(scope="session")
def outcomes(scan: Scan) -> list[Outcome]:
    """All outcomes of all cases with both releases, with the skips."""
    found = [o for case in CASES for release in RELEASES for o in scan(case, release)[0]]
    return skips.skipped(found, skips.load())


def planned(held: planning.Session, text: str) -> Plan:
    """The plan of a root made of a text, with the providers that it uses configured."""
    provider = {
        stack.provider: stack.provider_block(stack.scope[1])
        for stack in STACKS.values()
        if f'"{stack.provider}_' in text
    }
    files = {"main.tf": text, "provider.tf.json": json.dumps({"provider": provider})}
    with planning.temporary_root(held, files) as root:
        result = root.planned()
    assert result.plan is not None, f"{text}\n{result}"
    assert not result.errors, f"{text}\n{result}"
    return result.plan


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the reports, and say how many outcomes there are, what is skipped and why."""
    recorded = [
        value
        for stats in terminalreporter.stats.values()
        for one in stats
        if getattr(one, "when", "") == "call"
        for name, value in one.user_properties
        if name == "policy_scan"
    ]
    if not recorded:
        return
    config = terminalreporter.config
    given = config.getoption("policy_reports", None)
    folder = Path(given) if given else Path(config.cache.mkdir("policy"))
    found = [outcome for rows, _ in recorded for outcome in unpacked(json.loads(rows))]
    seconds = sum(taken for _, taken in recorded)
    paths = reports.write(folder, found, rules.load(), PLANS, seconds)
    terminalreporter.section("policies")
    for line in reports.summary(found, seconds):
        terminalreporter.write_line(line)
    for path in paths:
        terminalreporter.write_line(f"report: {path}")
