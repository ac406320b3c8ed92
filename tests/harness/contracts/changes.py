"""What changing an input of an applied stack does.

``tests/data/changes.yaml`` names the effect of each input. :func:`observed` derives it from the
plans of the parity table: it looks up each changed argument in the rules of the provider, which say
whether a change replaces the resource. An effect that two new stacks do not show (a refusal, or an
argument that only the first apply reads) names the test that shows it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness import documents
from tests.harness.contracts import parity
from tests.harness.offline import catalogue
from tests.harness.paths import CHANGES
from tests.harness.plan.semantic_diff import Change
from tests.harness.stacks import STACKS, Stack
from tests.harness.terraform.planning import Session

# From the mildest to the worst.
KINDS: Mapping[str, str] = {
    "nothing": "Terraform changes nothing",
    "in place": "Terraform updates resources in place",
    "restarts": "gateway and backend, or the UI, get new containers, one after the other",
    "replaces": "Terraform replaces a resource other than a store",
    "loses data": "Terraform deletes or replaces a store",
    "first apply": "only the first apply reads the input",
    "refused": "the plan refuses a change",
}
_SHOWN = ("nothing", "in place", "restarts", "replaces", "loses data")
# Resources with data that no other resource has.
_STORES = (
    "aws_rds_cluster.",
    "google_sql_database_instance.writer",
    "aws_s3_bucket.",
    "google_storage_bucket.",
    "aws_secretsmanager_secret.",
    "google_secret_manager_secret.",
)
# A new version of a secret, which restarts the containers.
_VERSIONS = ("aws_secretsmanager_secret_version", "google_secret_manager_secret_version")
# A replacement of a task definition is a new deployment of its service, or a new run of its job.
_DEFINITION = "aws_ecs_task_definition"
_TEMPLATE = ("google_cloud_run_v2_service", "template")


@dataclass(frozen=True, slots=True)
class Row:
    """The effect of an input: one of ``KINDS``, a remark, and the test that shows it."""

    does: str
    remark: str
    test: str


@functools.cache
def rows() -> Mapping[str, Mapping[str, Row]]:
    """The rows of the file by stack and input."""
    document = documents.read(CHANGES)
    return {stack: {name: _row(row) for name, row in document[stack].items()} for stack in STACKS}


def _row(row: str | Mapping[str, str]) -> Row:
    if isinstance(row, str):
        return Row(row, "", "")
    return Row(row["does"], row.get("remark", ""), row.get("test", ""))


def observed(session: Session, stack: Stack) -> dict[str, str]:
    """The worst effect of each input among the plans of the parity table."""
    oldest = catalogue.releases(stack.provider)[0]
    release = session.choice.offline.get(stack.provider, oldest)
    rules = catalogue.provider_rules(stack.provider, release)
    found: dict[str, str] = {}
    for name, changes in parity.input_changes(session, stack):
        kinds = [*_kinds(changes, rules), found.get(name, "nothing")]
        found[name] = max(kinds, key=_SHOWN.index)
    return found


def _kinds(
    changes: Sequence[Change], rules: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[str]:
    for change in changes:
        kind = change.address.split(".")[0]
        stored = change.address.startswith(_STORES)
        if kind in ("output", "terraform_data", "random_id"):
            continue
        if not change.path:
            yield "loses data" if stored and change.kind == "removed" else "in place"
        elif (kind, change.path.split(".")[0]) == _TEMPLATE:
            yield "restarts"
        elif kind in _VERSIONS or not _forces(rules.get(kind, {}), change.path):
            yield "in place"
        elif kind == _DEFINITION:
            yield "in place" if ".job[" in change.address else "restarts"
        else:
            yield "loses data" if stored else "replaces"


def _forces(rules: Mapping[str, Mapping[str, Any]], path: str) -> bool:
    """Whether a change of the value at a path replaces the resource."""
    parts = path.split(".")
    prefixes = (".".join(parts[:n]) for n in range(1, len(parts) + 1))
    return any(rules.get(prefix, {}).get("force_new") for prefix in prefixes)


def rendered() -> str:
    """The tables of the documentation."""
    lines = ["| Effect | Meaning |", "|---|---|"]
    lines += [f"| {kind} | {text} |" for kind, text in KINDS.items()]
    for stack, title in (("aws", "AWS"), ("gcp", "Google Cloud")):
        lines += ["", f"## {title}", "", "| Input | Effect | Remark |", "|---|---|---|"]
        lines += [f"| `{n}` | {r.does} | {r.remark} |" for n, r in rows()[stack].items()]
    return "\n".join(lines)
