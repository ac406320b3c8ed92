"""Application Auto Scaling: scalable targets, policies and tags. ministack does not have it.

moto has it, but looks up the ECS service in moto's ECS. The emulator has no metrics, and so it
scales no service. Source: Application Auto Scaling API Reference.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.emulators.aws.control_plane.call import Call, Refusal
from tests.harness.emulators.aws.control_plane.service import ACCOUNT, Clients

Key = tuple[str, str, str]
"""Namespace, resource and dimension, which identify a target."""


@dataclass(slots=True)
class State:
    """The targets by key, policies by key and name, and tags by ARN of one region."""

    targets: dict[Key, dict[str, Any]] = field(default_factory=dict)
    policies: dict[tuple[Key, str], dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)


Answer = dict[str, Any] | Refusal


def _key(parameters: Mapping[str, Any]) -> Key:
    return parameters["ServiceNamespace"], parameters["ResourceId"], parameters["ScalableDimension"]


def _named(key: Key) -> dict[str, str]:
    return dict(zip(("ServiceNamespace", "ResourceId", "ScalableDimension"), key, strict=True))


def _unknown(key: Key) -> Refusal:
    namespace, resource, dimension = key
    return Refusal(
        "ObjectNotFoundException",
        f"No scalable target found for service namespace: {namespace}, resource ID: {resource}, "
        f"scalable dimension: {dimension}",
    )


def _exists(client: Clients, resource: str) -> bool:
    """Whether an ECS service ``service/CLUSTER/NAME`` exists."""
    _, cluster, name = resource.split("/")
    ecs = client("ecs")
    if ecs.describe_clusters(clusters=[cluster])["failures"]:
        return False
    services = ecs.describe_services(cluster=cluster, services=[name])["services"]
    return any(service["status"] == "ACTIVE" for service in services)


def _register(state: State, call: Call, client: Clients) -> Answer:
    parameters = call.parameters
    key = _key(parameters)
    if key[0] == "ecs" and not _exists(client, key[1]):
        return Refusal("ValidationException", f"ECS service doesn't exist: {key[1]}")
    current = state.targets.get(key)
    if current is None:
        if not {"MinCapacity", "MaxCapacity"} <= parameters.keys():
            return Refusal(
                "ValidationException", "MinCapacity and MaxCapacity are required for a new target"
            )
        place = f"{call.region}:{ACCOUNT}"
        current = {
            **_named(key),
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/"
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
        name: parameters[name]
        for name in ("MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState")
        if name in parameters
    }
    merged = {**current, **changed}
    if merged["MinCapacity"] > merged["MaxCapacity"]:
        return Refusal("ValidationException", "Minimum capacity cannot be above maximum capacity")
    state.targets[key] = merged
    state.tags.setdefault(merged["ScalableTargetARN"], {}).update(parameters.get("Tags", {}))
    return {"ScalableTargetARN": merged["ScalableTargetARN"]}


def _matches(parameters: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    return all(
        (
            item["ServiceNamespace"] == parameters["ServiceNamespace"],
            not parameters.get("ResourceIds") or item["ResourceId"] in parameters["ResourceIds"],
            parameters.get("ResourceId") in {None, item["ResourceId"]},
            parameters.get("ScalableDimension") in {None, item["ScalableDimension"]},
            not parameters.get("PolicyNames") or item["PolicyName"] in parameters["PolicyNames"],
        )
    )


def _targets(state: State, call: Call, _: Clients) -> Answer:
    matches = [target for target in state.targets.values() if _matches(call.parameters, target)]
    return {"ScalableTargets": matches}


def _deregister(state: State, call: Call, _: Clients) -> Answer:
    key = _key(call.parameters)
    if key not in state.targets:
        return _unknown(key)
    state.tags.pop(state.targets.pop(key)["ScalableTargetARN"], None)
    # The service deletes its policies too (API Reference, DeregisterScalableTarget).
    state.policies = {
        policy_key: policy for policy_key, policy in state.policies.items() if policy_key[0] != key
    }
    return {}


_POLICY_FIELDS = (
    "PolicyType",
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)


def _put_policy(state: State, call: Call, _: Clients) -> Answer:
    parameters = call.parameters
    key, name = _key(parameters), parameters["PolicyName"]
    if key not in state.targets:
        return _unknown(key)
    arn = (
        f"arn:aws:autoscaling:{call.region}:{ACCOUNT}:scalingPolicy:{uuid.uuid4()}:"
        f"resource/{key[0]}/{key[1]}:policyName/{name}"
    )
    defaults = {
        **_named(key),
        "PolicyName": name,
        "PolicyARN": arn,
        "CreationTime": time.time(),
        "Alarms": [],
    }
    policy = {**defaults, **state.policies.get((key, name), {})}
    policy |= {part: parameters[part] for part in _POLICY_FIELDS if part in parameters}
    state.policies[key, name] = policy
    return {"PolicyARN": policy["PolicyARN"], "Alarms": []}


def _policies(state: State, call: Call, _: Clients) -> Answer:
    matches = [policy for policy in state.policies.values() if _matches(call.parameters, policy)]
    return {"ScalingPolicies": matches}


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
    tags = _tagged(state, call)
    if isinstance(tags, Refusal):
        return tags
    tags.update(call.parameters["Tags"])
    return {}


def _untag(state: State, call: Call, _: Clients) -> Answer:
    tags = _tagged(state, call)
    if isinstance(tags, Refusal):
        return tags
    for name in call.parameters["TagKeys"]:
        tags.pop(name, None)
    return {}


def _tags(state: State, call: Call, _: Clients) -> Answer:
    tags = _tagged(state, call)
    return tags if isinstance(tags, Refusal) else {"Tags": dict(tags)}


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


def answer(states: dict[str, State], call: Call, client: Clients) -> Answer:
    """The answer to a call, which may change ``states`` (by region)."""
    operation = _OPERATIONS.get(call.operation)
    if operation is None:
        return Refusal(
            "UnknownOperationException", f"{call.operation} is not served by the emulator"
        )
    return operation(states.setdefault(call.region, State()), call, client)
