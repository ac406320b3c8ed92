"""Scans of plans with checkov, in this process: what it would drop or swallow is an outcome, too.

checkov leaves out of its report a check that crashes and one that answers UNKNOWN; it logs, and
goes on, where a file of checks does not load. Here the first two are the outcome ``unknown``, and
the third raises.
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
_UNDECIDED = "the check does not apply here, or does not say"


class CheckError(RuntimeError):
    """A file of checks does not load, or a check is not there."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one scan says of a check on a resource.

    ``late``: what the check reads is known only after apply.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    late: bool = False


class _Errors(logging.Handler):
    """Keeps what checkov logs in place of raising."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
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
    """Load a folder of checks as ``checkov --external-checks-dir`` does; gives them by id.

    Raises:
        CheckError: a file does not load, an id is taken twice, or a check did not register.
    """
    path = list(sys.path)
    try:
        with _errors() as errors:
            resource_registry.load_external_checks(str(folder))
            get_graph_checks_registry("terraform").load_external_checks(str(folder))
    finally:
        # checkov leaves the folder in front of the standard library.
        sys.path[:] = path
    if errors:
        said = "; ".join(f"{record.getMessage()} ({_cause(record)})" for record in errors)
        raise CheckError(f"{folder}: {said}. Mend the file; `python FILE` shows where")
    found: dict[str, BaseResourceCheck] = {}
    for file in sorted(folder.rglob("*.py")):
        for check in vars(sys.modules.get(file.stem, object)).values():
            if not isinstance(check, BaseResourceCheck):
                continue
            if check.id in found:
                raise CheckError(f"{file}: {check.id} is the id of another check, too")
            if resource_registry.get_check_by_id(check.id) is None:
                raise CheckError(f"{file}: {check.id} did not register: has it any resource type?")
            found[check.id] = check
    return found


class _Runner(Runner):  # type: ignore[misc]  # checkov is not typed
    """checkov's runner of plans, which also keeps what its graph checks answer."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[str, str, str, Any]] = []

    def run_graph_checks_results(self, *arguments: Any, **named: Any) -> Any:
        """Keep id, name, address and answer of each graph check on each resource."""
        results = super().run_graph_checks_results(*arguments, **named)
        for check, answers in results.items():
            for answer in answers:
                address = answer["entity"].get("__address__", "")
                self.answers.append((check.id, check.name, address, answer["result"]))
        return results


def scan(scanned: Document, only: tuple[str, ...] = ()) -> dict[tuple[str, str], Found]:
    """What every check says of a document, by check id and address.

    Args:
        scanned: what to scan.
        only: the ids to run; all of them without any.

    Raises:
        CheckError: checkov does not read the document.
    """
    # Kept by file and resource, and so by what the document before had there.
    BaseTerraformCloudsplainingIAMScanner.policy_document_cache.clear()
    runner = _Runner()
    chosen = RunnerFilter(framework=["terraform_plan"], checks=list(only) or None)
    with tempfile.TemporaryDirectory() as folder, _errors() as errors:
        file = Path(folder) / "plan.json"
        file.write_text(scanned.text)
        report = runner.run(files=[str(file)], runner_filter=chosen)
    if report.parsing_errors or len(report.resources) != len(scanned.types):
        raise CheckError(
            f"checkov read {len(report.resources)} of {len(scanned.types)} resources; "
            f"it says {report.parsing_errors or [r.getMessage() for r in errors]}"
        )
    found = {
        (record.check_id, record.resource): _found(record, scanned.values[record.resource])
        for record in (*report.passed_checks, *report.failed_checks)
    }
    for check_id, name, address, answer in runner.answers:
        if answer == CheckResult.UNKNOWN and address in scanned.types:
            found.setdefault((check_id, address), Found(name, "unknown", _UNDECIDED))
    crashes = _crashes(errors)
    for address, resource_type in scanned.types.items():
        for check in resource_registry.get_checks(resource_type):
            if (only and check.id not in only) or check.id in TF_LIFECYCLE_CHECK_IDS:
                continue
            if (check.id, address) not in found:
                crash = crashes.get((check.id, f"{resource_type}.{scanned.names[address]}"))
                reason = f"the check crashed: {crash}" if crash else _UNDECIDED
                late = not crash and SENTINEL in strings(scanned.values[address])
                found[check.id, address] = Found(
                    check.name, "unknown", LATE if late else reason, late
                )
    return found


def _crashes(errors: list[logging.LogRecord]) -> dict[tuple[str, str], str]:
    """What crashed by check and name, from checkov's "Failed to run check ID on FILE:TYPE.NAME"."""
    found = {}
    for record in errors:
        match = re.match(r"Failed to run check (\S+) on [^:]*:(\S+)", record.getMessage())
        if match:
            found[match[1], match[2]] = _cause(record)
    return found


def _found(record: Any, values: Mapping[str, Any]) -> Found:
    verdict = _VERDICTS[record.check_result["result"]]
    keys = [str(key) for key in record.check_result.get("evaluated_keys") or () if key]
    if any(_late(values, key) for key in keys):
        return Found(record.check_name, "unknown", LATE, late=True)
    return Found(record.check_name, verdict)


def _late(values: Any, key: str) -> bool:
    """Whether what is at a key, on the way to it or below it, is known only after apply.

    checkov writes keys as ``rule/[0]/name``; ``[0]`` may stand for the list it puts around a value.
    """
    for step in re.split(r"[/.]", key.replace("[", "/[").strip("/")):
        if not step:
            continue
        if isinstance(values, list) and (index := re.fullmatch(r"\[(\d+)\]", step)):
            place = int(index[1])
            if place >= len(values):
                return False
            values = values[place]
        elif isinstance(values, list):
            return any(_late(item, step) for item in values)
        elif isinstance(values, Mapping) and not step.startswith("["):
            if step not in values:
                return False
            values = values[step]
    return SENTINEL in strings(values)


def judged(
    resolved: Mapping[tuple[str, str], Found],
    plain: Mapping[tuple[str, str], Found],
    *,
    stack: str,
    case: str,
    release: str,
) -> list[Outcome]:
    """The outcomes of a case: the resolved document decides, and the plan says what it hides.

    The plan alone is ``unknown`` where its check reads a late value, and where its verdict is not
    the resolved one: a check that does not tell what it reads can have read but such a value.
    """
    outcomes = []
    for (check, resource), found in sorted(resolved.items()):
        before = plain.get((check, resource))
        same = before is not None and before.verdict == found.verdict and not before.late
        outcomes.append(
            Outcome(
                check,
                found.name,
                stack,
                case,
                release,
                resource,
                found.verdict,
                found.reason,
                found.verdict if same else "unknown",
            )
        )
    return outcomes


def scanned(
    planned: Plan,
    resolved: Plan,
    releases: Mapping[str, str],
    *,
    stack: str,
    case: str,
    release: str,
    only: tuple[str, ...] = (),
) -> list[Outcome]:
    """The outcomes of a root: both its documents made and scanned, as :func:`judged` says.

    Raises:
        DocumentError: a resource is in a module call.
        CheckError: checkov does not read a document.
    """
    both = [
        scan(document(planned, resolved, releases, plain=plain), only) for plain in (False, True)
    ]
    return judged(both[0], both[1], stack=stack, case=case, release=release)
