"""The hourly floor of a plan, and the guard before an apply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.harness.accounts import cost
from tests.harness.accounts.cost import Ceiling, CostError, Floor, Item
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning
from tests.harness.terraform.planning import Session


def found(session: Session, stack: str, inputs: Mapping[str, Any] | None = None) -> Floor:
    merged = {**STACKS[stack].smallest, **(inputs or {})}
    result = planning.plan(session, planning.Case("cost", stack, merged))
    assert result.plan is not None, str(result)
    return cost.floor(result.plan, stack, "eu-west-1")


def monthly(floor: Floor, *prices: str) -> float:
    parts = [item.hourly for item in floor.items if item.price in prices]
    return sum(part for part in parts if part is not None) * cost.MONTH_HOURS


def test_floor_of_the_aws_defaults_is_that_of_the_prices(session: Session) -> None:
    floor = found(session, "aws")
    assert monthly(floor, "db.r6g.large") == pytest.approx(380, abs=1)
    assert monthly(floor, "cache.t4g.small") == pytest.approx(47, abs=0.5)
    # Two gateways, a backend and a UI.
    assert monthly(floor, "fargate.cpu", "fargate.memory") == pytest.approx(3 * 42.5 + 9, abs=1)
    assert monthly(floor, "nat") == pytest.approx(33, abs=0.5)
    assert monthly(floor, "alb") == pytest.approx(16.4, abs=0.1)
    assert monthly(floor, "ipv4") == pytest.approx(11, abs=0.1)
    assert floor.unknown == []
    assert 0.8 < floor.hourly < 0.95


def test_floor_of_google_cloud_counts_both_copies_and_lists_unknowns(session: Session) -> None:
    floor = found(session, "gcp")
    # A regional writer and a zonal reader of 2 vCPU and 7.5 GB.
    assert monthly(floor, "sql.cpu", "sql.memory") == pytest.approx(3 * 98.6, abs=1)
    assert monthly(floor, "forwarding") == pytest.approx(18.25, abs=0.1)
    unknown = {item.price for item in floor.unknown}
    assert unknown == {"sql.disk", "redis.STANDARD_HA", "connector.e2-micro"}
    assert f"{len(floor.unknown)} prices are unknown" in floor.lines()[-1]


@pytest.mark.parametrize("stack", list(STACKS))
def test_every_type_of_a_module_is_classified(session: Session, stack: str) -> None:
    result = planning.plan(session, cases.find(stack, "everything"))
    assert result.plan is not None
    assert cost.floor(result.plan, stack, "").unclassified == ()


def test_price_missing_in_the_table_is_unknown(session: Session) -> None:
    floor = found(session, "aws", {"db_instance_class": "db.r8g.48xlarge"})
    assert {item.price for item in floor.unknown} == {"db.r8g.48xlarge"}


def test_stack_above_the_ceiling_is_refused_with_its_items() -> None:
    floor = Floor((Item("a.b", "nat", "NAT gateway", 2, 0.5),), (), "eu-west-1", "us-east-1")
    cost.check(floor, Ceiling(3, 3 * 3600))
    with pytest.raises(CostError, match=r"at least 3\.00 USD in 3 hours.*\n.*a\.b: 2 x nat"):
        cost.check(floor, Ceiling(2.9, 3 * 3600))


@pytest.mark.parametrize("hours", [0, -1, 25])
def test_time_to_live_beyond_the_longest_is_refused(hours: int) -> None:
    with pytest.raises(CostError, match="Set --ttl"):
        cost.check(Floor(()), Ceiling(100, hours * 3600))


@pytest.mark.parametrize("cloud", list(STACKS))
def test_every_price_has_a_source(cloud: str) -> None:
    for name, entry in cost.prices(cloud)["prices"].items():
        assert entry["source"], name
        assert entry["unit"], name
        known = entry.get("hourly") is not None or entry.get("monthly") is not None
        assert known or entry["source"] == "not looked up", name
