"""Task definitions and services."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

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
    """With ``wait_for_steady_state``, wait as the provider's release does.

    Releases before 6.11, the first with ``sigint_rollback``, wait until one deployment has all
    its tasks. They know neither the health of the tasks nor that ECS rolled a deployment back.
    Later releases wait for the end of the deployment, and fail if it failed. Source: hashicorp/aws,
    internal/service/ecs/service.go, statusServiceWaitForStable.
    """
    if state.get("wait_for_steady_state") is not True:
        return
    first = ""
    deadline = time.monotonic() + _STEADY_SECONDS
    while time.monotonic() < deadline:
        (service,) = call.client().describe_services(
            cluster=state["cluster"], services=[state["id"]]
        )["services"]
        primary = service["deployments"][0]
        first = first or primary["id"]
        rollout = primary.get("rolloutState")
        if "sigint_rollback" not in call.block.attributes:
            if _counted(service):
                return
        elif primary["id"] != first or rollout == "FAILED":
            raise CallError(
                f"waiting for ECS Service ({state['id']}): Service deployment rolled back because "
                "the circuit breaker threshold was exceeded."
            )
        elif rollout == "COMPLETED" and _counted(service):
            return
        time.sleep(0.2)
    raise CallError(
        f"waiting for ECS Service ({state['id']}): timeout while waiting for state to become "
        "'tfSTABLE'"
    )


def _counted(service: Mapping[str, Any]) -> bool:
    return len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]


SPECIAL: Mapping[str, Special] = {
    "aws_ecs_task_definition": Special(params=_definition, read=_read_definition),
    "aws_ecs_service": Special(
        params=_service,
        after_create=_steady,
        read=_read_service,
        after_update=lambda c, s, _: _steady(c, s),
    ),
}
