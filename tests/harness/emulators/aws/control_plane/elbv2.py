"""What ministack lacks of Elastic Load Balancing: quotas, what is in use, the health of targets."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from tests.harness.emulators.aws.control_plane.call import Call, Refusal, list_members
from tests.harness.emulators.aws.control_plane.service import (
    Clients,
    Observations,
    Overlay,
    Refuse,
    Rule,
    SideEffect,
    State,
)
from tests.harness.sdk.aws import paged

_ELB = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
# Quotas of an Application Load Balancer: rules without the default ones, values of a rule.
MOST_RULES = 100
MOST_VALUES = 5


def _room(client: Clients, call: Call, _: Observations) -> Refusal | None:
    """No rule of the listener has the priority, and the load balancer admits one more rule."""
    elb, own = client("elbv2"), call.parameters["ListenerArn"]
    balancer = own.replace(":listener/", ":loadbalancer/").rpartition("/")[0]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    priorities = {
        arn: {rule["Priority"] for rule in elb.describe_rules(ListenerArn=arn)["Rules"]}
        for arn in (listener["ListenerArn"] for listener in listeners)
    }
    priority = call.parameters.get("Priority", "")
    if priority in priorities[own]:
        return Refusal("PriorityInUse", f"Priority '{priority}' is currently in use")
    if sum(len(taken - {"default"}) for taken in priorities.values()) < MOST_RULES:
        return None
    return Refusal(
        "TooManyRules",
        f"The maximum number of rules on load balancer '{balancer}' has been reached",
    )


def _values(_: Clients, call: Call, __: Observations) -> Refusal | None:
    # A value is in Values or in the configuration of its kind, not in both.
    count = sum(
        1
        for condition in list_members(call.parameters, "Conditions")
        for name in condition
        if ".member." in name or name.startswith("Values.")
    )
    if count <= MOST_VALUES:
        return None
    return Refusal("ValidationError", f"A rule can only have '{MOST_VALUES}' condition values")


def _target_group(client: Clients, call: Call, _: Observations) -> Refusal | None:
    group = call.parameters["TargetGroupArn"]
    elb = client("elbv2")
    for balancer in paged(elb, "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        for listener in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
            rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            actions = [action for rule in rules for action in rule["Actions"]]
            if any(action.get("TargetGroupArn") == group for action in actions):
                return Refusal(
                    "ResourceInUse",
                    f"Target group '{group}' is currently in use by a listener or a rule",
                )
    return None


def _protected(client: Clients, call: Call, _: Observations) -> Refusal | None:
    arn = call.parameters["LoadBalancerArn"]
    elb = client("elbv2")
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    if {"Key": "deletion_protection.enabled", "Value": "true"} not in attributes:
        return None
    return Refusal(
        "OperationNotPermitted",
        f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
    )


def _delete_listeners(client: Clients, call: Call) -> None:
    elb, arn = client("elbv2"), call.parameters["LoadBalancerArn"]
    for listener in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
        elb.delete_listener(ListenerArn=listener["ListenerArn"])


def target(host: str, port: int) -> str:
    """The key of a target in ``health``."""
    return f"{host}:{port}"


def _register(state: State, call: Call, body: bytes) -> bytes:
    targets = state.targets.setdefault(call.parameters["TargetGroupArn"], {})
    for entry in list_members(call.parameters, "Targets"):
        targets[entry["Id"], int(entry.get("Port", 80))] = None
    return body


def _deregister(state: State, call: Call, body: bytes) -> bytes:
    targets = state.targets.get(call.parameters["TargetGroupArn"], {})
    for entry in list_members(call.parameters, "Targets"):
        for key in [k for k in targets if k[0] == entry["Id"]]:
            if entry.get("Port") in {None, str(key[1])}:
                del targets[key]
    return body


def _forget(state: State, call: Call, body: bytes) -> bytes:
    state.targets.pop(call.parameters["TargetGroupArn"], None)
    return body


def _health(state: State, call: Call, _: bytes) -> bytes:
    group = call.parameters["TargetGroupArn"]
    observed = state.observations
    states = None if observed is None else observed["health"].get(group, {})
    return health(list(state.targets.get(group, ())), states)


def health(targets: list[tuple[str, int]], states: Mapping[str, str] | None) -> bytes:
    """The answer to DescribeTargetHealth; without states every target is healthy."""
    members = "".join(
        f"<member><Target><Id>{escape(host)}</Id><Port>{port}</Port></Target>"
        f"<HealthCheckPort>{port}</HealthCheckPort><TargetHealth><State>{state}</State>"
        "</TargetHealth></member>"
        for host, port in targets
        for state in [
            "healthy" if states is None else states.get(target(host, port), "initial"),
        ]
    )
    return (
        f'<DescribeTargetHealthResponse xmlns="{_ELB}"><DescribeTargetHealthResult>'
        "<TargetHealthDescriptions>"
        f"{members}</TargetHealthDescriptions></DescribeTargetHealthResult>"
        "<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata>"
        "</DescribeTargetHealthResponse>"
    ).encode()


# ministack has one target for each address, and no states of targets.
OVERLAY: Mapping[str, Overlay] = {
    "RegisterTargets": _register,
    "DeregisterTargets": _deregister,
    "DeleteTargetGroup": _forget,
    "DescribeTargetHealth": _health,
}
REFUSALS: Refuse = {
    "CreateRule": [
        Rule(_values, "ELB, Quotas for your Application Load Balancers"),
        Rule(_room, "ELBv2 API, CreateRule, PriorityInUse and TooManyRules"),
    ],
    "ModifyRule": [Rule(_values, "ELB, Quotas for your Application Load Balancers")],
    "DeleteTargetGroup": [Rule(_target_group, "ELBv2 API, DeleteTargetGroup, ResourceInUse")],
    "DeleteLoadBalancer": [
        Rule(_protected, "ELBv2 API, DeleteLoadBalancer, OperationNotPermitted"),
    ],
}
# ELBv2 API, DeleteLoadBalancer: AWS deletes the listeners with it.
SIDE_EFFECTS: dict[str, SideEffect] = {"DeleteLoadBalancer": _delete_listeners}

# The provider calls it for every load balancer. ministack does not serve it.
CONSTANT: Mapping[str, str] = {
    "DescribeCapacityReservation": (
        f'<DescribeCapacityReservationResponse xmlns="{_ELB}"><DescribeCapacityReservationResult>'
        "<CapacityReservationState/></DescribeCapacityReservationResult><ResponseMetadata>"
        "<RequestId>local</RequestId></ResponseMetadata></DescribeCapacityReservationResponse>"
    ),
}
