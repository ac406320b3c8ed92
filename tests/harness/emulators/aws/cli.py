"""A replacement of the aws CLI, with the commands that the stack's scripts run.

The commands have the options of ``terraform/litellm/aws/scripts`` and of the outputs. They run in
the emulator's process and use boto3. Like the CLI, they read the endpoint from AWS_ENDPOINT_URL and
filter answers with JMESPath.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jmespath
from botocore.exceptions import ClientError

from tests.harness.process import shims
from tests.harness.process.shims import CommandError
from tests.harness.sdk import aws


def install(folder: Path, url: str) -> dict[str, str]:
    """Write the command of the emulator at ``url`` into a folder; returns the PATH to find it."""
    return shims.install(folder, "aws", url)


def _network(text: str) -> dict[str, Any]:
    """Parse the shorthand ``awsvpcConfiguration={subnets=[a,b],assignPublicIp=DISABLED}``."""
    inner = re.fullmatch(r"awsvpcConfiguration=\{(.*)\}", text)
    if not inner:
        raise ValueError(f"--network-configuration must be awsvpcConfiguration={{...}}; got {text}")
    configuration: dict[str, Any] = {}
    for name, values, value in re.findall(r"(\w+)=(?:\[([^\]]*)\]|([^,]*))", inner[1]):
        configuration[name] = values.split(",") if values else value
    return {"awsvpcConfiguration": configuration}


def _run(client: Any, options: argparse.Namespace) -> Any:
    return client.run_task(
        cluster=options.cluster,
        taskDefinition=options.task_definition,
        launchType=options.launch_type,
        propagateTags=options.propagate_tags,
        networkConfiguration=_network(options.network_configuration),
        **({"startedBy": options.started_by} if options.started_by else {}),
    )


def _describe(client: Any, options: argparse.Namespace) -> Any:
    return client.describe_tasks(cluster=options.cluster, tasks=[options.tasks])


def _list(client: Any, options: argparse.Namespace) -> Any:
    return client.list_tasks(
        cluster=options.cluster, family=options.family, desiredStatus=options.desired_status
    )


def _stop(client: Any, options: argparse.Namespace) -> Any:
    return client.stop_task(cluster=options.cluster, task=options.task, reason=options.reason)


def _services(client: Any, options: argparse.Namespace) -> Any:
    return client.describe_services(cluster=options.cluster, services=[options.services])


def _update(client: Any, options: argparse.Namespace) -> Any:
    return client.update_service(
        cluster=options.cluster,
        service=options.service,
        forceNewDeployment=options.force_new_deployment,
    )


def _caller(client: Any, _options: argparse.Namespace) -> Any:
    return client.get_caller_identity()


def _events(client: Any, options: argparse.Namespace) -> Any:
    return client.get_log_events(
        logGroupName=options.log_group_name,
        logStreamName=options.log_stream_name,
        limit=int(options.limit),
    )


_COMMANDS: Mapping[tuple[str, str], tuple[Callable[[Any, argparse.Namespace], Any], list[str]]] = {
    ("ecs", "run-task"): (
        _run,
        [
            "--cluster",
            "--task-definition",
            "--launch-type",
            "--propagate-tags",
            "--network-configuration",
            "--started-by",
        ],
    ),
    ("ecs", "describe-tasks"): (_describe, ["--cluster", "--tasks"]),
    ("ecs", "list-tasks"): (_list, ["--cluster", "--family", "--desired-status"]),
    ("ecs", "stop-task"): (_stop, ["--cluster", "--task", "--reason"]),
    ("ecs", "describe-services"): (_services, ["--cluster", "--services"]),
    ("ecs", "update-service"): (_update, ["--cluster", "--service"]),
    ("sts", "get-caller-identity"): (_caller, []),
    ("logs", "get-log-events"): (_events, ["--log-group-name", "--log-stream-name", "--limit"]),
}


def _text(value: Any) -> str:
    """An answer in the format of ``--output text``."""
    if isinstance(value, list):
        return "\t".join(map(_text, value))
    return str(value)


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command; returns its standard output.

    Raises:
        CommandError: no such command or option, or an error of the service.
    """
    service, operation = (*arguments[:2], "", "")[:2]
    command = _COMMANDS.get((service, operation))
    if command is None:
        raise CommandError(252, f"aws: the emulator has no command `{service} {operation}`")
    call, options = command
    parser = shims.Parser(prog="aws")
    for option in (*options, "--region"):
        parser.add_argument(option, required=option != "--started-by")
    parser.add_argument("--force-new-deployment", action="store_true")
    parser.add_argument("--query")
    parser.add_argument("--output", default="json")
    values = parser.parse_args(arguments[2:])
    client = aws.client(environment["AWS_ENDPOINT_URL"], service, values.region)
    try:
        answer = call(client, values)
    except ClientError as error:
        raise CommandError(254, f"\n{error}") from error
    result = jmespath.search(values.query, answer) if values.query else answer
    text = _text(result) if values.output == "text" else json.dumps(result, indent=4, default=str)
    return f"{text}\n"
