"""What a planned stack bills by the hour while it exists, and the guard that refuses too much.

The floor has no traffic, no storage and no logs. The prices of ``tests/data/prices.yaml`` are those
of one region. An unknown price is reported, and no floor contains it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.harness import documents
from tests.harness.paths import PRICES
from tests.harness.plan.view import UNKNOWN, Plan, Resource

MONTH_HOURS = 730
# Global load balancing bills up to five forwarding rules together.
_RULES_TOGETHER = 5
_MEMORY_UNITS = {"Gi": 1.0, "Mi": 1 / 1024}


class CostError(RuntimeError):
    """A stack costs more than the ceiling, or may live longer than allowed."""


@dataclass(frozen=True, slots=True)
class Item:
    """A billed part of a resource: how many units, and the price of one an hour if it is known."""

    address: str
    price: str
    unit: str
    count: float
    each: float | None

    @property
    def hourly(self) -> float | None:
        """The price of all units an hour."""
        return None if self.each is None else self.count * self.each

    def __str__(self) -> str:
        price = "unknown price" if self.hourly is None else f"{self.hourly:.4f} USD an hour"
        return f"{self.address}: {self.count:g} x {self.price} ({self.unit}): {price}"


@dataclass(frozen=True, slots=True)
class Floor:
    """The items of a plan, and the addresses of resources of which nothing is known."""

    items: tuple[Item, ...]
    unclassified: tuple[str, ...] = ()
    region: str = ""
    priced_region: str = ""

    @property
    def hourly(self) -> float:
        """The sum of the known prices, in US dollars an hour."""
        return sum(item.hourly for item in self.items if item.hourly is not None)

    @property
    def unknown(self) -> list[Item]:
        """The items without a price."""
        return [item for item in self.items if item.hourly is None]

    def lines(self) -> list[str]:
        """A line for each item, and the sum."""
        known = f"at least {self.hourly:.2f} USD an hour, at prices of {self.priced_region}"
        return [
            *map(str, self.items),
            *(f"{address}: nothing is known of its price" for address in self.unclassified),
            f"{known}; {len(self.unknown) + len(self.unclassified)} prices are unknown",
        ]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that a run may cost in US dollars, and the seconds that it may live."""

    dollars: float
    seconds: int
    longest_seconds: int = field(default=24 * 3600)


@cache
def prices(cloud: str) -> Mapping[str, Any]:
    """The table of a cloud."""
    document: dict[str, Any] = documents.read(PRICES)[cloud]
    return document


def date() -> str:
    """The month of the prices."""
    return str(documents.read(PRICES)["date"])


def hourly(cloud: str, name: str) -> float | None:
    """The price of a unit an hour; None if it is unknown or not in the table."""
    entry = prices(cloud)["prices"].get(name, {})
    if entry.get("monthly") is not None:
        return float(entry["monthly"]) / MONTH_HOURS
    return None if entry.get("hourly") is None else float(entry["hourly"])


def floor(plan: Plan, cloud: str, region: str) -> Floor:
    """The floor of a plan in a region."""
    table = prices(cloud)
    classified = {*table["free"], *table["usage"]}
    items: list[Item] = []
    unclassified: list[str] = []
    for address, resource in plan.resources.items():
        if resource.actions == ("delete",) or resource.type in classified:
            continue
        found = list(_parts(plan, resource))
        items += [_item(cloud, address, name, count) for name, count in found if count]
        if not found:
            unclassified.append(address)
    return Floor(_joined(items), tuple(unclassified), region, table["region"])


def check(found: Floor, ceiling: Ceiling) -> None:
    """Check that a run costs no more than its ceiling, before it applies.

    Raises:
        CostError: it costs more, or lives longer than any run may.
    """
    hours = ceiling.seconds / 3600
    if ceiling.seconds <= 0 or ceiling.seconds > ceiling.longest_seconds:
        raise CostError(
            f"a run may live more than 0 and at most {ceiling.longest_seconds / 3600:g} hours; "
            f"got {hours:g}. Set --ttl."
        )
    whole = found.hourly * hours
    if whole > ceiling.dollars:
        listed = "\n".join(found.lines())
        raise CostError(
            f"this stack costs at least {whole:.2f} USD in {hours:g} hours, more than "
            f"{ceiling.dollars:g}. Set --max-cost or --ttl, or choose smaller inputs.\n{listed}"
        )


