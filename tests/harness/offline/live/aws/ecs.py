"""Task definitions and services."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from tests.harness.offline.engine.values import known_items
from tests.harness.offline.live.aws.crud import Call, CallError, Special
from tests.harness.offline.live.codec import Document, Values

_STEADY_SECONDS = 600


def _definition(_: Call, values: Values, params: Document) -> None:
    params["containerDefinitions"] = json.loads(values["container_definitions"])


def _read_definition(_: Call, __: Values, document: Document) -> None:
    for container in document["containerDefinitions"]:
        # The default of ECS (ECS API, ContainerDefinition).
        if container.get("essential") is True:
            container.setdefault("cpu", 0)
    document["arn_without_revision"] = document["taskDefinitionArn"].rpartition(":")[0]


def _service(_: Call, values: Values, params: Document) -> None:
    network = params.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if network is not None:
        public = known_items(values.get("network_configuration"))[0].get("assign_public_ip")
        network["assignPublicIp"] = "ENABLED" if public else "DISABLED"


def _read_service(_: Call, __: Values, document: Document) -> None:
    if document.get("launchType") == "FARGATE":
        # The load_balancer block of a Fargate service never has it.
        for balancer in document.get("loadBalancers", ()):
            balancer.pop("loadBalancerName", None)


def _steady(call: Call, state: Values) -> None:
    """With ``wait_for_steady_state``, wait until the last deployment is the only one."""
    if state.get("wait_for_steady_state") is not True:
        return
    deadline = time.monotonic() + _STEADY_SECONDS
    while time.monotonic() < deadline:
        (service,) = call.client().describe_services(
            cluster=state["cluster"], services=[state["id"]]
        )["services"]
        primary = service["deployments"][0]
        if primary.get("rolloutState") == "FAILED":
            raise CallError(f"{primary.get('rolloutStateReason')}")
        if len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]:
            return
        time.sleep(0.2)
    raise CallError("timeout while waiting for state to become 'tfSTABLE'")


SPECIAL: Mapping[str, Special] = {
    "aws_ecs_task_definition": Special(params=_definition, read=_read_definition),
    "aws_ecs_service": Special(
        params=_service,
        after_create=_steady,
        read=_read_service,
        after_update=lambda c, s, _: _steady(c, s),
    ),
}
