"""How the services of the Google Cloud stack are called, and how they reach the network."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.plan.view import Plan
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning

SMALLEST = STACKS["gcp"].smallest
SERVICES = "google_cloud_run_v2_service"


def planned(session: planning.Session, **inputs: Any) -> Plan:
    result = planning.plan(session, planning.Case("network", "gcp", {**SMALLEST, **inputs}))
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan


def access(plan: Plan) -> list[dict[str, Any]]:
    """The VPC access of each service and job that has one."""
    services = [r.values["template"][0] for r in plan.of_type(SERVICES).values()]
    jobs = [
        r.values["template"][0]["template"][0]
        for r in plan.of_type("google_cloud_run_v2_job").values()
    ]
    return [block for template in (*services, *jobs) for block in template["vpc_access"] or ()]


def test_no_policy_names_all_users(session: planning.Session) -> None:
    # An organization that restricts the domains of members refuses such a policy.
    plan = planned(session)
    members = {r.values.get("member") for r in plan.resources.values() if "_iam_" in r.type}
    assert members & {"allUsers", "allAuthenticatedUsers"} == set()
    services = plan.of_type(SERVICES).values()
    assert {r.values["invoker_iam_disabled"] for r in services} == {True}
    assert {r.values["ingress"] for r in services} == {"INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"}


@pytest.mark.parametrize("network", ["", "projects/acme-prod-1/global/networks/shared"])
def test_direct_egress_needs_no_connector(resolved_session: planning.Session, network: str) -> None:
    plan = planned(resolved_session, vpc_access="direct", network=network)
    assert plan.of_type("google_vpc_access_connector") == {}
    (subnet,) = plan.of_type("google_compute_subnetwork").values()
    assert subnet.values["ip_cidr_range"] == "10.40.0.0/16"
    blocks = access(plan)
    assert len(blocks) == 3
    for block in blocks:
        assert block["connector"] is None
        assert block["egress"] == "PRIVATE_RANGES_ONLY"
        (interface,) = block["network_interfaces"]
        assert interface["subnetwork"] == subnet.values["id"]


@pytest.mark.parametrize("network", ["", "projects/acme-prod-1/global/networks/shared"])
def test_flow_logs_cover_the_subnet_of_the_egress(session: planning.Session, network: str) -> None:
    plan = planned(session, network=network)
    (connector,) = plan.of_type("google_vpc_access_connector").values()
    (used,) = connector.values["subnet"]
    subnets = {r.values["name"]: r for r in plan.of_type("google_compute_subnetwork").values()}
    assert subnets[used["name"]].values["ip_cidr_range"] == "10.41.0.0/28"
    assert all(r.values["log_config"] for r in subnets.values())
    plan = planned(session, network=network, enable_flow_logs=False)
    for subnet in plan.of_type("google_compute_subnetwork").values():
        assert not subnet.values["log_config"]


def test_machine_type_of_the_connector_is_an_input(session: planning.Session) -> None:
    for inputs, machine in (
        ({}, "e2-micro"),
        ({"vpc_connector_machine_type": "e2-standard-4"}, ""),
    ):
        plan = planned(session, **inputs)
        (connector,) = plan.of_type("google_vpc_access_connector").values()
        assert connector.values["machine_type"] == (machine or "e2-standard-4")


def test_disk_of_the_database_fits_its_machine(session: planning.Session) -> None:
    # The C4A machines take no persistent disk (Cloud SQL, machine series).
    tiers = {
        "db-custom-2-7680": ("ENTERPRISE", "PD_SSD"),
        "db-perf-optimized-N-2": ("ENTERPRISE_PLUS", "PD_SSD"),
        "db-c4a-highmem-4": ("ENTERPRISE_PLUS", "HYPERDISK_BALANCED"),
    }
    for tier, (edition, disk) in tiers.items():
        plan = planned(session, db_tier=tier, db_edition=edition)
        instances = plan.of_type("google_sql_database_instance").values()
        assert [r.values["settings"][0]["disk_type"] for r in instances] == [disk, disk]
