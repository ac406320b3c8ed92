"""Application Auto Scaling, which ministack has not: scalable targets, policies and their tags.

moto's is no help: it looks for the ECS service in moto's own ECS. Nothing is scaled by itself, for
there are no metrics. Source: Application Auto Scaling API Reference.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.emulators.aws.control_plane import ministack
from tests.harness.emulators.aws.control_plane.call import Call, Refusal
from tests.harness.emulators.aws.control_plane.service import Clients

Key = tuple[str, str, str]
"""Namespace, resource and dimension, which together name a target."""


@dataclass(slots=True)
class State:
    """The targets by key, the policies by key and name, the tags by ARN, all of one region."""

    targets: dict[Key, dict[str, Any]] = field(default_factory=dict)
    policies: dict[tuple[Key, str], dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)


Answer = dict[str, Any] | Refusal


def _key(given: Mapping[str, Any]) -> Key:
    return given["ServiceNamespace"], given["ResourceId"], given["ScalableDimension"]


def _named(key: Key) -> dict[str, str]:
    return dict(zip(("ServiceNamespace", "ResourceId", "ScalableDimension"), key, strict=True))


def _unknown(key: Key) -> Refusal:
    namespace, resource, dimension = key
    return Refusal(
        "ObjectNotFoundException",
        f"No scalable target found for service namespace: {namespace}, resource ID: {resource}, "
        f"scalable dimension: {dimension}",
    )


def _there(client: Clients, resource: str) -> bool:
    """Whether an ECS service, ``service/CLUSTER/NAME``, is there."""
    _, cluster, name = resource.split("/")
    ecs = client("ecs")
    if ecs.describe_clusters(clusters=[cluster])["failures"]:
        return False
    held = ecs.describe_services(cluster=cluster, services=[name])["services"]
    return any(one["status"] == "ACTIVE" for one in held)


def _register(state: State, call: Call, client: Clients) -> Answer:
    given = call.parameters
    key = _key(given)
    if key[0] == "ecs" and not _there(client, key[1]):
        return Refusal("ValidationException", f"ECS service doesn't exist: {key[1]}")
    held = state.targets.get(key)
    if held is None:
        if not {"MinCapacity", "MaxCapacity"} <= given.keys():
            return Refusal(
                "ValidationException", "MinCapacity and MaxCapacity must be given for a new target"
            )
        place = f"{call.region}:{ministack.ACCOUNT}"
        held = {
            **_named(key),
            "RoleARN": f"arn:aws:iam::{ministack.ACCOUNT}:role/aws-service-role/"
            "ecs.application-autoscaling.amazonaws.com/"
            "AWSServiceRoleForApplicationAutoScaling_ECSService",
            "CreationTime": time.time(),
            "SuspendedState": {
                "DynamicScalingInSuspended": False,
                "DynamicScalingOutSuspended": False,
                "ScheduledScalingSuspended": False,
            },
            "ScalableTargetARN": f"arn:aws:application-autoscaling:{place}:scalable-target/"
            f"{uuid.uuid4().hex[:24]}",
        }
    changed = {
        name: given[name]
        for name in ("MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState")
        if name in given
    }
    merged = {**held, **changed}
    if merged["MinCapacity"] > merged["MaxCapacity"]:
        return Refusal("ValidationException", "Minimum capacity cannot be above maximum capacity")
    state.targets[key] = merged
    state.tags.setdefault(merged["ScalableTargetARN"], {}).update(given.get("Tags", {}))
    return {"ScalableTargetARN": merged["ScalableTargetARN"]}


def _fits(given: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    return all(
        (
            one["ServiceNamespace"] == given["ServiceNamespace"],
            not given.get("ResourceIds") or one["ResourceId"] in given["ResourceIds"],
            given.get("ResourceId") in {None, one["ResourceId"]},
            given.get("ScalableDimension") in {None, one["ScalableDimension"]},
            not given.get("PolicyNames") or one["PolicyName"] in given["PolicyNames"],
        )
    )


def _targets(state: State, call: Call, _: Clients) -> Answer:
    fit = [one for one in state.targets.values() if _fits(call.parameters, one)]
    return {"ScalableTargets": fit}


def _deregister(state: State, call: Call, _: Clients) -> Answer:
    key = _key(call.parameters)
    if key not in state.targets:
        return _unknown(key)
    state.tags.pop(state.targets.pop(key)["ScalableTargetARN"], None)
    # Its policies go with it (API Reference, DeregisterScalableTarget).
    state.policies = {where: one for where, one in state.policies.items() if where[0] != key}
    return {}


_OF_A_POLICY = (
    "PolicyType",
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)


def _put_policy(state: State, call: Call, _: Clients) -> Answer:
    given = call.parameters
    key, name = _key(given), given["PolicyName"]
    if key not in state.targets:
        return _unknown(key)
    arn = (
        f"arn:aws:autoscaling:{call.region}:{ministack.ACCOUNT}:scalingPolicy:{uuid.uuid4()}:"
        f"resource/{key[0]}/{key[1]}:policyName/{name}"
    )
    made = {
        **_named(key),
        "PolicyName": name,
        "PolicyARN": arn,
        "CreationTime": time.time(),
        "Alarms": [],
    }
    held = {**made, **state.policies.get((key, name), {})}
    held |= {part: given[part] for part in _OF_A_POLICY if part in given}
    state.policies[key, name] = held
    return {"PolicyARN": held["PolicyARN"], "Alarms": []}


def _policies(state: State, call: Call, _: Clients) -> Answer:
    fit = [one for one in state.policies.values() if _fits(call.parameters, one)]
    return {"ScalingPolicies": fit}


def _delete_policy(state: State, call: Call, _: Clients) -> Answer:
    key, name = _key(call.parameters), call.parameters["PolicyName"]
    if (key, name) not in state.policies:
        return Refusal("ObjectNotFoundException", f"No scaling policy found with name {name}")
    del state.policies[key, name]
    return {}


def _tagged(state: State, call: Call) -> dict[str, str] | Refusal:
    arn = call.parameters["ResourceARN"]
    if arn not in state.tags:
        return Refusal("ResourceNotFoundException", f"The resource {arn} was not found")
    return state.tags[arn]


def _tag(state: State, call: Call, _: Clients) -> Answer:
    held = _tagged(state, call)
    if isinstance(held, Refusal):
        return held
    held.update(call.parameters["Tags"])
    return {}


def _untag(state: State, call: Call, _: Clients) -> Answer:
    held = _tagged(state, call)
    if isinstance(held, Refusal):
        return held
    for name in call.parameters["TagKeys"]:
        held.pop(name, None)
    return {}


def _tags(state: State, call: Call, _: Clients) -> Answer:
    held = _tagged(state, call)
    return held if isinstance(held, Refusal) else {"Tags": dict(held)}


_OPERATIONS: Mapping[str, Callable[[State, Call, Clients], Answer]] = {
    "RegisterScalableTarget": _register,
    "DescribeScalableTargets": _targets,
    "DeregisterScalableTarget": _deregister,
    "PutScalingPolicy": _put_policy,
    "DescribeScalingPolicies": _policies,
    "DeleteScalingPolicy": _delete_policy,
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTagsForResource": _tags,
}


def answered(states: dict[str, State], call: Call, client: Clients) -> Answer:
    """What the service answers; ``states``, by region, is changed."""
    operation = _OPERATIONS.get(call.operation)
    if operation is None:
        return Refusal("UnknownOperationException", f"{call.operation} is not served here")
    return operation(states.setdefault(call.region, State()), call, client)
