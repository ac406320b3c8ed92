"""A replacement of the gcloud CLI, with the commands that the stack's scripts run.

``gcloud run jobs execute`` and ``gcloud run jobs executions`` use Google's client of Cloud Run.
``gcloud projects describe`` and ``gcloud services list`` answer for the project and the APIs of the
emulator. They run in the emulator's process. Like gcloud, they read the endpoint from
CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.harness.process import shims
from tests.harness.process.shims import CommandError
from tests.harness.sdk.google import executions, jobs
from tests.harness.sdk.google_addresses import SERVICES

_OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN"


def install(folder: Path, url: str) -> dict[str, str]:
    """Write the command into a folder; returns the variables with which a shell finds it."""
    return {**shims.install(folder, "gcloud", url), _OVERRIDE: f"{url}/"}


def _execute(options: argparse.Namespace, url: str) -> str:
    name = f"projects/{options.project}/locations/{options.region}/jobs/{options.name}"
    execution = jobs(url).run_job(name=name).result()
    message = "; ".join(
        condition.message for condition in execution.conditions if condition.message
    )
    if execution.succeeded_count < execution.task_count:
        raise CommandError(1, f"ERROR: (gcloud.run.jobs.execute) {message}")
    name = execution.name.rsplit("/", 1)[-1]
    return f"Execution [{name}] has successfully completed. {message}\n"


def _running(options: argparse.Namespace, url: str) -> str:
    parent = f"projects/{options.project}/locations/{options.region}/jobs/{options.job}"
    found = executions(url).list_executions(parent=parent)
    names = [item.name.rsplit("/", 1)[-1] for item in found if not item.completion_time]
    return "".join(f"{name}\n" for name in names)


def _describe(options: argparse.Namespace, _url: str) -> str:
    return f"{options.name}\n"


def _apis(_options: argparse.Namespace, _url: str) -> str:
    return "".join(f"{host}\n" for host, _ in SERVICES.values())


_COMMANDS: Mapping[str, Callable[[argparse.Namespace, str], str]] = {
    "run jobs execute": _execute,
    "run jobs executions list": _running,
    "projects describe": _describe,
    "services list": _apis,
}


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command; returns its standard output.

    Raises:
        CommandError: no such command or option, or a failed execution.
    """
    given = list(arguments)
    words = next((w for w in _COMMANDS if given[: len(w.split())] == w.split()), None)
    if words is None:
        raise CommandError(2, f"ERROR: (gcloud) the emulator has no command {given}")
    parser = shims.Parser(prog=f"gcloud {words}")
    parser.add_argument("name", nargs="?")
    for option in ("--project", "--region", "--job", "--filter", "--format"):
        parser.add_argument(option)
    for flag in ("--wait", "--quiet", "--enabled"):
        parser.add_argument(flag, action="store_true")
    return _COMMANDS[words](parser.parse_args(given[len(words.split()) :]), environment[_OVERRIDE])
