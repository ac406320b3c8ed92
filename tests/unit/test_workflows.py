"""The workflows of GitHub: pinned, with no permission that they do not need, and cleaning up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import documents
from tests.harness.paths import ROOT

WORKFLOWS = {
    path.stem: documents.read(path)
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
ACCOUNTS = ("nightly", "janitor")
# A workflow with write access, and to what.
WRITES = {
    ("release", "publish"): {"contents": "write"},
    **{
        (name, cloud): {"contents": "read", "id-token": "write"}
        for name in ACCOUNTS
        for cloud in ("aws", "gcp")
    },
}


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, workflow in WORKFLOWS.items():
        for job, body in workflow["jobs"].items():
            yield name, job, body


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job, body in jobs():
        for step in body["steps"]:
            yield f"{name}.{job}", step


def test_every_action_is_pinned_by_its_commit() -> None:
    used = {step["uses"] for _, step in steps() if "uses" in step}
    assert len(used) > 5
    assert [name for name in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name)] == []


def test_no_job_has_a_permission_it_does_not_need() -> None:
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {}, name
    for name, job, body in jobs():
        assert body["permissions"] == WRITES.get((name, job), {"contents": "read"}), (name, job)


def test_no_workflow_reads_a_stored_secret() -> None:
    assert [where for where, step in steps() if "secrets." in str(step)] == []


def test_every_job_ends_by_itself() -> None:
    assert [(n, j) for n, j, body in jobs() if not 0 < body["timeout-minutes"] < 360] == []


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_janitor_runs_after_every_night(cloud: str) -> None:
    named = {step.get("name", ""): step for step in WORKFLOWS["nightly"]["jobs"][cloud]["steps"]}
    for name in ("janitor", "leaks"):
        assert named[name]["if"] == "${{ always() }}"
        assert f"--target={cloud}" in named[name]["run"]
    assert "--apply" in named["janitor"]["run"]
    # The janitor has time left after the longest run.
    longest = sum(step.get("timeout-minutes", 0) for step in named.values())
    assert longest + 30 <= WORKFLOWS["nightly"]["jobs"][cloud]["timeout-minutes"]
    assert "schedule" in WORKFLOWS["janitor"][True]


def test_every_environment_of_tox_exists() -> None:
    declared = set(re.findall(r"(?m)^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text()))
    used = {
        name for _, step in steps() for name in re.findall(r"tox run -e (\w+)", step.get("run", ""))
    }
    matrix = set(WORKFLOWS["ci"]["jobs"]["suite"]["strategy"]["matrix"]["suite"])
    assert used | (matrix - {"unit"}) <= declared
    assert {"integration", "janitor", "leaks"} <= used
