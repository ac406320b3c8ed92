"""What changing an input does to an applied AWS stack: which resources stay, move or wait."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.plan.view import Plan
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning, roots
from tests.harness.terraform.command import Terraform

ZONES = ["eu-west-1a", "eu-west-1c"]
INPUTS = {
    **STACKS["aws"].smallest,
    "azs": ZONES,
    "db_deletion_protection": False,
    "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d",
}
SERVERS = ("gateway", "backend")


@contextlib.contextmanager
def applied(session: planning.Session, inputs: Mapping[str, Any]) -> Iterator[Terraform]:
    """An applied stack with made-up values. Its jobs succeed without a CLI."""
    stack = STACKS["aws"]
    with planning.work_folder(session, stack) as module:
        for script in (module / "scripts").iterdir():
            script.write_text("#!/bin/sh\n")
        root = roots.module_root(stack, module)
        terraform = Terraform(root, session.core.binary, session.environment)
        with terraform.variables(inputs) as file:
            terraform.apply(tf_var_file=file)
        yield terraform


@pytest.fixture(scope="module")
def root(offline_session: planning.Session) -> Iterator[Terraform]:
    with applied(offline_session, INPUTS) as terraform:
        yield terraform


def changed(root: Terraform, **inputs: Any) -> Plan:
    result = root.planned({**INPUTS, **inputs}, "-refresh=false")
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan


def refusal(root: Terraform, **inputs: Any) -> str:
    result = root.planned({**INPUTS, **inputs}, "-refresh=false")
    assert result.errors, f"{inputs} planned"
    return " ".join(" ".join(str(error).split()) for error in result.errors)


def actions(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {a: r.actions for a, r in plan.resources.items() if r.actions != ("no-op",)}


def applied_in_order(root: Terraform, **inputs: Any) -> list[tuple[str, str]]:
    """Apply other inputs; returns the finished (action, address) in order. The state is kept."""
    state = Path(root.tfdir) / "terraform.tfstate"
    before = state.read_text()
    try:
        with root.variables({**INPUTS, **inputs}) as file:
            output = root.execute_command(
                "apply", "-auto-approve", "-json", "-refresh=false", f"-var-file={file}"
            )
    finally:
        state.write_text(before)
    events = [json.loads(line) for line in output.out.splitlines() if line.startswith("{")]
    hooks = [event["hook"] for event in events if event["type"] == "apply_complete"]
    return [(hook["action"], hook["resource"]["addr"]) for hook in hooks]


# ---- Zones ----


def test_reordered_zones_change_nothing(root: Terraform) -> None:
    assert actions(changed(root, azs=ZONES[::-1])) == {}


def test_another_zone_moves_no_subnet_and_no_gateway(root: Terraform) -> None:
    done = actions(changed(root, azs=["eu-west-1b", *ZONES]))
    # The wait for the services starts again.
    assert [a for a, action in done.items() if "delete" in action] == [
        "terraform_data.deployments[0]"
    ]
    created = {a for a, action in done.items() if action == ("create",)}
    assert created == {
        f'{kind}["eu-west-1b"]'
        for kind in (
            "aws_subnet.public",
            "aws_subnet.private",
            "aws_route_table_association.public",
            "aws_route_table_association.private",
        )
    }


def test_range_of_a_subnet_depends_on_its_zone_only(root: Terraform) -> None:
    plan = changed(root)
    ranges = {a: r.values["cidr_block"] for a, r in plan.of_type("aws_subnet").items()}
    assert ranges == {
        'aws_subnet.public["eu-west-1a"]': "10.40.0.0/24",
        'aws_subnet.public["eu-west-1c"]': "10.40.2.0/24",
        'aws_subnet.private["eu-west-1a"]': "10.40.10.0/24",
        'aws_subnet.private["eu-west-1c"]': "10.40.12.0/24",
    }


def test_earlier_zone_does_not_move_the_nat_gateway(offline_session: planning.Session) -> None:
    inputs = {**INPUTS, "azs": ["eu-west-1b", "eu-west-1c"]}
    with applied(offline_session, inputs) as terraform:
        plan = changed(terraform, azs=["eu-west-1a", "eu-west-1b", "eu-west-1c"])
    assert {r.actions for r in plan.of_type("aws_nat_gateway").values()} == {("no-op",)}


def test_zone_of_the_nat_gateway_is_not_removed(offline_session: planning.Session) -> None:
    inputs = {**INPUTS, "azs": ["eu-west-1a", "eu-west-1b", "eu-west-1c"]}
    with applied(offline_session, inputs) as terraform:
        message = refusal(terraform, azs=["eu-west-1b", "eu-west-1c"])
    assert "azs must contain the zone of the NAT gateway" in message
    assert "-replace" in message


def test_subnets_of_a_removed_zone_wait_for_their_users(offline_session: planning.Session) -> None:
    inputs = {**INPUTS, "azs": ["eu-west-1a", "eu-west-1b", "eu-west-1c"]}
    with applied(offline_session, inputs) as terraform:
        done = applied_in_order(terraform, azs=["eu-west-1a", "eu-west-1b"])
    first = min(i for i, (action, a) in enumerate(done) if action == "delete" and "subnet" in a)
    users = [i for i, (action, a) in enumerate(done) if action == "update"]
    assert max(users) < first, done


# ---- Inputs that would replace the data ----


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vpc_cidr", "10.50.0.0/16"),
        ("db_name", "other"),
        ("db_master_username", "admin2"),
        ("kms_key_arn", "arn:aws:kms:eu-west-1:123456789012:key/other"),
        ("iam_path", "/llm/"),
    ],
)
def test_input_that_would_replace_the_data_is_refused(
    root: Terraform, name: str, value: str
) -> None:
    message = refusal(root, **{name: value})
    assert f"{name} must not change" in message
    assert f'"{value}"' in message


# ---- Order of deletion ----


@pytest.mark.parametrize(
    ("inputs", "deleted"),
    [
        ({"create_read_replica": False}, "aws_rds_cluster_instance.reader[0]"),
        ({"create_redis": False}, "aws_elasticache_replication_group.this[0]"),
        ({"create_database": False}, "aws_rds_cluster_instance.writer[0]"),
    ],
)
def test_store_is_deleted_after_the_services_release_it(
    root: Terraform, inputs: dict[str, Any], deleted: str
) -> None:
    done = applied_in_order(root, **inputs)
    order = {address: i for i, (action, address) in enumerate(done)}
    services = [f'aws_ecs_service.autoscaled["{name}"]' for name in SERVERS]
    assert max(order[service] for service in services) < order[deleted], done


def test_database_user_before_connects_until_the_services_change(root: Terraform) -> None:
    done = applied_in_order(root, db_username="another")
    for name in SERVERS:
        policy = done.index(("delete", f'aws_iam_role_policy.task["{name}"]'))
        assert done.index(("update", f'aws_ecs_service.autoscaled["{name}"]')) < policy


@pytest.mark.parametrize(
    "inputs",
    [
        {"create_redis": False, "create_database": False},
        {
            "acm_certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b",
            "db_engine_version": "17.4",
            "db_monitoring_interval": 0,
            "enable_access_logs": False,
            "enable_db_audit_logs": False,
            "enable_flow_logs": False,
            "gateway_autoscaling_enabled": False,
            "migrations_image": "ghcr.io/berriai/litellm-migrations:next",
            "proxy_config": {"model_list": []},
            "secrets_version": 2,
            "ui_autoscaling_enabled": True,
        },
    ],
    ids=["stores", "others"],
)
def test_change_and_its_way_back_apply(root: Terraform, inputs: dict[str, Any]) -> None:
    state = Path(root.tfdir) / "terraform.tfstate"
    before = state.read_text()
    try:
        for values in ({**INPUTS, **inputs}, INPUTS):
            with root.variables(values) as file:
                root.apply(tf_var_file=file)
            assert actions(changed(root, **(inputs if values is not INPUTS else {}))) == {}
    finally:
        state.write_text(before)


# ---- Database ----


def test_reader_has_a_class_of_its_own(root: Terraform) -> None:
    done = actions(changed(root, db_reader_instance_class="db.r6g.xlarge"))
    assert done == {"aws_rds_cluster_instance.reader[0]": ("update",)}


SNAPSHOT = "acme-litellm-dev-final-0a1b2c3d"
RESTORED = [
    {"db_restore_snapshot": SNAPSHOT},
    {"db_restore_source": "acme-litellm-old-db", "db_restore_time": "2026-11-01T08:00:00Z"},
    {"db_restore_source": "acme-litellm-old-db"},
]


@pytest.mark.parametrize("restore", RESTORED, ids=["snapshot", "time", "latest"])
def test_restored_cluster_stays_without_the_inputs(
    offline_session: planning.Session, restore: dict[str, Any]
) -> None:
    with applied(offline_session, {**INPUTS, **restore}) as terraform:
        unchanged = changed(terraform, **restore)
        assert actions(unchanged) == {}
        assert actions(changed(terraform)) == {}
    (cluster,) = unchanged.of_type("aws_rds_cluster").values()
    source = restore.get("db_restore_source")
    time = restore.get("db_restore_time")
    point = cluster.values["restore_to_point_in_time"]
    assert cluster.values["snapshot_identifier"] == restore.get("db_restore_snapshot")
    assert [(p["source_cluster_identifier"], p["restore_to_time"]) for p in point] == (
        [(source, time)] if source else []
    )
    assert [p["use_latest_restorable_time"] for p in point if not time] == [True] * (
        source is not None and time is None
    )


@pytest.mark.parametrize("restore", RESTORED[:2], ids=["snapshot", "time"])
def test_restore_into_a_cluster_with_data_is_refused(
    root: Terraform, restore: dict[str, Any]
) -> None:
    message = refusal(root, **restore)
    assert f"{next(iter(restore))} must be set before the cluster is created" in message


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"db_restore_snapshot": SNAPSHOT, "db_restore_source": "a"}, "db_restore_source"),
        ({"db_restore_time": "2026-11-01T08:00:00Z"}, "db_restore_time"),
        ({"db_restore_source": "a", "db_restore_time": "yesterday"}, "db_restore_time"),
        ({"db_restore_snapshot": SNAPSHOT, "create_database": False}, "db_restore_snapshot"),
        ({"db_restore_source": "a", "create_database": False}, "db_restore_source"),
    ],
)
def test_contradicting_restore_is_refused(
    root: Terraform, inputs: dict[str, Any], named: str
) -> None:
    assert f"{named} must" in refusal(root, **inputs)
