"""The traffic that the security groups of a plan admit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.harness.plan.view import UNKNOWN, Plan


@dataclass(frozen=True, slots=True)
class Edge:
    """Traffic from ``source`` to ``target``, each the role of a group or a range of addresses.

    ``direction`` is ``in`` for an ingress rule and ``out`` for an egress rule. ``low`` and ``high``
    are ports. They are None with the protocol ``-1``, which means all protocols. Values known only
    after apply are UNKNOWN.
    """

    direction: str
    source: Any
    target: Any
    protocol: str
    low: Any
    high: Any


# The arguments by which a rule may name the other side.
_SIDES = ("referenced_security_group_id", "cidr_ipv4", "cidr_ipv6", "prefix_list_id")


def edges(plan: Plan) -> list[Edge]:
    """All traffic that the security groups of a plan admit."""
    groups = {
        r.values["id"]: str(r.index)
        for r in plan.of_type("aws_security_group").values()
        if r.values["id"] is not UNKNOWN
    }
    kinds = {
        "aws_vpc_security_group_ingress_rule": "in",
        "aws_vpc_security_group_egress_rule": "out",
    }
    admitted = []
    for rule in plan.resources.values():
        if rule.type not in kinds:
            continue
        values = rule.values
        own = values["security_group_id"]
        other = next((values[n] for n in _SIDES if values.get(n) is not None), None)
        own, other = (UNKNOWN if s is UNKNOWN else groups.get(s, s) for s in (own, other))
        inward = kinds[rule.type] == "in"
        source, target = (other, own) if inward else (own, other)
        low, high = values["from_port"], values["to_port"]
        admitted.append(Edge(kinds[rule.type], source, target, values["ip_protocol"], low, high))
    # Inline rules of a group are not in the list above. An edge from "inline" reports them.
    for group in plan.of_type("aws_security_group").values():
        written = plan.arguments.get(f"{group.type}.{group.name}", frozenset())
        for name, direction in (("ingress", "in"), ("egress", "out")):
            if name in written:
                admitted.append(Edge(direction, "inline", str(group.index), "-1", None, None))
    return admitted