def _item(cloud: str, address: str, name: str, count: float) -> Item:
    unit = prices(cloud)["prices"].get(name, {}).get("unit", "not in the table")
    return Item(address, name, unit, count, hourly(cloud, name))


def _joined(items: list[Item]) -> tuple[Item, ...]:
    """The items with the forwarding rules as one, which are billed together up to five."""
    rules = [item for item in items if item.price == "forwarding"]
    rest = [item for item in items if item.price != "forwarding"]
    if not rules:
        return tuple(rest)
    first = rules[0]
    count = -(-len(rules) // _RULES_TOGETHER)
    return (*rest, Item(first.address, first.price, first.unit, count, first.each))


def _parts(plan: Plan, resource: Resource) -> Iterator[tuple[str, float]]:
    """The prices of a resource by name, with the number of units."""
    part = _PARTS.get(resource.type)
    if part is not None:
        yield from part(plan, resource)


def _service(plan: Plan, resource: Resource) -> Iterator[tuple[str, float]]:
    task = plan.resources.get(f'aws_ecs_task_definition.service["{resource.index}"]')
    count = _number(resource.values.get("desired_count"))
    if task is None:
        yield "fargate.unknown", count
        return
    yield "fargate.cpu", count * _number(task.values.get("cpu")) / 1024
    yield "fargate.memory", count * _number(task.values.get("memory")) / 1024


def _balancer(plan: Plan, resource: Resource) -> Iterator[tuple[str, float]]:
    yield "alb", 1
    if not resource.values.get("internal"):
        subnets = resource.values.get("subnets")
        # Its subnets are known after apply if the stack creates them.
        known = len(subnets) if isinstance(subnets, list) else 0
        yield "ipv4", known or len(_public(plan))


def _public(plan: Plan) -> list[str]:
    return [address for address in plan.of_type("aws_subnet") if ".public" in address]


def _database(_: Plan, resource: Resource) -> Iterator[tuple[str, float]]:
    (settings,) = resource.values["settings"]
    copies = 2 if settings.get("availability_type") == "REGIONAL" else 1
    tier = str(settings.get("tier"))
    shape = tier.removeprefix("db-custom-").split("-")
    if tier.startswith("db-custom-") and len(shape) == 2:
        yield "sql.cpu", copies * int(shape[0])
        yield "sql.memory", copies * int(shape[1]) / 1024
    else:
        yield f"sql.{tier}", copies
    yield "sql.disk", copies * _number(settings.get("disk_size"))


def _cloud_run(_: Plan, resource: Resource) -> Iterator[tuple[str, float]]:
    (template,) = resource.values["template"]
    scaling = template.get("scaling") or [{}]
    count = _number(scaling[0].get("min_instance_count"))
    for container in template["containers"]:
        (resources,) = container["resources"]
        # An instance that is idle is billed for its CPU only if that is always allocated.
        limits = resources["limits"]
        cpu = 0.0 if resources.get("cpu_idle") else _cpu(limits["cpu"])
        yield "run.cpu", count * cpu
        yield "run.memory", count * _gibibytes(limits["memory"])


def _cpu(text: str) -> float:
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def _gibibytes(text: str) -> float:
    return float(text[:-2]) * _MEMORY_UNITS[text[-2:]]


def _number(value: Any) -> float:
    """A number of a plan; 0 for none, and for one that is known after apply."""
    return 0.0 if value in (None, "") or value is UNKNOWN else float(value)


_PARTS: Mapping[str, Any] = {
    "aws_ecs_service": _service,
    "aws_eip": lambda *_: [("ipv4", 1.0)],
    "aws_elasticache_replication_group": lambda _, r: [
        (r.values["node_type"], _number(r.values.get("num_cache_clusters")) or 1.0)
    ],
    "aws_lb": _balancer,
    "aws_nat_gateway": lambda *_: [("nat", 1.0)],
    "aws_rds_cluster_instance": lambda _, r: [(r.values["instance_class"], 1.0)],
    "aws_secretsmanager_secret": lambda *_: [("secret", 1.0)],
    "google_cloud_run_v2_service": _cloud_run,
    "google_compute_global_forwarding_rule": lambda *_: [("forwarding", 1.0)],
    "google_redis_instance": lambda _, r: [
        (f"redis.{r.values['tier']}", _number(r.values["memory_size_gb"]))
    ],
    "google_sql_database_instance": _database,
    "google_vpc_access_connector": lambda _, r: [
        (f"connector.{r.values['machine_type']}", _number(r.values.get("min_instances")) or 2.0)
    ],
}
