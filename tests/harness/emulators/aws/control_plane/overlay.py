"""What the reconciler knows and the emulator does not, laid over the emulator's answers.

The emulator says that every task runs at once and every target is healthy. The reconciler tells the
front, as JSON, what became of them: ``services`` and ``tasks`` by ARN, ``health`` by target group's
ARN and target (:func:`target`). Until it has told anything, answers are left as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from tests.harness.emulators.aws.control_plane import ministack as emulator

Facts = Mapping[str, Mapping[str, Any]]

NOTHING: Facts = {}


def target(host: str, port: int) -> str:
    """The key of a target in ``health``."""
    return f"{host}:{port}"


# ---- ECS ----


def _service(service: dict[str, Any], facts: Facts) -> None:
    """Counts and states of a service; one that is not told of yet has started nothing."""
    if service["status"] == "INACTIVE" and service["serviceArn"] not in facts["services"]:
        return
    held = {
        "runningCount": 0,
        "pendingCount": service["desiredCount"],
        "failedTasks": 0,
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": "ECS deployment in progress.",
        "old": 0,
        **facts["services"].get(service["serviceArn"], {}),
    }
    if service["deployments"] and held.get("deployment") not in {
        None,
        service["deployments"][0]["id"],
    }:
        # The reconciler has not looked since the last change.
        held |= {"rolloutState": "IN_PROGRESS", "old": held["runningCount"]}
    if service["status"] == "INACTIVE":
        if held["runningCount"]:
            service |= {"status": "DRAINING", "runningCount": held["runningCount"]}
        return
    service |= {name: held[name] for name in ("runningCount", "pendingCount")}
    for deployment in service["deployments"]:
        if deployment["status"] == "PRIMARY":
            own = {name: held[name] for name in ("pendingCount", "failedTasks", "rolloutState")}
            running = held["runningCount"] - held["old"]
            deployment |= {**own, "runningCount": running}
            deployment["rolloutStateReason"] = held["rolloutStateReason"]
    if held["old"]:
        first = service["deployments"][0]
        before = {
            **first,
            "id": f"{first['id']}-before",
            "status": "ACTIVE",
            "desiredCount": 0,
            "pendingCount": 0,
            "runningCount": held["old"],
            "rolloutState": "COMPLETED",
        }
        service["deployments"].append(before)


def _task(task: dict[str, Any], facts: Facts) -> None:
    fact = facts["tasks"].get(task["taskArn"])
    if fact is None:
        # One that is not told of yet has not started, if it is not stopped already.
        fact = {} if task["lastStatus"] == "STOPPED" else {"lastStatus": "PENDING"}
    for name in ("lastStatus", "stoppedReason", "stopCode"):
        if name in fact:
            task[name] = fact[name]
    for container in task["containers"]:
        container["lastStatus"] = task["lastStatus"]
        if task["lastStatus"] == "STOPPED":
            container.pop("exitCode", None)
            if fact.get("exitCode") is not None:
                container["exitCode"] = fact["exitCode"]


def on_ecs(body: bytes, facts: Facts) -> bytes:
    """An answer of ECS with what is known of its services and tasks."""
    document = json.loads(body)
    for service in [*document.get("services", ()), *filter(None, [document.get("service")])]:
        _service(service, facts)
    for task in [*document.get("tasks", ()), *filter(None, [document.get("task")])]:
        _task(task, facts)
    return json.dumps(document).encode()


# ---- Target groups ----


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
        '<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/'
        '2015-12-01/"><DescribeTargetHealthResult><TargetHealthDescriptions>'
        f"{members}</TargetHealthDescriptions></DescribeTargetHealthResult>"
        "<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata>"
        "</DescribeTargetHealthResponse>"
    ).encode()


# ---- ElastiCache ----


def on_elasticache(body: bytes) -> bytes:
    """An answer of ElastiCache in which each replication group has a name of its own.

    The names have the form that ElastiCache gives groups with encryption in transit.
    """

    def named(block: re.Match[str]) -> str:
        found = re.search(r"<ReplicationGroupId>([^<]+)<", block[0])
        if not found:
            return block[0]
        host = f"master.{found[1]}.local.cache.amazonaws.com"
        reader = re.compile(rf"(<ReaderEndpoint>\s*<Address>){re.escape(emulator.REDIS_HOST)}<")
        text = reader.sub(rf"\g<1>{host.replace('master', 'replica', 1)}<", block[0])
        return text.replace(f">{emulator.REDIS_HOST}<", f">{host}<")

    pattern = r"<ReplicationGroup>.*?</ReplicationGroup>"
    return re.sub(pattern, named, body.decode(), flags=re.DOTALL).encode()
