"""Changes of a live Google Cloud stack: what is replaced, in which order, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.harness.plan.view import Plan, PlanResult
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.harness.terraform.command import Terraform

INPUTS: Mapping[str, Any] = {
    **STACKS["gcp"].smallest,
    "run_migrations": False,
    "cloudsql_deletion_protection": False,
}
WRITER, READER = (f"google_sql_database_instance.{name}[0]" for name in ("writer", "reader"))
REDIS, CONNECTOR = "google_redis_instance.this[0]", "google_vpc_access_connector.this[0]"


@pytest.fixture(scope="module")
def live(offline_session: planning.Session) -> Iterator[Terraform]:
    with planning.applied_stack(offline_session, STACKS["gcp"], INPUTS) as terraform:
        yield terraform


def result_of(live: Terraform, **inputs: Any) -> PlanResult:
    return live.planned({**INPUTS, **inputs}, "-refresh=false")


def planned(live: Terraform, **inputs: Any) -> Plan:
    result = result_of(live, **inputs)
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan


def actions(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {a: r.actions for a, r in plan.resources.items() if r.actions != ("no-op",)}


@pytest.mark.parametrize(
    ("address", "inputs"),
    [
        pytest.param(CONNECTOR, {"vpc_connector_cidr": "10.51.0.0/28"}, id="connector"),
        pytest.param(REDIS, {"redis_tier": "BASIC"}, id="redis"),
    ],
)
def test_replacement_has_a_new_name_and_comes_first(
    live: Terraform, address: str, inputs: Mapping[str, Any]
) -> None:
    plan = planned(live, **inputs)
    assert plan.resources[address].actions == ("create", "delete")
    change = plan.document["resource_changes"]
    (entry,) = [c["change"] for c in change if c["address"] == address]
    assert entry["before"]["name"] != entry["after"]["name"]


@pytest.mark.parametrize(
    ("deleted", "inputs"),
    [
        pytest.param(REDIS, {"create_redis": False}, id="redis"),
        pytest.param(READER, {"create_read_replica": False}, id="reader"),
    ],
)
def test_services_release_a_store_before_its_deletion(
    offline_session: planning.Session, deleted: str, inputs: Mapping[str, Any]
) -> None:
    with planning.applied_stack(offline_session, STACKS["gcp"], INPUTS) as terraform:
        with terraform.variables({**INPUTS, **inputs}) as file:
            output = terraform.run("apply", "-json", "-auto-approve", f"-var-file={file}")
        assert output.retcode == 0, output.out[-2000:]
        events = [json.loads(line) for line in output.out.splitlines()]
    steps = [
        (event["type"], event["hook"]["resource"]["addr"], event["hook"].get("action"))
        for event in events
        if event["type"] in ("apply_start", "apply_complete")
    ]
    started = steps.index(("apply_start", deleted, "delete"))
    for component in ("gateway", "backend"):
        service = f'google_cloud_run_v2_service.this["{component}"]'
        assert steps.index(("apply_complete", service, "update")) < started


@pytest.mark.parametrize("name", ["db_username", "db_name"])
def test_name_in_the_database_can_not_change(live: Terraform, name: str) -> None:
    result = result_of(live, **{name: "other"})
    message = " ".join(str(error) for error in result.errors)
    assert f"{name} must not change" in message
    assert "other" in message


def test_version_upgrade_includes_the_reader(live: Terraform) -> None:
    plan = planned(live, db_version="POSTGRES_17")
    assert actions(plan)[WRITER] == ("update",)
    assert READER not in actions(plan)
    assert plan.resources[WRITER].values["include_replicas_for_major_version_upgrade"] is True


def test_reader_can_change_its_tier_before_the_writer(live: Terraform) -> None:
    plan = planned(live, db_reader_tier="db-custom-4-15360")
    assert actions(plan) == {READER: ("update",)}
    plan = planned(live, db_tier="db-custom-4-15360")
    assert set(actions(plan)) == {WRITER, READER}


def test_reader_smaller_than_the_writer_is_refused(live: Terraform) -> None:
    result = result_of(live, db_reader_tier="db-custom-1-3840")
    assert "db_reader_tier must" in " ".join(str(error) for error in result.errors)


def test_destroy_leaves_a_backup_unless_it_is_skipped(live: Terraform) -> None:
    (settings,) = planned(live).resources[WRITER].values["settings"]
    assert settings["retain_backups_on_delete"] is True
    (final,) = settings["final_backup_config"]
    assert final["enabled"] is True
    assert final["retention_days"] >= 7
    (settings,) = planned(live, skip_final_snapshot=True).resources[WRITER].values["settings"]
    assert settings["retain_backups_on_delete"] is False
    assert not settings["final_backup_config"][0]["enabled"]


@pytest.mark.parametrize("name", ["db_restore_snapshot", "db_restore_source"])
def test_restore_over_the_data_is_refused(live: Terraform, name: str) -> None:
    origin = {"db_restore_snapshot": "acme-old-1/1", "db_restore_source": "acme-old-1"}[name]
    message = " ".join(str(error) for error in result_of(live, **{name: origin}).errors)
    assert f"{name} must" in message


def test_disk_size_changes_no_instance_with_data(live: Terraform) -> None:
    assert actions(planned(live, db_disk_size=100)) == {}


def test_label_without_a_value_is_refused(live: Terraform) -> None:
    result = result_of(live, labels={"team": ""})
    message = " ".join(str(error) for error in result.errors)
    assert "labels must have values of 1 to 63 characters" in message
    assert "team" in message
