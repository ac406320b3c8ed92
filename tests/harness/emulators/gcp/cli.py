"""A replacement of the gcloud CLI, with the commands that the stack's scripts run.

``gcloud run jobs execute`` and ``gcloud run jobs executions`` use Google's client of Cloud Run.
``gcloud projects describe`` and ``gcloud services list`` answer for the project and the APIs of the
emulator. Like gcloud, the commands read the endpoint from CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.harness.process import shims
from tests.harness.sdk.google import SERVICES, executions, jobs

_OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN"


def install(folder: Path, url: str) -> dict[str, str]:
    """Write the command into a folder; returns the variables with which a shell finds it."""
    variables = shims.install(folder, "gcloud", "tests.harness.emulators.gcp.cli")
    return {**variables, _OVERRIDE: f"{url}/"}


def _execute(options: argparse.Namespace) -> int:
    name = f"projects/{options.project}/locations/{options.region}/jobs/{options.name}"
    execution = jobs(os.environ[_OVERRIDE]).run_job(name=name).result()
    message = "; ".join(
        condition.message for condition in execution.conditions if condition.message
    )
    if execution.succeeded_count < execution.task_count:
        print(f"ERROR: (gcloud.run.jobs.execute) {message}", file=sys.stderr)
        return 1
    print(f"Execution [{execution.name.rsplit('/', 1)[-1]}] has successfully completed. {message}")
    return 0


def _running(options: argparse.Namespace) -> int:
    parent = f"projects/{options.project}/locations/{options.region}/jobs/{options.job}"
    for execution in executions(os.environ[_OVERRIDE]).list_executions(parent=parent):
        if not execution.completion_time:
            print(execution.name.rsplit("/", 1)[-1])
    return 0


def _describe(options: argparse.Namespace) -> int:
    print(options.name)
    return 0


def _apis(_options: argparse.Namespace) -> int:
    print("\n".join(host for host, _ in SERVICES.values()))
    return 0


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "run jobs execute": _execute,
    "run jobs executions list": _running,
    "projects describe": _describe,
    "services list": _apis,
}


def main(arguments: list[str]) -> int:
    """Run a command; returns the exit status."""
    words = next((w for w in _COMMANDS if arguments[: len(w.split())] == w.split()), None)
    if words is None:
        print(f"ERROR: (gcloud) the emulator has no command {arguments}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog=f"gcloud {words}")
    parser.add_argument("name", nargs="?")
    for option in ("--project", "--region", "--job", "--filter", "--format"):
        parser.add_argument(option)
    for flag in ("--wait", "--quiet", "--enabled"):
        parser.add_argument(flag, action="store_true")
    return _COMMANDS[words](parser.parse_args(arguments[len(words.split()) :]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
