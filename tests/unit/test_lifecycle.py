"""Both stacks in an offline apply, in which all values are known: state, changes, destroy."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.contracts.properties import secrets
from tests.harness.plan.containers import containers
from tests.harness.plan.routing import path_rules, targets
from tests.harness.plan.view import Plan
from tests.harness.stacks import CREDENTIALS, STACKS
from tests.harness.terraform import cases, planning
from tests.harness.terraform.command import Terraform

SERVICES = ("gateway", "backend", "ui")


def inputs_of(name: str, case: str, **more: Any) -> dict[str, Any]:
    return {**cases.find(name, case).inputs, "run_migrations": False, **more}


def planned(root: Terraform, inputs: dict[str, Any], *options: str) -> Plan:
    result = root.planned(inputs, *options)
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan


def state_of(root: Terraform) -> str:
    return (Path(root.tfdir) / "terraform.tfstate").read_text()


def changes(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {a: r.actions for a, r in plan.resources.items() if r.actions != ("no-op",)}


@pytest.fixture(scope="module", params=sorted(STACKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def root(offline_session: planning.Session, name: str) -> Iterator[Terraform]:
    with planning.applied_stack(
        offline_session, STACKS[name], inputs_of(name, "everything")
    ) as terraform:
        yield terraform


@pytest.fixture(scope="module")
def after(root: Terraform, name: str) -> Plan:
    return planned(root, inputs_of(name, "everything"))


def test_second_plan_is_empty(after: Plan) -> None:
    assert changes(after) == {}
    assert len(after.resources) > 40


def test_state_and_plan_hold_no_secret(root: Terraform, after: Plan, name: str) -> None:
    inputs = inputs_of(name, "everything")
    assert len({input_name for input_name in inputs if input_name in CREDENTIALS}) == 3
    for text in (state_of(root), json.dumps(after.document)):
        assert secrets.leaked(inputs, text) == []


def test_state_and_plan_hold_no_generated_key(offline_session: planning.Session, name: str) -> None:
    inputs = inputs_of(name, "smallest")
    with planning.applied_stack(offline_session, STACKS[name], inputs) as terraform:
        for text in (state_of(terraform), json.dumps(planned(terraform, inputs).document)):
            assert secrets.leaked(inputs, text) == []


def test_leaked_finds_a_secret_in_any_form() -> None:
    inputs = {"redis_url": "rediss://:pass-0123456789@redis.example.com:6379", "ui_password": ""}
    encoded = base64.b64encode(b"pass-0123456789").decode()
    for text in ("pass-0123456789", inputs["redis_url"], f"x{encoded}"):
        assert secrets.leaked(inputs, text) == ["redis_url"]
    assert secrets.leaked(inputs, f"sk-{'0Az' * 16}") == ["made"]
    assert secrets.leaked(inputs, "rediss://redis.example.com:6379") == []


def test_container_environment_equals_the_output(after: Plan) -> None:
    planned_containers = containers(after)
    output = after.outputs["containers"]
    for component in SERVICES:
        entries = planned_containers[component].entries
        plain = {name: value for name, value, secret in entries if secret is None}
        assert plain == output[component]["environment"]
        secrets = sorted(name for name, _, secret in entries if secret is not None)
        assert secrets == sorted(output[component]["secrets"])
        assert planned_containers[component].image == output[component]["image"]
        assert list(planned_containers[component].command) == (output[component]["command"] or [])


def test_container_has_no_duplicate_variable(after: Plan) -> None:
    planned_containers = containers(after)
    assert len(planned_containers) >= 4
    for container in planned_containers.values():
        names = [name for name, _, _ in container.entries]
        assert len(names) == len(set(names))


def test_route_reaches_its_component(after: Plan) -> None:
    components = targets(after)
    assert len(components) == 3
    routed = {path: components[rule.target] for rule in path_rules(after) for path in rule.paths}
    for owner in ("gateway", "ui"):
        assert {routed[path] for path in after.outputs["routes"][owner]} == {owner}
    assert routed["/robots.txt"] == "backend"


def test_changed_configuration_rolls_services_in_one_apply(root: Terraform, name: str) -> None:
    changed = inputs_of(name, "everything", proxy_config={"model_list": []})
    touched = changes(planned(root, changed))
    rolled = (
        {'aws_ecs_service.autoscaled["gateway"]', 'aws_ecs_service.autoscaled["backend"]'}
        if name == "aws"
        else {
            'google_cloud_run_v2_service.this["gateway"]',
            'google_cloud_run_v2_service.this["backend"]',
        }
    )
    assert rolled <= touched.keys()
    assert not [a for a in touched if '"ui"' in a or "sql" in a or "rds" in a]


def test_raised_secrets_version_writes_secrets_and_rolls(root: Terraform, name: str) -> None:
    touched = changes(planned(root, inputs_of(name, "everything", secrets_version=3)))
    version = (
        "aws_secretsmanager_secret_version"
        if name == "aws"
        else "google_secret_manager_secret_version"
    )
    for secret in ("master", "license", "ui"):
        assert [a for a in touched if a.startswith(version) and secret in a], (secret, touched)
    assert [a for a in touched if "service" in a and '"gateway"' in a and "version" not in a]


def test_raised_secrets_version_keeps_the_database_password(root: Terraform, name: str) -> None:
    # A failed migration would leave services with a password that the database refuses.
    touched = changes(planned(root, inputs_of(name, "everything", secrets_version=3)))
    assert [a for a in touched if "db_password" in a or a.startswith("google_sql_user")] == []


def test_given_salt_key_is_read_only_once(root: Terraform, name: str) -> None:
    inputs = inputs_of(name, "everything")
    given = [*inputs["provided_credentials"], "litellm_salt_key"]
    later = {**inputs, "litellm_salt_key": "sk-another-0123456789", "provided_credentials": given}
    assert changes(planned(root, later)) == {}


def test_missing_credential_is_refused(root: Terraform, name: str) -> None:
    inputs = inputs_of(name, "everything")
    lost = {key: value for key, value in inputs.items() if key not in CREDENTIALS}
    errors = " ".join(" ".join(str(error).split()) for error in root.planned(lost).errors)
    for credential in inputs["provided_credentials"]:
        assert f"{credential} must not be empty" in errors


def test_destroy_deletes_everything(offline_session: planning.Session, name: str) -> None:
    inputs = inputs_of(name, "smallest")
    with planning.applied_stack(offline_session, STACKS[name], inputs) as terraform:
        destroy_plan = planned(terraform, inputs, "-destroy")
        assert set(changes(destroy_plan).values()) == {("delete",)}
        with terraform.variables(inputs) as file:
            terraform.destroy(tf_var_file=file)
        state = json.loads(state_of(terraform))
        assert state["resources"] == []


def test_apply_that_would_start_a_cli_is_refused(
    offline_session: planning.Session, name: str
) -> None:
    with (
        pytest.raises(ValueError, match="run_migrations"),
        planning.applied_stack(offline_session, STACKS[name], STACKS[name].smallest),
    ):
        pass
