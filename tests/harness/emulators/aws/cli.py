"""What stands for the aws CLI beside a local cloud: the commands that the stack's scripts run.

``aws ecs run-task``, ``aws ecs describe-tasks`` and ``aws logs get-log-events``, by boto3, with the
options of ``terraform/litellm/aws/scripts`` and of the commands that the outputs print. As the CLI
does, it takes the API's address from AWS_ENDPOINT_URL and filters answers with JMESPath.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jmespath
from botocore.exceptions import ClientError

from tests.harness.process import shims
from tests.harness.sdk import aws


def install(folder: Path) -> dict[str, str]:
    """Write the command into a folder; gives the variables with which a shell finds it."""
    return shims.install(folder, "aws", "tests.harness.emulators.aws.cli")


def _network(text: str) -> dict[str, Any]:
    """The shorthand ``awsvpcConfiguration={subnets=[a,b],assignPublicIp=DISABLED}``."""
    inner = re.fullmatch(r"awsvpcConfiguration=\{(.*)\}", text)
    if not inner:
        raise ValueError(f"--network-configuration {text}: takes awsvpcConfiguration={{...}}")
    held: dict[str, Any] = {}
    for name, several, one in re.findall(r"(\w+)=(?:\[([^\]]*)\]|([^,]*))", inner[1]):
        held[name] = several.split(",") if several else one
    return {"awsvpcConfiguration": held}


def _run(client: Any, given: argparse.Namespace) -> Any:
    return client.run_task(
        cluster=given.cluster,
        taskDefinition=given.task_definition,
        launchType=given.launch_type,
        propagateTags=given.propagate_tags,
        networkConfiguration=_network(given.network_configuration),
        **({"startedBy": given.started_by} if given.started_by else {}),
    )


def _describe(client: Any, given: argparse.Namespace) -> Any:
    return client.describe_tasks(cluster=given.cluster, tasks=[given.tasks])


def _events(client: Any, given: argparse.Namespace) -> Any:
    return client.get_log_events(
        logGroupName=given.log_group_name,
        logStreamName=given.log_stream_name,
        limit=int(given.limit),
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
    ("logs", "get-log-events"): (_events, ["--log-group-name", "--log-stream-name", "--limit"]),
}


def _text(value: Any) -> str:
    """An answer as the CLI's output ``text`` writes it."""
    if isinstance(value, list):
        return "\t".join(map(_text, value))
    return str(value)


def main(arguments: list[str]) -> int:
    """Run a command; gives the exit status."""
    service, operation = (*arguments[:2], "", "")[:2]
    command = _COMMANDS.get((service, operation))
    if command is None:
        print(f"aws: the local cloud has no `{service} {operation}`", file=sys.stderr)
        return 252
    call, options = command
    parser = argparse.ArgumentParser(prog="aws")
    for option in (*options, "--region"):
        parser.add_argument(option, required=option != "--started-by")
    parser.add_argument("--query")
    parser.add_argument("--output", default="json")
    given = parser.parse_args(arguments[2:])
    client = aws.client(os.environ["AWS_ENDPOINT_URL"], service, given.region)
    try:
        answer = call(client, given)
    except ClientError as error:
        print(f"\n{error}", file=sys.stderr)
        return 254
    found = jmespath.search(given.query, answer) if given.query else answer
    shown = _text(found) if given.output == "text" else json.dumps(found, indent=4, default=str)
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
