"""A replacement of the gcloud CLI, with the one command that a stack runs.

The command is ``gcloud run jobs execute JOB --project P --region R --wait``. It uses Google's
client of Cloud Run. Like gcloud, it reads the endpoint from CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.harness.process import shims
from tests.harness.sdk.google import jobs

_OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN"


def install(folder: Path, url: str) -> dict[str, str]:
    """Write the command into a folder; returns the variables with which a shell finds it."""
    variables = shims.install(folder, "gcloud", "tests.harness.emulators.gcp.cli")
    return {**variables, _OVERRIDE: f"{url}/"}


def main(arguments: list[str]) -> int:
    """Run the job and wait until it ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="gcloud")
    parser.add_argument("words", nargs=3)
    parser.add_argument("job")
    parser.add_argument("--project", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args(arguments)
    if options.words != ["run", "jobs", "execute"]:
        print(
            f"ERROR: (gcloud) the emulator has no command `{' '.join(options.words)}`",
            file=sys.stderr,
        )
        return 2
    name = f"projects/{options.project}/locations/{options.region}/jobs/{options.job}"
    execution = jobs(os.environ[_OVERRIDE]).run_job(name=name).result()
    message = "; ".join(
        condition.message for condition in execution.conditions if condition.message
    )
    if execution.succeeded_count < execution.task_count:
        print(f"ERROR: (gcloud.run.jobs.execute) {message}", file=sys.stderr)
        return 1
    print(f"Execution [{execution.name.rsplit('/', 1)[-1]}] has successfully completed. {message}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
