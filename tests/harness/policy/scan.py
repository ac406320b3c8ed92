"""Scan plans with checkov in this process, including outcomes that checkov does not report.

checkov omits a check from its report if the check crashes or returns UNKNOWN. Here such a check has
the verdict ``unknown``. If a file of checks does not load, checkov logs an error and continues.
Here an exception is raised.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checkov.common.checks_infra.registry import get_graph_checks_registry
from checkov.common.models.enums import CheckResult
from checkov.runner_filter import RunnerFilter
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck
from checkov.terraform.checks.resource.registry import resource_registry
from checkov.terraform.checks.utils.base_cloudsplaining_iam_scanner import (
    BaseTerraformCloudsplainingIAMScanner,
)
from checkov.terraform.plan_runner import TF_LIFECYCLE_CHECK_IDS, Runner

from tests.harness.paths import POLICY_CHECKS
from tests.harness.plan.view import Plan
from tests.harness.policy.documents import Document, document, strings
from tests.harness.policy.outcomes import LATE, Outcome
from tests.harness.policy.resolving import SENTINEL
from tests.harness.verdict import Verdict

_VERDICTS: Mapping[Any, Verdict] = {CheckResult.PASSED: "passed", CheckResult.FAILED: "failed"}
_UNDECIDED = "the check does not apply here, or returns no result"


class CheckError(RuntimeError):
    """A file of checks does not load, a check is not registered, or checkov cannot read a plan."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check on a resource in one scan.

    ``late`` tells whether the check reads a value known only after apply.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    late: bool = False


class _Errors(logging.Handler):
    """Collects the errors that checkov logs and does not raise."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Collect a record."""
        self.records.append(record)


@contextlib.contextmanager
def _errors() -> Iterator[list[logging.LogRecord]]:
    handler = _Errors()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler.records
    finally:
        root.removeHandler(handler)


