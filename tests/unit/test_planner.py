"""Plans are cached by everything they depend on, isolated in a batch, and leave no files."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import stat
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.harness.stacks import STACKS
from tests.harness.terraform import cache, cases, planning, providers
from tests.harness.terraform.planning import Case, Session

AWS = STACKS["aws"]
# A root with a child module: a plan also depends on the files of the child.
PARENT = {
    "main.tf": """
      module "child" { source = "./child" }
      output "seen" { value = module.child.seen }
    """,
    "variables.tf": "",
    "child/main.tf": 'output "seen" { value = "first" }\n',
}


def module(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], int]:
    """Count the plans that are not cached, with a separate cache for the test."""
    calls = []
    real = planning._plan

    def counted(*arguments: Any, **named: Any) -> dict[str, Any]:
        calls.append(arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(planning, "_plan", counted)
    folder = tmp_path / "cache"
    monkeypatch.setattr(
        cache, "cached", lambda name, make, real=cache.cached: real(name, make, folder)
    )
    return lambda: len(calls)


@pytest.fixture
def tiny(session: Session, tmp_path: Path) -> Session:
    source = module(tmp_path / "module", PARENT)
    return dataclasses.replace(session, source={"aws": source}, cached=True)


def planned_output(session: Session, **inputs: Any) -> Any:
    result = planning.plan(session, Case("tiny", "aws", inputs))
    return result.plan.outputs["seen"] if result.plan else str(result)


def test_same_plan_runs_once(tiny: Session, counting: Callable[[], int]) -> None:
    _declare_region(tiny)
    assert (
        planned_output(tiny, region="eu-west-1")
        == planned_output(tiny, region="eu-west-1")
        == "first"
    )
    assert counting() == 1


def test_edited_child_module_is_planned_again(tiny: Session, counting: Callable[[], int]) -> None:
    _declare_region(tiny)
    assert planned_output(tiny, region="eu-west-1") == "first"
    child = tiny.source["aws"] / "child" / "main.tf"
    child.write_text(child.read_text().replace("first", "second"))
    assert planned_output(tiny, region="eu-west-1") == "second"
    assert counting() == 2


def test_other_inputs_or_providers_are_planned_again(
    tiny: Session, counting: Callable[[], int]
) -> None:
    _declare_region(tiny)
    planned_output(tiny, region="eu-west-1")
    planned_output(tiny, region="eu-west-2")
    planned_output(dataclasses.replace(tiny, choice=providers.newest()), region="eu-west-1")
    assert counting() == 3


def _declare_region(session: Session) -> None:
    (session.source["aws"] / "variables.tf").write_text('variable "region" { type = string }\n')


def test_cached_plan_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    cache.cached("entry", lambda: {"a": 1}, tmp_path)
    assert stat.S_IMODE((tmp_path / "entry.json").stat().st_mode) == 0o600


def test_torn_cache_entry_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "entry.json").write_text('{"a":')
    assert cache.cached("entry", lambda: {"a": 2}, tmp_path) == {"a": 2}
    assert json.loads((tmp_path / "entry.json").read_text()) == {"a": 2}


def test_prune_deletes_old_entries_and_ignores_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    monkeypatch.setattr(Path, "iterdir", lambda _: iter([tmp_path / "gone.json", old, new]))
    cache.prune(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def test_six_concurrent_plans_are_independent(session: Session) -> None:
    uncached = dataclasses.replace(session, cached=False)
    inputs = [{**AWS.smallest, "tenant": f"t{i}"} for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda i: planning.plan(uncached, Case("x", "aws", i)), inputs))
    assert [result.diagnostics for result in results] == [()] * 6
    names = {
        r.values["name"]
        for result in results
        if result.plan
        for r in result.plan.of_type("aws_ecs_cluster").values()
    }
    assert names == {f"t{i}-litellm-dev" for i in range(6)}


def test_plan_leaves_no_file_behind(session: Session) -> None:
    def files(folder: Path) -> set[Path]:
        return {p for p in folder.rglob("*") if "__pycache__" not in p.parts}

    before = files(AWS.folder), files(session.folder)
    planning.plan(dataclasses.replace(session, cached=False), Case("x", "aws", AWS.smallest))
    after = files(AWS.folder), files(session.folder)
    assert after[0] == before[0]
    assert {p.name for p in after[1] - before[1]} <= {"init.lock"}


@pytest.mark.parametrize("name", sorted(STACKS))
def test_batch_plans_a_case_as_alone(session: Session, name: str) -> None:
    stack = STACKS[name]
    inputs = {
        "one": dict(stack.smallest),
        "two": {**stack.smallest, "tenant": "other", "create_redis": False},
    }
    batched = planning.plan_batch(session, stack, inputs)
    for case, values in inputs.items():
        single = planning.plan(session, Case(case, name, values))
        assert single.plan is not None, str(single)
        plan = batched[case].plan
        assert plan is not None, str(batched[case])
        assert batched[case].diagnostics == single.diagnostics == ()
        assert {a: r.values for a, r in plan.resources.items()} == {
            a: r.values for a, r in single.plan.resources.items()
        }
        assert dict(plan.outputs) == dict(single.plan.outputs)


@pytest.mark.parametrize("name", sorted(STACKS))
def test_batch_leaves_out_the_check_of_an_apply(session: Session, name: str) -> None:
    # Terraform makes the check only for a plan that can be applied. A case alone has it. OpenTofu
    # makes no such check, and does not say what can be applied.
    stack = STACKS[name]
    batched = planning.plan_batch(session, stack, {"one": stack.smallest})["one"]
    single = planning.plan(session, Case("one", name, stack.smallest))
    assert batched.plan is not None, str(batched)
    assert single.plan is not None, str(single)
    assert batched.diagnostics == ()
    applyable = [plan.document.get("applyable") for plan in (batched.plan, single.plan)]
    assert applyable == ([None, None] if session.core.name == "OpenTofu" else [False, True])


def test_refused_case_does_not_stop_its_batch(session: Session) -> None:
    batched = planning.plan_batch(
        session,
        AWS,
        {"good": AWS.smallest, "bad": {**AWS.smallest, "allow_plaintext_alb": False}},
    )
    assert "acm_certificate_arn" in str(batched["bad"].errors)
    assert batched["good"].diagnostics == ()
    assert batched["good"].plan is not None
    assert batched["good"].plan.counts["aws_lb"] == 1


def test_refused_variable_does_not_hide_other_cases(session: Session) -> None:
    batched = planning.plan_batch(
        session, AWS, {"good": AWS.smallest, "bad": {**AWS.smallest, "tenant": "9x"}}
    )
    assert "9x" in str(batched["bad"].errors)
    assert batched["good"].diagnostics == ()
    assert batched["good"].plan is not None


def test_result_names_its_replay_command(session: Session) -> None:
    case = cases.find("aws", "no-tls")
    result = planning.plan(session, case)
    assert str(result).endswith("replay alone: tox -e plan -- aws --case no-tls")


def test_module_copy_has_no_state_and_no_links(session: Session, tmp_path: Path) -> None:
    source = shutil.copytree(AWS.folder, tmp_path / "aws")
    (source / "terraform.tfstate").write_text("{}")
    (source / ".terraform").mkdir()
    with_state = dataclasses.replace(session, source={"aws": source})
    with planning.work_folder(with_state, AWS) as copy:
        names = {p.name for p in copy.iterdir()}
        assert "locals.tf" in names
        assert not names & {"terraform.tfstate", ".terraform"}
        assert not [p for p in copy.rglob("*") if p.is_symlink()]


def test_unlisted_case_is_replayed_by_its_inputs(session: Session) -> None:
    inputs = {**STACKS["aws"].smallest, "tenant": "a'b"}
    result = planning.plan(session, Case("odd", "aws", inputs))
    command = shlex.split(result.replay)
    assert command[:5] == ["tox", "-e", "plan", "--", "aws"]
    assert command[5] == "--inputs"
    assert json.loads(command[6]) == inputs
    batched = planning.plan_batch(session, STACKS["aws"], {"one": STACKS["aws"].smallest})
    assert json.loads(shlex.split(batched["one"].replay)[6]) == STACKS["aws"].smallest
