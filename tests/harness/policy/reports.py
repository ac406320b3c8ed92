"""Reports of a run: ``policy.xml`` (JUnit), ``policy.sarif`` and ``policy.txt``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from checkov.version import version
from junit_xml import TestCase, TestSuite, to_xml_report_string

from tests.harness.policy.outcomes import Outcome, counted
from tests.harness.policy.places import place
from tests.harness.policy.rules import Rule, rendered
from tests.harness.stacks import STACKS
from tests.harness.verdict import VERDICTS

FILES = ("policy.xml", "policy.sarif", "policy.txt")


def advice(outcome: Outcome, plans: Mapping[str, str]) -> str:
    """What mends a failure, and how to see it again.

    Args:
        outcome: what failed.
        plans: by the case's id, the command that plans it.
    """
    file, line = place(outcome.stack, outcome.resource)
    case = f"{outcome.stack}-{outcome.case}"
    return "\n".join(
        [
            f"mend {file}:{line}, or accept it with a reason in tests/data/policy/skips.yaml",
            f"scan alone: tox -e policy -- -k '{case} and {outcome.release}'",
            f"plan alone: {plans.get(case, '')}",
        ]
    )


def junit(outcomes: Sequence[Outcome], plans: Mapping[str, str]) -> str:
    """JUnit's XML: a suite for each case and release, a test case for each outcome."""
    suites: dict[str, list[TestCase]] = {}
    for outcome in outcomes:
        file, line = place(outcome.stack, outcome.resource)
        case = TestCase(
            f"{outcome.check} {outcome.resource}", outcome.name, file=f"{file}", line=line
        )
        if outcome.verdict == "failed":
            case.add_failure_info(str(outcome), advice(outcome, plans))
        elif outcome.verdict == "skipped":
            case.add_skipped_info(f"{outcome.reason} Mend: {outcome.mend}")
        elif outcome.verdict == "unknown":
            case.add_skipped_info(f"unknown: {outcome.reason}")
        name = f"{outcome.stack}-{outcome.case}-{outcome.release}"
        suites.setdefault(name, []).append(case)
    return str(to_xml_report_string([TestSuite(name, cases) for name, cases in suites.items()]))


def sarif(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """SARIF 2.1.0: a result for what failed, is unknown, or was skipped, which is suppressed.

    Cases and releases that say the same of a resource are one result, with their names in it.
    """
    merged: dict[tuple[str, str, str, str, str], list[Outcome]] = {}
    for one in outcomes:
        if one.verdict != "passed":
            key = (one.check, one.stack, one.resource, one.verdict, one.reason)
            merged.setdefault(key, []).append(one)
    names = {many[0].check: many[0].name for many in merged.values()}
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
                "results": [_result(many, order[key[0]]) for key, many in merged.items()],
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
        justification = f"{first.reason} Mend: {first.mend}"
        result["suppressions"] = [{"kind": "external", "justification": justification}]
    return result


def summary(outcomes: Sequence[Outcome], seconds: float) -> list[str]:
    """The counts by cloud, each skip with its reason, what nobody can tell, and the time."""
    counts = counted(outcomes)
    lines = []
    for stack in STACKS:
        each = "   ".join(f"{verdict} {counts[stack, verdict]}" for verdict in VERDICTS)
        lines.append(
            f"{stack}: {each}   (decided as applied, since the plan alone does not tell: "
            f"{counts[stack, 'late']})"
        )
    for verdict in ("skipped", "unknown"):
        many = Counter(
            (o.check, o.stack, o.name, o.reason, o.mend) for o in outcomes if o.verdict == verdict
        )
        lines += [
            f"{verdict}: {check} {stack} {name} ({number}): {reason}"
            + (f" Mend: {mend}" if mend else "")
            for (check, stack, name, reason, mend), number in sorted(many.items())
        ]
    lines.append(f"{len(outcomes)} outcomes; scans took {seconds:.1f} s, all workers together")
    return lines


def write(
    folder: Path,
    outcomes: Iterable[Outcome],
    rules: Sequence[Rule],
    plans: Mapping[str, str],
    seconds: float,
) -> list[Path]:
    """Write the three reports into a folder, which is made; gives their paths.

    Args:
        folder: where to.
        outcomes: all of a run, with the skips.
        rules: the parity table.
        plans: by a case's id, the command that plans it.
        seconds: how long the scans took.
    """
    held = sorted(outcomes, key=lambda o: (o.stack, o.case, o.release, o.check, o.resource))
    failed = [str(o) for o in held if o.verdict == "failed"]
    text = [*summary(held, seconds), "", *failed, "", rendered(rules), ""]
    texts = (junit(held, plans), json.dumps(sarif(held), indent=1), "\n".join(text))
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES]
    for path, content in zip(paths, texts, strict=True):
        path.write_text(content)
    return paths
