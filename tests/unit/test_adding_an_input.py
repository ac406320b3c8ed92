"""The worked example of docs/adding-an-input.md applies and does what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.paths import ROOT

PAGE = ROOT / "docs" / "adding-an-input.md"
PATCHES = re.findall(r"^```diff\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
# Runs in the copy: its modules, data and harness are the changed ones.
CHECKS = """
import json, sys
from tests.harness.cli import docs
from tests.harness.contracts import parity, run
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning, providers

only = sys.argv[1:]
found = {"stale": None if only else docs.main([])}
choice = providers.resolved_choice(providers.choose("offline"))
with planning.session(choice, use_cache=False) as session:
    for name, stack in STACKS.items():
        inputs = {**stack.smallest, "log_level": "DEBUG"}
        result = planning.plan(session, planning.Case("log-level", name, inputs))
        _, outcomes = run.outcomes_of(session, stack, inputs, result)
        found[name] = {
            "contracts": run.failures(session, outcomes),
            "checked": sorted(outcomes),
        }
        if only == ["contracts"]:
            continue
        refused = {**stack.smallest, "log_level": "LOUD"}
        row = parity.outcomes(session, stack, only=["Log level"])
        found[name] |= {
            "parity": [str(o) for o in row if o.verdict != "passed"],
            "refused": str(planning.plan(session, planning.Case("loud", name, refused))),
        }
json.dump(found, sys.stdout)
"""


def checked(tree: Path, *only: str) -> dict[str, Any]:
    """The results of all checks, or of ``contracts`` only."""
    command = [sys.executable, "-c", CHECKS, *only]
    result = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with the patches of the page."""
    folder = tmp_path_factory.mktemp("example") / "checkout"
    for part in (".github", "terraform", "tests", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", ".terraform*")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    shutil.copy(ROOT / "README.md", folder)
    for patch in PATCHES:
        command = ["git", "apply", "--unidiff-zero", "-"]
        subprocess.run(command, cwd=folder, input=patch, text=True, check=True)
    return folder


def test_worked_example_has_a_patch_for_each_step() -> None:
    assert len(PATCHES) == 6


def test_worked_example_passes_every_check(tree: Path) -> None:
    found = checked(tree)
    assert found["stale"] == 0
    for name in ("aws", "gcp"):
        assert len(found[name]["checked"]) > 8
        assert found[name]["contracts"] == {}
        assert found[name]["parity"] == []
        assert "log_level must be DEBUG, INFO, WARNING or ERROR" in found[name]["refused"]
        assert "`log_level`" in (tree / "terraform" / "litellm" / name / "README.md").read_text()


def test_worked_example_without_its_contract_fails(tree: Path) -> None:
    path = Path("tests", "harness", "contracts", "properties", "environment.py")
    shutil.copy(ROOT / path, tree / path)
    found = checked(tree, "contracts")
    assert set(found["aws"]["contracts"]) == set(found["gcp"]["contracts"]) == {"environment"}
