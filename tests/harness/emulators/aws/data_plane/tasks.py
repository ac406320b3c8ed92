"""What a task of ECS is to run: its container with secrets, files and addresses put in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.harness.emulators.aws.cloud import Cloud

Addresses = Mapping[str, tuple[str, int] | None]
"""Host and port of what an endpoint's name stands for; None while it is being made, port 0 if it
could not be."""


class WorkError(RuntimeError):
    """A task cannot start: what it names is not there."""


class NotYetError(RuntimeError):
    """A task names a store that is still being made."""


@dataclass(frozen=True, slots=True)
class Work:
    """A container to run.

    ``name`` is the task's id, ``files`` are texts by the path that the environment gives, ``logs``
    is the group and the stream that its log belongs into, if any.
    """

    name: str
    container: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    logs: tuple[str, str] | None = None


def _secret(cloud: Cloud, reference: str) -> str:
    """The value of ``ARN`` or ``ARN:KEY:STAGE:VERSION``.

    Source: ECS, pass Secrets Manager secrets through environment variables.
    """
    parts = reference.split(":")
    arn, rest = ":".join(parts[:7]), [*parts[7:], "", "", ""]
    named = {"VersionStage": rest[1], "VersionId": rest[2]}
    try:
        asked = {name: value for name, value in named.items() if value}
        text = str(
            cloud.client("secretsmanager").get_secret_value(SecretId=arn, **asked)["SecretString"]
        )
        return str(json.loads(text)[rest[0]]) if rest[0] else text
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise WorkError(f"unable to pull secret {arn}: {code}") from error
    except (KeyError, ValueError):
        # What is in the secret is not told.
        raise WorkError(f"secret {arn} has no text at the key {rest[0]!r}") from None


def _settled(environment: Mapping[str, str], addresses: Addresses) -> dict[str, str]:
    """The environment with what listens on loopback in place of names that resolve nowhere.

    A port stands in the variable that is named as the host's is: DATABASE_HOST, DATABASE_PORT.
    """
    held = dict(environment)
    for name, value in environment.items():
        if value not in addresses:
            continue
        address = addresses[value]
        if address is None:
            raise NotYetError(f"{name}: {value} is still being made")
        if not address[1]:
            raise WorkError(f"{name}: {value} could not be made")
        held[name] = address[0]
        port = name.replace("HOST", "PORT")
        if port in held and port != name:
            held[port] = str(address[1])
    return held


def _files(cloud: Cloud, environment: Mapping[str, str]) -> dict[str, str]:
    """The configuration file, which the container's start command would fetch."""
    bucket = environment.get("LITELLM_PROXY_CONFIG_S3_BUCKET")
    key = environment.get("LITELLM_PROXY_CONFIG_S3_KEY")
    path = environment.get("CONFIG_FILE_PATH")
    if not bucket or not key or not path:
        return {}
    try:
        got = cloud.client("s3").get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise WorkError(f"unable to fetch s3://{bucket}/{key}: {code}") from error
    return {path: got["Body"].read().decode()}


def work(
    cloud: Cloud, task: Mapping[str, Any], definition: Mapping[str, Any], addresses: Addresses
) -> Work:
    """What a task runs.

    Args:
        cloud: what is asked for secrets and files.
        task: of DescribeTasks.
        definition: of DescribeTaskDefinition; it must have one container.
        addresses: of the stores.

    Raises:
        WorkError: a secret or a file is not there, or the task has several containers.
        NotYetError: a store that the environment names is still being made.
    """
    identity = task["taskArn"].rpartition("/")[2]
    containers = definition["containerDefinitions"]
    if len(containers) != 1:
        raise WorkError(f"{task['taskArn']} has {len(containers)} containers; only one is run")
    (container,) = containers
    overrides: Mapping[str, Any] = next(
        (
            one
            for one in task.get("overrides", {}).get("containerOverrides", ())
            if one.get("name") == container["name"]
        ),
        {},
    )
    plain = {
        one["name"]: one["value"]
        for one in (*container.get("environment", ()), *overrides.get("environment", ()))
    }
    secret = {one["name"]: _secret(cloud, one["valueFrom"]) for one in container.get("secrets", ())}
    command = overrides.get("command") or container.get("command", ())
    options = container.get("logConfiguration", {}).get("options", {})
    group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
    environment = _settled({**plain, **secret}, addresses)
    return Work(
        identity,
        container["name"],
        container["image"],
        (*container.get("entryPoint", ()), *command),
        environment,
        _files(cloud, environment),
        (group, f"{prefix}/{container['name']}/{identity}") if group and prefix else None,
    )
