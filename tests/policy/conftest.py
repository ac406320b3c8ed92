"""The scans that the tests of the policy suite share, and its reports."""

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
from tests.harness.policy.outcomes import Outcome, pack, unpack
from tests.harness.policy.scan import load_checks, scan_root
from tests.harness.stacks import STACKS
from tests.harness.terraform import cache, cases, planning
from tests.harness.terraform.planning import Case
from tests.plugins.sessions import Sessions

RELEASES = ("oldest", "newest")
# Not `listed`: these cases are not in cases.yaml, so the replay command contains the inputs.
CASES = tuple(replace(e.case, listed=False) for e in cases.load(POLICY_CASES))
PLANS = {case.id: planning.replay_command(case) for case in CASES}

Scan = Callable[[Case, str], tuple[list[Outcome], float]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the folder of the reports."""
    parser.getgroup("litellm stacks").addoption(
        "--policy-reports",
        default=None,
        help="the folder of policy.xml, policy.sarif and policy.txt; default: in pytest's cache",
    )


@pytest.fixture(scope="session")
def scan(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Scan:
    """Scan a case with a release, once in a run of all workers.

    Returns the outcomes without skips, and the seconds that plan and scan took.
    """
    load_checks()
    own = tmp_path_factory.getbasetemp()
    # The temporary folders of all workers are in one folder of the run.
    folder = (own if worker_id == "master" else own.parent) / "policy"

    def scan(case: Case, release: str) -> tuple[list[Outcome], float]:
        def make() -> list[Any]:
            start = time.perf_counter()
            planned = planning.plan(sessions(release, resolved=False), case)
            resolved = planning.plan(sessions(release, resolved=True), case)
            # A plan with an error is incomplete. Checks on the missing resources would not run.
            if planned.errors or resolved.errors or not (planned.plan and resolved.plan):
                raise AssertionError(
                    f"Terraform refuses {case.id}; correct its inputs in {POLICY_CASES.name}:\n"
                    f"{planned}\n{resolved}"
                )
            outcomes = scan_root(
                planned.plan,
                resolved.plan,
                sessions(release, resolved=False).choice.offline,
                stack=case.stack,
                case=case.name,
                release=release,
            )
            return [pack(outcomes), time.perf_counter() - start]

        rows, seconds = cache.cached(f"{case.id}-{release}", make, folder)
        return unpack(rows), seconds

    return scan


@pytest.fixture(scope="session")
def outcomes(scan: Scan) -> list[Outcome]:
    """The outcomes of all cases with both releases, after skips."""
    unskipped = [o for case in CASES for release in RELEASES for o in scan(case, release)[0]]
    return skips.apply(unskipped, skips.load())


def plan_text(session: planning.Session, text: str) -> Plan:
    """Plan a root of one file, with a configuration of the providers that it uses."""
    provider = {
        stack.provider: stack.provider_block(stack.scope[1])
        for stack in STACKS.values()
        if f'"{stack.provider}_' in text
    }
    files = {"main.tf": text, "provider.tf.json": json.dumps({"provider": provider})}
    with planning.temporary_root(session, files) as root:
        result = root.planned()
    assert result.plan is not None, f"{text}\n{result}"
    assert not result.errors, f"{text}\n{result}"
    return result.plan


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the reports, and print the counts and the skips with their reasons."""
    recorded = [
        value
        for stats in terminalreporter.stats.values()
        for report in stats
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "policy_scan"
    ]
    if not recorded:
        return
    config = terminalreporter.config
    option = config.getoption("policy_reports", None)
    folder = Path(option) if option else Path(config.cache.mkdir("policy"))
    outcomes = [outcome for rows, _ in recorded for outcome in unpack(json.loads(rows))]
    seconds = sum(scan_seconds for _, scan_seconds in recorded)
    paths = reports.write(folder, outcomes, rules.load(), PLANS, seconds)
    terminalreporter.section("policies")
    for line in reports.summary(outcomes, seconds):
        terminalreporter.write_line(line)
    for path in paths:
        terminalreporter.write_line(f"report: {path}")
