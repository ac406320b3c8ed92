"""A module that waits for another resource of its root changes only with its own inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.harness.stacks import STACKS
from tests.harness.terraform import planning, roots
from tests.harness.terraform.command import Terraform

# The data sources of each module. While a dependency of the module has changes, Terraform knows
# what they return only after apply. Only a check may read one.
DATA_SOURCES: Mapping[str, set[str]] = {"aws": {"data.aws_region.current"}, "gcp": set()}


@pytest.mark.parametrize("name", sorted(STACKS))
def test_changed_dependency_changes_no_resource(
    offline_session: planning.Session, name: str
) -> None:
    stack = STACKS[name]
    arguments = {
        **stack.smallest,
        "run_migrations": False,
        "proxy_config": {"model_list": []},
        "depends_on": ["terraform_data.first"],
    }

    def extra(value: str) -> dict[str, object]:
        return {"resource": {"terraform_data": {"first": {"input": value}}}}

    with planning.work_folder(offline_session, stack) as module:
        folder = roots.call_root(stack, module, arguments, extra("1"))
        terraform = Terraform(folder, offline_session.core.binary, offline_session.environment)
        terraform.init(backend=False)
        terraform.apply()
        roots.call_root(stack, module, arguments, extra("2"))
        result = terraform.planned()
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    changed = {a: r.actions for a, r in result.plan.resources.items() if r.actions != ("no-op",)}
    assert changed == {"terraform_data.first": ("update",)}


@pytest.mark.parametrize("name", sorted(STACKS))
def test_only_a_check_reads_a_data_source(name: str) -> None:
    text = "\n".join(path.read_text() for path in sorted(STACKS[name].folder.glob("*.tf")))
    declared = {
        f"data.{kind}.{label}"
        for kind, label in re.findall(r'^data "(\w+)" "(\w+)"', text, re.MULTILINE)
    }
    assert declared == DATA_SOURCES[name]
    for source in declared:
        readers = [line for line in text.splitlines() if f"{source}." in line]
        assert [
            line for line in readers if not re.match(r" +(condition|error_message) +=", line)
        ] == []
