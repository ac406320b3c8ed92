"""The load balancers that ELBv2's API tells of, as records of the local load balancer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.local.load_balancers import Listener, aws_listeners


@dataclass(frozen=True, slots=True)
class Said:
    """A listener or a rule of the API, with its values as the provider would name them."""

    address: str
    values: Mapping[str, Any] = field(repr=False)


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    redirect = action.get("RedirectConfig")
    groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
    alone = groups[0]["TargetGroupArn"] if len(groups) == 1 else None
    return {
        "type": action["Type"],
        "target_group_arn": action.get("TargetGroupArn") or alone,
        "redirect": [
            {
                "protocol": redirect["Protocol"],
                "port": redirect["Port"],
                "status_code": redirect["StatusCode"],
            }
        ]
        if redirect
        else [],
    }


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    configured = [part["Values"] for name, part in condition.items() if name.endswith("Config")]
    values = configured[0] if configured else condition.get("Values", [])
    return {condition["Field"].replace("-", "_"): [{"values": values}]}


def listeners(elb: Any, balancer: str, groups: Mapping[str, str]) -> list[Listener]:
    """The listeners of a load balancer with their rules.

    Args:
        elb: a client of ELBv2.
        balancer: its ARN.
        groups: what the cluster of each target group is called, by the group's ARN.

    Raises:
        LoadBalancerError: a rule or an action is of a kind that is not translated.
    """
    held: dict[str, Said] = {}
    rules: dict[str, Said] = {}
    for listener in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
        arn = listener["ListenerArn"]
        values = {
            "arn": arn,
            "port": listener["Port"],
            "protocol": listener["Protocol"],
            "ssl_policy": listener.get("SslPolicy"),
            "default_action": [_action(action) for action in listener["DefaultActions"]],
        }
        held[arn] = Said(arn, values)
        for rule in elb.describe_rules(ListenerArn=arn)["Rules"]:
            # The default one is the listener's own action.
            if not rule["IsDefault"]:
                values = {
                    "listener_arn": arn,
                    "priority": rule["Priority"],
                    "action": [_action(action) for action in rule["Actions"]],
                    "condition": [_condition(condition) for condition in rule["Conditions"]],
                }
                rules[rule["RuleArn"]] = Said(rule["RuleArn"], values)
    return list(aws_listeners(held, rules, groups))
