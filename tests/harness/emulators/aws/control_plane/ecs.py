"""What ministack lacks of ECS: clusters in use, and the state of services and tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.harness.emulators.aws.control_plane import logs
from tests.harness.emulators.aws.control_plane.call import Call, Refusal
from tests.harness.emulators.aws.control_plane.service import (
    EVERY,
    Clients,
    Observations,
    Overlay,
    Refuse,
    Rule,
    SideEffect,
    State,
)
from tests.harness.sdk.aws import paged

_REBALANCING = "availabilityZoneRebalancing"
_WRITES = ("CreateService", "UpdateService")


def services(client: Clients) -> Iterator[Mapping[str, Any]]:
    """The services of all clusters that exist."""
    ecs = client("ecs")
    for cluster in paged(ecs, "list_clusters", "clusterArns"):
        arns = paged(ecs, "list_services", "serviceArns", cluster=cluster)
        # DescribeServices takes at most ten.
        for start in range(0, len(arns), 10):
            batch = arns[start : start + 10]
            yield from ecs.describe_services(cluster=cluster, services=batch)["services"]


def _cluster(client: Clients, call: Call, _: Observations) -> Refusal | None:
    name = call.parameters.get("cluster", "default")
    ecs = client("ecs")
    if paged(ecs, "list_services", "serviceArns", cluster=name):
        return Refusal(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        )
    if paged(ecs, "list_tasks", "taskArns", cluster=name):
        return Refusal(
            "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."
        )
    return None


def _draining(client: Clients, call: Call, observed: Observations) -> Refusal | None:
    cluster = str(call.parameters.get("cluster", "default"))
    name = str(call.parameters.get("serviceName"))
    described = client("ecs").describe_services(cluster=cluster, services=[name])["services"]
    for service in described:
        observation = observed.get("services", {}).get(service["serviceArn"], {})
        if service["status"] != "ACTIVE" and observation.get("runningCount"):
            return Refusal(
                "InvalidParameterException", "Unable to Start a service that is still Draining."
            )
    return None


def _service(service: dict[str, Any], observed: Observations) -> None:
    """Set counts and states of a service. One without an observation has started no task."""
    if service["status"] == "INACTIVE" and service["serviceArn"] not in observed["services"]:
        return
    current = {
        "runningCount": 0,
        "pendingCount": service["desiredCount"],
        "failedTasks": 0,
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": "ECS deployment in progress.",
        "old": 0,
        **observed["services"].get(service["serviceArn"], {}),
    }
    if service["deployments"] and current.get("deployment") not in {
        None,
        service["deployments"][0]["id"],
    }:
        # The reconciler has not observed the last change yet.
        current |= {"rolloutState": "IN_PROGRESS", "old": current["runningCount"]}
    if service["status"] == "INACTIVE":
        if current["runningCount"]:
            service |= {"status": "DRAINING", "runningCount": current["runningCount"]}
        return
    service |= {name: current[name] for name in ("runningCount", "pendingCount")}
    for deployment in service["deployments"]:
        if deployment["status"] == "PRIMARY":
            counts = {
                name: current[name] for name in ("pendingCount", "failedTasks", "rolloutState")
            }
            running = current["runningCount"] - current["old"]
            deployment |= {**counts, "runningCount": running}
            deployment["rolloutStateReason"] = current["rolloutStateReason"]
    if current["old"]:
        first = service["deployments"][0]
        before = {
            **first,
            "id": f"{first['id']}-before",
            "status": "ACTIVE",
            "desiredCount": 0,
            "pendingCount": 0,
            "runningCount": current["old"],
            "rolloutState": "COMPLETED",
        }
        service["deployments"].append(before)


def _task(task: dict[str, Any], observed: Observations) -> None:
    observation = observed["tasks"].get(task["taskArn"])
    if observation is None:
        # A task without an observation has not started, unless it has stopped already.
        observation = {} if task["lastStatus"] == "STOPPED" else {"lastStatus": "PENDING"}
    for name in ("lastStatus", "stoppedReason", "stopCode"):
        if name in observation:
            task[name] = observation[name]
    for container in task["containers"]:
        container["lastStatus"] = task["lastStatus"]
        if task["lastStatus"] == "STOPPED":
            container.pop("exitCode", None)
            if observation.get("exitCode") is not None:
                container["exitCode"] = observation["exitCode"]


def _overlay(state: State, call: Call, body: bytes) -> bytes:
    """An answer with the rebalancing and the observed state of services, and that of tasks."""
    document = json.loads(body)
    described = [*document.get("services", ()), *filter(None, [document.get("service")])]
    for service in described:
        if call.operation in _WRITES and _REBALANCING in call.parameters:
            state.memory.rebalancing[service["serviceArn"]] = call.parameters[_REBALANCING]
        # The default of a service that its creation does not set; source: ECS API, CreateService.
        service[_REBALANCING] = state.memory.rebalancing.get(service["serviceArn"], "ENABLED")
    if state.observations is None:
        return json.dumps(document).encode()
    observed = state.observations
    for service in described:
        _service(service, observed)
    for task in [*document.get("tasks", ()), *filter(None, [document.get("task")])]:
        _task(task, observed)
    return json.dumps(document).encode()


def _insights(client: Clients, call: Call) -> None:
    """Create the log group of Container Insights, in which no logs expire."""
    cluster = str(call.parameters.get("cluster", "default")).rpartition("/")[2]
    described = client("ecs").describe_clusters(clusters=[cluster], include=["SETTINGS"])
    settings = [item for found in described["clusters"] for item in found.get("settings", ())]
    if {"name": "containerInsights", "value": "enabled"} in settings:
        logs.create_group(client, f"/aws/ecs/containerinsights/{cluster}/performance")


OVERLAY: Mapping[str, Overlay] = {EVERY: _overlay}
# CloudWatch, Container Insights log groups: the metrics of a task create a missing group.
SIDE_EFFECTS: dict[str, SideEffect] = {"CreateService": _insights}
REFUSALS: Refuse = {
    "DeleteCluster": [Rule(_cluster, "ECS API, DeleteCluster")],
    "CreateService": [Rule(_draining, "ECS API, DeleteService")],
}
