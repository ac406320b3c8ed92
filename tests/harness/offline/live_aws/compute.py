"""What is special to containers, roles, logs and secrets where the offline AWS provider applies."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from tests.harness.offline.engine.values import known_items
from tests.harness.offline.live_aws.codec import Document, Values
from tests.harness.offline.live_aws.crud import Call, CallError, Special

_STEADY_SECONDS = 600

# ---- ECS ----


def _definition(_: Call, values: Values, params: Document) -> None:
    params["containerDefinitions"] = json.loads(values["container_definitions"])


def _definition_told(_: Call, __: Values, document: Document) -> None:
    for one in document["containerDefinitions"]:
        # What ECS fills in where nothing is said (ECS API, ContainerDefinition).
        if one.get("essential") is True:
            one.setdefault("cpu", 0)
    document["arn_without_revision"] = document["taskDefinitionArn"].rpartition(":")[0]


def _service(_: Call, values: Values, params: Document) -> None:
    network = params.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if network is not None:
        public = known_items(values.get("network_configuration"))[0].get("assign_public_ip")
        network["assignPublicIp"] = "ENABLED" if public else "DISABLED"


def _service_told(_: Call, __: Values, document: Document) -> None:
    if document.get("launchType") == "FARGATE":
        # What the load balancer's block never has.
        for one in document.get("loadBalancers", ()):
            one.pop("loadBalancerName", None)


def _steady(call: Call, state: Values) -> None:
    """Wait as ``wait_for_steady_state`` asks: until the last deployment is the only one."""
    if state.get("wait_for_steady_state") is not True:
        return
    until = time.monotonic() + _STEADY_SECONDS
    while time.monotonic() < until:
        (held,) = call.client().describe_services(cluster=state["cluster"], services=[state["id"]])[
            "services"
        ]
        first = held["deployments"][0]
        if first.get("rolloutState") == "FAILED":
            raise CallError(f"{first.get('rolloutStateReason')}")
        if len(held["deployments"]) == 1 and held["runningCount"] == held["desiredCount"]:
            return
        time.sleep(0.2)
    raise CallError("timeout while waiting for state to become 'tfSTABLE'")


# ---- IAM ----


def _attached(call: Call, state: Values) -> Document | None:
    asked = call.client().list_attached_role_policies(RoleName=state["role"])
    held = [one["PolicyArn"] for one in asked["AttachedPolicies"]]
    found = {"RoleName": state["role"], "policy_arn": state["policy_arn"]}
    return found if state["policy_arn"] in held else None


# ---- Logs ----


def _retain(call: Call, state: Values) -> None:
    days = state.get("retention_in_days")
    if isinstance(days, int) and days > 0:
        call.client().put_retention_policy(logGroupName=state["id"], retentionInDays=days)


def _log_group(call: Call, state: Values) -> Document | None:
    asked = call.client().describe_log_groups(logGroupNamePrefix=state["id"])
    return next((dict(o) for o in asked["logGroups"] if o["logGroupName"] == state["id"]), None)


def _log_group_told(_: Call, __: Values, document: Document) -> None:
    document["arn"] = document["arn"].removesuffix(":*")


# ---- Secrets ----


def _secret_told(_: Call, state: Values, document: Document) -> None:
    document["DeletedDate"] = "deleted" if document.get("DeletedDate") else ""


def _delete_secret(call: Call, state: Values) -> None:
    days = state.get("recovery_window_in_days")
    how = {"RecoveryWindowInDays": int(days)} if days else {"ForceDeleteWithoutRecovery": True}
    call.client().delete_secret(SecretId=state["id"], **how)


def _put_version(call: Call, values: Values) -> str:
    text = call.config.get("secret_string_wo") or values.get("secret_string")
    if not isinstance(text, str):
        raise CallError("one of secret_string and secret_string_wo must be given")
    made = call.client().put_secret_value(SecretId=values["secret_id"], SecretString=text)
    return f"{values['secret_id']}|{made['VersionId']}"


def _version(call: Call, state: Values) -> Document | None:
    secret, _, version = state["id"].partition("|")
    held = call.client().describe_secret(SecretId=secret)
    stages = held.get("VersionIdsToStages", {}).get(version)
    if held.get("DeletedDate") or not stages:
        return None
    return {
        "arn": held["ARN"],
        "SecretId": secret,
        "version_id": version,
        "version_stages": stages,
        "has_secret_string_wo": True,
    }


def _version_changed(call: Call, state: Values, prior: Values) -> None:
    if state.get("secret_string_wo_version") != prior.get("secret_string_wo_version"):
        state["id"] = _put_version(call, state)


def _keep_version(_: Call, __: Values) -> None:
    """The version in use goes with its secret: its stage can be taken off by no call."""


SPECIAL: Mapping[str, Special] = {
    "aws_ecs_task_definition": Special(params=_definition, extend=_definition_told),
    "aws_ecs_service": Special(
        params=_service, made=_steady, extend=_service_told, change=lambda c, s, _: _steady(c, s)
    ),
    "aws_iam_role_policy_attachment": Special(find=_attached),
    "aws_cloudwatch_log_group": Special(made=_retain, find=_log_group, extend=_log_group_told),
    "aws_secretsmanager_secret": Special(extend=_secret_told, delete=_delete_secret),
    "aws_secretsmanager_secret_version": Special(
        create=_put_version, find=_version, change=_version_changed, delete=_keep_version
    ),
}
