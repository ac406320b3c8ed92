"""Write the reports of a run: ``policy.xml`` (JUnit), ``policy.sarif`` and ``policy.txt``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from checkov.version import version
from junit_xml import TestCase, TestSuite, to_xml_report_string

from tests.harness.policy.outcomes import Outcome, count
from tests.harness.policy.places import place
from tests.harness.policy.rules import Rule, render
from tests.harness.stacks import STACKS
from tests.harness.verdict import VERDICTS

FILES = ("policy.xml", "policy.sarif", "policy.txt")


def advice(outcome: Outcome, plans: Mapping[str, str]) -> str:
    """How to correct a failure, and the commands that reproduce it.

    Args:
        outcome: the failure.
        plans: the command that plans a case, by the id of the case.
    """
    file, line = place(outcome.stack, outcome.resource)
    case = f"{outcome.stack}-{outcome.case}"
    return "\n".join(
        [
            f"correct {file}:{line}, or add a skip with a reason to tests/data/policy/skips.yaml",
            f"scan alone: tox -e policy -- -k '{case} and {outcome.release}'",
            f"plan alone: {plans.get(case, '')}",
        ]
    )


def junit(outcomes: Sequence[Outcome], plans: Mapping[str, str]) -> str:
    """JUnit XML: a suite for each case and release, and a test case for each outcome."""
    suites: dict[str, list[TestCase]] = {}
    for outcome in outcomes:
        file, line = place(outcome.stack, outcome.resource)
        case = TestCase(
            f"{outcome.check} {outcome.resource}", outcome.name, file=f"{file}", line=line
        )
        if outcome.verdict == "failed":
            case.add_failure_info(str(outcome), advice(outcome, plans))
        elif outcome.verdict == "skipped":
            case.add_skipped_info(f"{outcome.reason} Remediation: {outcome.remediation}")
        elif outcome.verdict == "unknown":
            case.add_skipped_info(f"unknown: {outcome.reason}")
        name = f"{outcome.stack}-{outcome.case}-{outcome.release}"
        suites.setdefault(name, []).append(case)
    return str(to_xml_report_string([TestSuite(name, cases) for name, cases in suites.items()]))


def sarif(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """SARIF 2.1.0: a result for each outcome that did not pass. Skipped outcomes are suppressed.

    Equal outcomes of several cases and releases are one result, which names them.
    """
    merged: dict[tuple[str, str, str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.verdict != "passed":
            key = (
                outcome.check,
                outcome.stack,
                outcome.resource,
                outcome.verdict,
                outcome.reason,
            )
            merged.setdefault(key, []).append(outcome)
    names = {equal[0].check: equal[0].name for equal in merged.values()}
    order = {check: index for index, check in enumerate(sorted(names))}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "checkov",
                        "version": version,
                        "informationUri": "https://www.checkov.io",
                        "rules": [
                            {"id": check, "shortDescription": {"text": names[check]}}
                            for check in order
                        ],
                    }
                },
                "results": [_result(equal, order[key[0]]) for key, equal in merged.items()],
            }
        ],
    }


def _result(outcomes: Sequence[Outcome], rule: int) -> dict[str, Any]:
    first = outcomes[0]
    file, line = place(first.stack, first.resource)
    cases = ", ".join(sorted({f"{o.case} ({o.release})" for o in outcomes}))
    reason = f": {first.reason}" if first.reason else ""
    result: dict[str, Any] = {
        "ruleId": first.check,
        "ruleIndex": rule,
        "kind": "open" if first.verdict == "unknown" else "fail",
        "level": "none" if first.verdict == "unknown" else "error",
        "message": {"text": f"{first.name}: {first.resource} {first.verdict} in {cases}{reason}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": file.as_posix()},
                    "region": {"startLine": line},
                },
                "logicalLocations": [{"fullyQualifiedName": first.resource, "kind": "resource"}],
            }
        ],
    }
    if first.verdict == "skipped":
        justification = f"{first.reason} Remediation: {first.remediation}"
        result["suppressions"] = [{"kind": "external", "justification": justification}]
    return result


def summary(outcomes: Sequence[Outcome], seconds: float) -> list[str]:
    """The counts by stack, the skipped and unknown outcomes with their reasons, and the time."""
    counts = count(outcomes)
    lines = []
    for stack in STACKS:
        each = "   ".join(f"{verdict} {counts[stack, verdict]}" for verdict in VERDICTS)
        lines.append(
            f"{stack}: {each}   (decided by the resolved plan only: {counts[stack, 'late']})"
        )
    for verdict in ("skipped", "unknown"):
        numbers = Counter(
            (o.check, o.stack, o.name, o.reason, o.remediation)
            for o in outcomes
            if o.verdict == verdict
        )
        lines += [
            f"{verdict}: {check} {stack} {name} ({number}): {reason}"
            + (f" Remediation: {remediation}" if remediation else "")
            for (check, stack, name, reason, remediation), number in sorted(numbers.items())
        ]
    lines.append(f"{len(outcomes)} outcomes; scans took {seconds:.1f} s in all workers")
    return lines


def write(
    folder: Path,
    outcomes: Iterable[Outcome],
    rules: Sequence[Rule],
    plans: Mapping[str, str],
    seconds: float,
) -> list[Path]:
    """Write the three reports to a folder, which is created; returns their paths.

    Args:
        folder: the folder of the reports.
        outcomes: all outcomes of a run, including skipped ones.
        rules: the parity table.
        plans: the command that plans a case, by the id of the case.
        seconds: the duration of the scans.
    """
    ordered = sorted(outcomes, key=lambda o: (o.stack, o.case, o.release, o.check, o.resource))
    failed = [str(o) for o in ordered if o.verdict == "failed"]
    text = [*summary(ordered, seconds), "", *failed, "", render(rules), ""]
    texts = (junit(ordered, plans), json.dumps(sarif(ordered), indent=1), "\n".join(text))
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES]
    for path, content in zip(paths, texts, strict=True):
        path.write_text(content)
    return paths
