"""What stands for the gcloud CLI beside a local cloud: the one command that a stack runs.

``gcloud run jobs execute JOB --project P --region R --wait``, by Google's own client of Cloud Run.
As gcloud does, it takes the API's address from CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN.
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
    """Write the command into a folder; gives the variables with which a shell finds it."""
    found = shims.install(folder, "gcloud", "tests.harness.emulators.gcp.cli")
    return {**found, _OVERRIDE: f"{url}/"}


def main(arguments: list[str]) -> int:
    """Run the job and wait for its end; gives the exit status."""
    parser = argparse.ArgumentParser(prog="gcloud")
    parser.add_argument("words", nargs=3)
    parser.add_argument("job")
    parser.add_argument("--project", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args(arguments)
    if given.words != ["run", "jobs", "execute"]:
        print(f"ERROR: (gcloud) the local cloud has no `{' '.join(given.words)}`", file=sys.stderr)
        return 2
    name = f"projects/{given.project}/locations/{given.region}/jobs/{given.job}"
    execution = jobs(os.environ[_OVERRIDE]).run_job(name=name).result()
    said = "; ".join(one.message for one in execution.conditions if one.message)
    if execution.succeeded_count < execution.task_count:
        print(f"ERROR: (gcloud.run.jobs.execute) {said}", file=sys.stderr)
        return 1
    print(f"Execution [{execution.name.rsplit('/', 1)[-1]}] has successfully completed. {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