def _cause(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return f"{type(error).__name__}: {error}" if error else record.getMessage()


def load_checks(folder: Path = POLICY_CHECKS) -> Mapping[str, BaseResourceCheck]:
    """Load a folder of checks as ``checkov --external-checks-dir`` does; returns them by id.

    Raises:
        CheckError: a file does not load, two checks have the same id, or a check does not register.
    """
    path = list(sys.path)
    try:
        with _errors() as errors:
            resource_registry.load_external_checks(str(folder))
            get_graph_checks_registry("terraform").load_external_checks(str(folder))
    finally:
        # checkov inserts the folder before the standard library and does not remove it.
        sys.path[:] = path
    if errors:
        messages = "; ".join(f"{record.getMessage()} ({_cause(record)})" for record in errors)
        raise CheckError(f"{folder}: {messages}. Correct the file; `python FILE` shows the line")
    checks: dict[str, BaseResourceCheck] = {}
    for file in sorted(folder.rglob("*.py")):
        for check in vars(sys.modules.get(file.stem, object)).values():
            if not isinstance(check, BaseResourceCheck):
                continue
            if check.id in checks:
                raise CheckError(f"{file}: another check has the id {check.id}; choose a free id")
            if resource_registry.get_check_by_id(check.id) is None:
                raise CheckError(f"{file}: {check.id} did not register; add a resource type")
            checks[check.id] = check
    return checks


class _Runner(Runner):  # type: ignore[misc]  # checkov is not typed
    """The plan runner of checkov, which also collects the answers of the graph checks."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[str, str, str, Any]] = []

    def run_graph_checks_results(self, *arguments: Any, **named: Any) -> Any:
        """Collect id, name, address and answer of each graph check on each resource."""
        results = super().run_graph_checks_results(*arguments, **named)
        for check, answers in results.items():
            for answer in answers:
                address = answer["entity"].get("__address__", "")
                self.answers.append((check.id, check.name, address, answer["result"]))
        return results


def scan(target: Document, only: tuple[str, ...] = ()) -> dict[tuple[str, str], Finding]:
    """Run the checks on a document; returns the findings by check id and address.

    Args:
        target: the document.
        only: the ids of the checks to run; empty means all.

    Raises:
        CheckError: checkov does not read all resources of the document.
    """
    # The cache is keyed by file and resource. It would return policies of an earlier document.
    BaseTerraformCloudsplainingIAMScanner.policy_document_cache.clear()
    runner = _Runner()
    runner_filter = RunnerFilter(framework=["terraform_plan"], checks=list(only) or None)
    with tempfile.TemporaryDirectory() as folder, _errors() as errors:
        file = Path(folder) / "plan.json"
        file.write_text(target.text)
        report = runner.run(files=[str(file)], runner_filter=runner_filter)
    if report.parsing_errors or len(report.resources) != len(target.types):
        raise CheckError(
            f"checkov read {len(report.resources)} of {len(target.types)} resources; "
            f"it reports {report.parsing_errors or [r.getMessage() for r in errors]}. Correct the "
            "document in tests/harness/policy/documents.py"
        )
    findings = {
        (record.check_id, record.resource): _finding(record, target.values[record.resource])
        for record in (*report.passed_checks, *report.failed_checks)
    }
    for check_id, name, address, answer in runner.answers:
        if answer == CheckResult.UNKNOWN and address in target.types:
            findings.setdefault((check_id, address), Finding(name, "unknown", _UNDECIDED))
    crashes = _crashes(errors)
    for address, resource_type in target.types.items():
        for check in resource_registry.get_checks(resource_type):
            if (only and check.id not in only) or check.id in TF_LIFECYCLE_CHECK_IDS:
                continue
            if (check.id, address) not in findings:
                crash = crashes.get((check.id, f"{resource_type}.{target.names[address]}"))
                reason = f"the check crashed: {crash}" if crash else _UNDECIDED
                late = not crash and SENTINEL in strings(target.values[address])
                findings[check.id, address] = Finding(
                    check.name, "unknown", LATE if late else reason, late
                )
    return findings


def _crashes(errors: list[logging.LogRecord]) -> dict[tuple[str, str], str]:
    """The crashes by check and resource, from "Failed to run check ID on FILE:TYPE.NAME"."""
    causes = {}
    for record in errors:
        match = re.match(r"Failed to run check (\S+) on [^:]*:(\S+)", record.getMessage())
        if match:
            causes[match[1], match[2]] = _cause(record)
    return causes


def _finding(record: Any, values: Mapping[str, Any]) -> Finding:
    verdict = _VERDICTS[record.check_result["result"]]
    keys = [str(key) for key in record.check_result.get("evaluated_keys") or () if key]
    if any(_late(values, key) for key in keys):
        return Finding(record.check_name, "unknown", LATE, late=True)
    return Finding(record.check_name, verdict)


def _late(values: Any, key: str) -> bool:
    """Whether the value at a key, above it or below it is known only after apply.

    checkov writes keys as ``rule/[0]/name``. ``[0]`` may denote the list in which it wraps a value.
    """
    for step in re.split(r"[/.]", key.replace("[", "/[").strip("/")):
        if not step:
            continue
        if isinstance(values, list) and (index := re.fullmatch(r"\[(\d+)\]", step)):
            position = int(index[1])
            if position >= len(values):
                return False
            values = values[position]
        elif isinstance(values, list):
            return any(_late(item, step) for item in values)
        elif isinstance(values, Mapping) and not step.startswith("["):
            if step not in values:
                return False
            values = values[step]
    return SENTINEL in strings(values)


def combine_findings(
    resolved: Mapping[tuple[str, str], Finding],
    plain: Mapping[tuple[str, str], Finding],
    *,
    stack: str,
    case: str,
    release: str,
) -> list[Outcome]:
    """The outcomes of a case. The resolved document decides the verdict.

    ``plain_verdict`` is ``unknown`` if the check reads a value known only after apply. It is also
    ``unknown`` if the two verdicts differ: the check then has read such a value, also if it does
    not report what it reads.
    """
    outcomes = []
    for (check, resource), finding in sorted(resolved.items()):
        in_plain = plain.get((check, resource))
        same = in_plain is not None and in_plain.verdict == finding.verdict and not in_plain.late
        outcomes.append(
            Outcome(
                check,
                finding.name,
                stack,
                case,
                release,
                resource,
                finding.verdict,
                finding.reason,
                finding.verdict if same else "unknown",
            )
        )
    return outcomes


def scan_root(
    planned: Plan,
    resolved: Plan,
    releases: Mapping[str, str],
    *,
    stack: str,
    case: str,
    release: str,
    only: tuple[str, ...] = (),
) -> list[Outcome]:
    """Scan the resolved and the plain document of a root; returns the outcomes.

    Raises:
        DocumentError: a resource is in a module call.
        CheckError: checkov does not read all resources of a document.
    """
    findings = [
        scan(document(planned, resolved, releases, plain=plain), only) for plain in (False, True)
    ]
    return combine_findings(findings[0], findings[1], stack=stack, case=case, release=release)
