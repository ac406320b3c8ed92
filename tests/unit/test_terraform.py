"""Terraform commands do not have the known defects of tftest, and leave no files."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from tests.harness.terraform import planning
from tests.harness.terraform.command import Terraform, TerraformError

ECHO = """
variable "flag" { type = bool }
variable "ports" { type = map(number) }
output "seen" { value = { flag = var.flag, ports = var.ports } }
"""


def fake(folder: Path, script: str) -> Terraform:
    binary = folder / "terraform"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    return Terraform(folder, str(binary), os.environ)


def test_bool_and_map_reach_terraform_unchanged(session: planning.Session) -> None:
    with planning.temporary_root(session, {"main.tf": ECHO}) as root:
        result = root.planned({"flag": True, "ports": {"a": 1}})
    assert result.plan is not None, str(result)
    assert result.plan.outputs["seen"] == {"flag": True, "ports": {"a": 1}}


def test_plan_and_variable_files_are_removed(
    session: planning.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with planning.temporary_root(session, {"main.tf": ECHO}) as root:
        root.planned({"flag": True, "ports": {}})
        assert sorted(p.name for p in Path(root.tfdir).iterdir()) == ["main.tf"]
    assert list(tmp_path.iterdir()) == []
    assert not Path(root.tfdir).exists()


def test_variable_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    with Terraform(tmp_path, "true", {}).variables({"key": "sk-1"}) as file:
        assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600


@pytest.mark.parametrize("status", [3, 127])
def test_unexpected_exit_status_is_an_error(tmp_path: Path, status: int) -> None:
    with pytest.raises(TerraformError, match=f"status {status}: lost"):
        fake(tmp_path, f"echo lost >&2; exit {status}").run("plan")


def test_killed_terraform_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match="status -9"):
        fake(tmp_path, "kill -9 $$").run("plan")


def test_failed_command_error_has_its_output(tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match="no such module"):
        fake(tmp_path, "echo no such module >&2; exit 1").init()


def test_missing_binary_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match="does not start"):
        Terraform(tmp_path, str(tmp_path / "none"), {}).run("version")


def test_megabyte_of_stderr_does_not_stall(tmp_path: Path) -> None:
    output = fake(tmp_path, "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo done").run("plan")
    assert len(output.err) == 1_000_000
    assert output.out == "done\n"


def test_hanging_terraform_is_ended_with_its_plugins(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(TerraformError, match=r"did not end within 0\.5 s"):
        fake(tmp_path, f"sleep 60 & echo $! > {tmp_path}/plugin; wait").run("plan", timeout=0.5)
    assert time.monotonic() - started < 10
    plugin = int((tmp_path / "plugin").read_text())
    for _ in range(100):
        if not Path(f"/proc/{plugin}").exists() or "Z" in Path(f"/proc/{plugin}/stat").read_text():
            return
        time.sleep(0.05)
    pytest.fail(f"the plugin {plugin} still runs")


def test_environment_of_the_caller_does_not_change_a_plan(
    session: planning.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_flag", "false")
    monkeypatch.setenv("TF_CLI_ARGS_plan", "-destroy")
    with planning.temporary_root(session, {"main.tf": ECHO}) as root:
        result = root.planned({"ports": {}})
    assert "No value for required variable" in str(result)
