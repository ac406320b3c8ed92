"""The container of an ECS task, with its secrets and addresses resolved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.harness.emulators.aws.cloud import Cloud

Addresses = Mapping[str, tuple[str, int] | None]
"""The loopback host and port by host name of an endpoint; None while the store starts, port 0 if it
failed."""


class WorkError(RuntimeError):
    """A task cannot start, because a secret does not exist."""


class NotYetError(RuntimeError):
    """A task names a store that is still starting."""


@dataclass(frozen=True, slots=True)
class Work:
    """A container to run.

    ``name`` is the id of the task. ``logs`` are the group and the stream of its log, if it has one.
    ``role`` is the ARN of the role of the task; empty without one.
    """

    name: str
    container: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    logs: tuple[str, str] | None = None
    role: str = ""


def _secret(cloud: Cloud, reference: str) -> str:
    """The value of ``ARN`` or ``ARN:KEY:STAGE:VERSION``.

    Source: ECS, pass Secrets Manager secrets through environment variables.
    """
    parts = reference.split(":")
    arn = ":".join(parts[:7])
    key, stage, version = [*parts[7:], "", "", ""][:3]
    versions = {"VersionStage": stage, "VersionId": version}
    try:
        options = {name: value for name, value in versions.items() if value}
        text = str(
            cloud.client("secretsmanager").get_secret_value(SecretId=arn, **options)["SecretString"]
        )
        return str(json.loads(text)[key]) if key else text
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise WorkError(f"unable to pull secret {arn}: {code}") from error
    except (KeyError, ValueError):
        # The message must not contain the value of the secret.
        raise WorkError(f"secret {arn} has no text at the key {key!r}") from None


def _resolved(environment: Mapping[str, str], addresses: Addresses) -> dict[str, str]:
    """The environment, with loopback addresses in place of the host names of endpoints.

    The port of DATABASE_HOST is in DATABASE_PORT, and so on.
    """
    resolved = dict(environment)
    for name, value in environment.items():
        if value not in addresses:
            continue
        address = addresses[value]
        if address is None:
            raise NotYetError(f"{name}: {value} is still starting")
        if not address[1]:
            raise WorkError(f"{name}: {value} did not start")
        resolved[name] = address[0]
        port = name.replace("HOST", "PORT")
        if port in resolved and port != name:
            resolved[port] = str(address[1])
    return resolved


def work(
    cloud: Cloud, task: Mapping[str, Any], definition: Mapping[str, Any], addresses: Addresses
) -> Work:
    """The container that a task runs.

    Args:
        cloud: the API of secrets.
        task: a task of DescribeTasks.
        definition: the definition of DescribeTaskDefinition; it must have one container.
        addresses: the addresses of the stores.

    Raises:
        WorkError: a secret does not exist, or the task has several containers.
        NotYetError: a store that the environment names is still starting.
    """
    identity = task["taskArn"].rpartition("/")[2]
    containers = definition["containerDefinitions"]
    if len(containers) != 1:
        raise WorkError(
            f"{task['taskArn']} has {len(containers)} containers; the emulator runs one"
        )
    (container,) = containers
    overrides: Mapping[str, Any] = next(
        (
            override
            for override in task.get("overrides", {}).get("containerOverrides", ())
            if override.get("name") == container["name"]
        ),
        {},
    )
    plain = {
        variable["name"]: variable["value"]
        for variable in (*container.get("environment", ()), *overrides.get("environment", ()))
    }
    secret = {
        variable["name"]: _secret(cloud, variable["valueFrom"])
        for variable in container.get("secrets", ())
    }
    command = overrides.get("command") or container.get("command", ())
    options = container.get("logConfiguration", {}).get("options", {})
    group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
    environment = _resolved({**plain, **secret}, addresses)
    return Work(
        identity,
        container["name"],
        container["image"],
        (*container.get("entryPoint", ()), *command),
        environment,
        (group, f"{prefix}/{container['name']}/{identity}") if group and prefix else None,
        definition.get("taskRoleArn", ""),
    )
