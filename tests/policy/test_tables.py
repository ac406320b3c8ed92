"""Skips, rules and reports: an unused skip, a missing reason and an unmapped check are errors."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.harness.paths import ROOT
from tests.harness.policy import reports, rules, skips
from tests.harness.policy.examples import ExampleError, load
from tests.harness.policy.outcomes import Outcome, count, pack, unpack
from tests.harness.policy.places import place
from tests.harness.policy.rules import Rule
from tests.harness.policy.skips import Skip
from tests.harness.verdict import Verdict


def outcome(verdict: Verdict, check: str = "CKV_AWS_18", resource: str = "") -> Outcome:
    where = resource or 'aws_s3_bucket.this["data"]'
    return Outcome(check, "Ensure logs", "aws", "safe", "oldest", where, verdict, "", verdict)


SKIP = Skip("CKV_AWS_18", "aws", "aws_s3_bucket.this[*]", "No logs.", "Log.")


# ---- Skips ----


def test_skip_replaces_a_failure_with_its_reason() -> None:
    (skipped,) = skips.apply([outcome("failed")], [SKIP])
    assert (skipped.verdict, skipped.reason, skipped.remediation) == ("skipped", "No logs.", "Log.")
    assert skips.unused([SKIP], [skipped]) == []


@pytest.mark.parametrize(
    "other",
    [
        outcome("passed"),
        outcome("unknown"),
        outcome("failed", check="CKV_AWS_21"),
        outcome("failed", resource="aws_s3_bucket.that"),
    ],
    ids=["passed", "unknown", "another-check", "another-resource"],
)
def test_skip_without_a_failure_is_unused(other: Outcome) -> None:
    assert skips.apply([other], [SKIP]) == [other]
    assert skips.unused([SKIP], [other]) == [SKIP]


def test_skip_applies_to_its_cases_only() -> None:
    elsewhere = Skip("CKV_AWS_18", "aws", "*", "No logs.", "Log.", cases=("plaintext",))
    assert skips.unused([elsewhere], [outcome("failed")]) == [elsewhere]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "{check: A, stack: aws, resource: '*', reason: No.}",
            "unknown or missing keys: remediation",
        ),
        (
            "{check: A, stack: aws, resource: '*', reason: No., remediation: ' '}",
            "remediation must not be empty",
        ),
        (
            "{check: A, stack: azure, resource: '*', reason: No., remediation: Do.}",
            "unknown stack 'azure'; use one of aws, gcp",
        ),
        (
            "{check: A, stack: aws, resource: '*', reason: No., remediation: Do., why: x}",
            "unknown or missing keys: why",
        ),
    ],
)
def test_incomplete_skip_is_refused(tmp_path: Path, entry: str, message: str) -> None:
    (tmp_path / "skips.yaml").write_text(f"skips: [{entry}]\n")
    with pytest.raises(skips.SkipError, match=message):
        skips.load(tmp_path / "skips.yaml")


# ---- Rules ----


@pytest.mark.parametrize(
    ("row", "reported", "flaw"),
    [
        ({"aws": ("CKV_AWS_1",), "gcp": ()}, {"aws": ["CKV_AWS_1"]}, "and no reason; add `why`"),
        ({"aws": (), "gcp": ()}, {}, "has no check; add one"),
        (
            {"aws": ("CKV_AWS_1",), "gcp": ("CKV_AWS_2",)},
            {"aws": ["CKV_AWS_1"], "gcp": ["CKV_AWS_2"]},
            "CKV_AWS_2 is not a check for gcp",
        ),
        (
            {"aws": ("CKV_AWS_1",), "gcp": ("CKV_GCP_1",)},
            {"aws": ["CKV_AWS_1", "CKV_AWS_3"], "gcp": ["CKV_GCP_1"]},
            "CKV_AWS_3 ran on aws and is in no rule",
        ),
        (
            {"aws": ("CKV_AWS_1",), "gcp": ("CKV_GCP_1",)},
            {"aws": ["CKV_AWS_1"]},
            "CKV_GCP_1 is in a rule for gcp and did not run",
        ),
        (
            {"aws": ("CKV_AWS_1", "CKV_AWS_1"), "gcp": ("CKV_GCP_1",)},
            {"aws": ["CKV_AWS_1"], "gcp": ["CKV_GCP_1"]},
            "CKV_AWS_1 is in 2 rules for aws",
        ),
    ],
    ids=["one-sided", "empty", "wrong-cloud", "unmapped", "dead", "twice"],
)
def test_flaw_of_a_policy_rule_is_named(
    row: dict[str, tuple[str, ...]], reported: dict[str, list[str]], flaw: str
) -> None:
    (message,) = rules.flaws([Rule("logs", "There are logs.", row)], reported)
    assert flaw in message


def test_one_sided_rule_with_a_reason_has_no_flaw() -> None:
    row = Rule("logs", "There are logs.", {"aws": ("CKV_AWS_1",), "gcp": ()}, "Always on.")
    assert list(rules.flaws([row], {"aws": ["CKV_AWS_1"]})) == []
    assert "| CKV_AWS_1 | Always on. |" in rules.render([row])


# ---- Reports ----

MANY = [
    outcome("passed"),
    outcome("failed"),
    outcome("skipped").skipped("No logs.", "Log."),
    outcome("unknown", check="CKV_AWS_70"),
]


def test_outcomes_survive_serialization() -> None:
    assert unpack(json.loads(json.dumps(pack(MANY)))) == MANY


def test_verdicts_from_resolved_plans_are_counted() -> None:
    late = Outcome("A", "a", "aws", "safe", "oldest", "b", "passed", "", "unknown")
    counts = count([late, outcome("passed")])
    assert (counts["aws", "passed"], counts["aws", "late"], counts["aws", "unknown"]) == (2, 1, 0)


def test_junit_has_a_case_and_remedy_for_each_outcome() -> None:
    (suite,) = ElementTree.fromstring(reports.junit(MANY, {"aws-safe": "PLAN"}))  # noqa: S314
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "skipped": "2",
    }
    (failure,) = suite.iter("failure")
    assert failure.text is not None
    for part in ("storage.tf:", "skips.yaml", "-k 'aws-safe and oldest'", "plan alone: PLAN"):
        assert part in failure.text
    messages = [element.get("message") for element in suite.iter("skipped")]
    assert messages[0] == "No logs. Remediation: Log."


def test_sarif_has_the_required_fields() -> None:
    """Source: OASIS, SARIF 2.1.0, required properties of each object in the report."""
    document = reports.sarif(MANY)
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "checkov"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    kinds = set()
    for result in run["results"]:
        assert result["message"]["text"]
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        # Only a result of the kind "fail" has a level.
        assert result["kind"] == "fail" or result["level"] == "none"
        kinds.add(result["kind"])
        for location in result["locations"]:
            physical = location["physicalLocation"]
            assert not physical["artifactLocation"]["uri"].startswith("/")
            assert physical["region"]["startLine"] >= 1
        for suppression in result.get("suppressions", ()):
            assert suppression["kind"] in ("inSource", "external")
            assert suppression["justification"] == "No logs. Remediation: Log."
    assert kinds == {"fail", "open"}
    assert sum("suppressions" in result for result in run["results"]) == 1


def test_report_names_the_line_of_the_resource() -> None:
    file, line = place("aws", 'aws_s3_bucket.this["data"]')
    text = (ROOT / file).read_text().splitlines()[line - 1]
    assert text == 'resource "aws_s3_bucket" "this" {'


def test_reports_and_summary_are_written(tmp_path: Path) -> None:
    paths = reports.write(tmp_path / "new", MANY, rules.load(), {}, 1.5)
    assert [path.name for path in paths] == list(reports.FILES)
    text = paths[2].read_text()
    assert "aws: passed 1   failed 1   skipped 1   unknown 1" in text
    assert "skipped: CKV_AWS_18 aws Ensure logs (1): No logs. Remediation: Log." in text
    assert "1.5 s" in text


def test_foreign_file_among_examples_is_refused(tmp_path: Path) -> None:
    (tmp_path / "CKV2_LITELLM_1").mkdir()
    (tmp_path / "CKV2_LITELLM_1" / "aws-good.tf").write_text("")
    with pytest.raises(ExampleError, match="CLOUD-VERDICT"):
        load(tmp_path)
