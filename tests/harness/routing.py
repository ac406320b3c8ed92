"""The path rules of a plan's load balancer, in one shape for both clouds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.plan import Plan


@dataclass(frozen=True, slots=True)
class Rule:
    """Path patterns and what they lead to: a target group's ARN or a backend service's id."""

    paths: tuple[str, ...]
    target: Any


def path_rules(plan: Plan) -> list[Rule]:
    """The rules of a stack's load balancer: a listener's by priority, a URL map's as written."""
    listened = plan.of_type("aws_lb_listener_rule").values()
    if listened:
        return [
            Rule(tuple(pattern["values"]), rule.values["action"][0]["target_group_arn"])
            for rule in sorted(listened, key=lambda r: int(r.values["priority"]))
            for condition in rule.values["condition"]
            for pattern in condition["path_pattern"]
        ]
    (matcher,) = plan.resources["google_compute_url_map.routes"].values["path_matcher"]
    return [Rule(tuple(rule["paths"]), rule["service"]) for rule in matcher["path_rule"]]


def targets(plan: Plan) -> Mapping[str, str]:
    """The component behind each target, which must be known, as it is after an apply."""
    keys = {"aws_lb_target_group": "arn", "google_compute_backend_service": "id"}
    return {r.values[keys[r.type]]: str(r.index) for r in plan.resources.values() if r.type in keys}
