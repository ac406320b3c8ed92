"""The cost table of a README, from the plan of the smallest inputs and the prices."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from tests.harness.accounts import cost
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning, providers


class CostTableError(RuntimeError):
    """The smallest inputs do not plan."""


@functools.cache
def _floors() -> Mapping[str, cost.Floor]:
    """The floor of each stack with the defaults of its module."""
    found = {}
    with planning.session(providers.choose("offline"), core="") as session:
        for stack in STACKS.values():
            result = planning.plan(session, planning.Case("costs", stack.name, stack.smallest))
            if result.plan is None or result.errors:
                raise CostTableError(f"{stack.name}: {result}")
            region = cost.prices(stack.name)["region"]
            found[stack.name] = cost.floor(result.plan, stack.name, region)
    return found


def rendered(stack: str) -> str:
    """The table of a stack, and its sum."""
    table, floor = cost.prices(stack), _floors()[stack]
    lines = ["| Part | Default | USD a month | Also | Inputs |", "|---|---|---|---|---|"]
    for row in table["rows"]:
        lines.append(_row(row, floor))
    unknown = len({item.price for item in floor.unknown})
    lines += [
        "",
        f"List prices of {table['region']}, on demand, without tax, {cost.date()}: "
        f"`tests/data/prices.yaml`. The defaults cost at least "
        f"{floor.hourly * cost.MONTH_HOURS:.0f} USD a month, {floor.hourly:.2f} an hour, without "
        f"traffic.{f' {unknown} prices are unknown and not part of it.' if unknown else ''}",
    ]
    return "\n".join(lines)


def _row(row: Mapping[str, Any], floor: cost.Floor) -> str:
    counts: dict[str, float] = {}
    units: dict[str, str] = {}
    known: list[float | None] = []
    for item in floor.items:
        if item.price in row.get("prices", ()):
            counts[item.price] = counts.get(item.price, 0) + item.count
            units[item.price] = item.unit
            known.append(item.hourly)
    default = ", ".join(f"{count:g} x {units[price]}" for price, count in counts.items())
    month = sum(part for part in known if part is not None) * cost.MONTH_HOURS
    price = "" if not known else "unknown" if None in known else f"{month:.0f}"
    inputs = ", ".join(f"`{name}`" for name in row.get("inputs", ()))
    return f"| {row['part']} | {default} | {price} | {row.get('beside', '')} | {inputs} |"
