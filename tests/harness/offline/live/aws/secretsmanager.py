"""Secrets and their versions."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.offline.live.aws.crud import Call, CallError, Special
from tests.harness.offline.live.codec import Document, Values


def _read_secret(_: Call, state: Values, document: Document) -> None:
    document["DeletedDate"] = "deleted" if document.get("DeletedDate") else ""


def _delete_secret(call: Call, state: Values) -> None:
    days = state.get("recovery_window_in_days")
    options = {"RecoveryWindowInDays": int(days)} if days else {"ForceDeleteWithoutRecovery": True}
    call.client().delete_secret(SecretId=state["id"], **options)


def _put_version(call: Call, values: Values) -> str:
    text = call.config.get("secret_string_wo") or values.get("secret_string")
    if not isinstance(text, str):
        raise CallError("one of secret_string and secret_string_wo must be set")
    version = call.client().put_secret_value(SecretId=values["secret_id"], SecretString=text)
    return f"{values['secret_id']}|{version['VersionId']}"


def _version(call: Call, state: Values) -> Document | None:
    secret, _, version = state["id"].partition("|")
    described = call.client().describe_secret(SecretId=secret)
    stages = described.get("VersionIdsToStages", {}).get(version)
    if described.get("DeletedDate") or not stages:
        return None
    return {
        "arn": described["ARN"],
        "SecretId": secret,
        "version_id": version,
        "version_stages": stages,
        "has_secret_string_wo": True,
    }


def _after_update_version(call: Call, state: Values, prior: Values) -> None:
    if state.get("secret_string_wo_version") != prior.get("secret_string_wo_version"):
        state["id"] = _put_version(call, state)


def _keep_version(_: Call, __: Values) -> None:
    """Secrets Manager deletes the current version with its secret: no call deletes it alone."""


SPECIAL: Mapping[str, Special] = {
    "aws_secretsmanager_secret": Special(read=_read_secret, delete=_delete_secret),
    "aws_secretsmanager_secret_version": Special(
        create=_put_version, find=_version, after_update=_after_update_version, delete=_keep_version
    ),
}
