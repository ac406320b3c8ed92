"""A local cloud with the ledger and the janitor of an account, and runs in processes of their own.

``python -m tests.integration.local_clouds JSON`` is such a run; it takes :class:`Job` as JSON.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.harness.accounts import identity, runs
from tests.harness.accounts.janitor import Done, Janitor, outlived
from tests.harness.accounts.ledger import Ledger
from tests.harness.accounts.retries import Retries
from tests.harness.accounts.runs import Place, Terms
from tests.harness.accounts.stores import Folder
from tests.harness.emulators import launch
from tests.harness.emulators.aws import cloud as aws_cloud
from tests.harness.emulators.aws import target as aws
from tests.harness.emulators.gcp import target as google
from tests.harness.emulators.parts import faults
from tests.harness.emulators.parts.faults import Faults
from tests.harness.lifecycle import run
from tests.harness.lifecycle.aws import control_plane
from tests.harness.lifecycle.target import Target
from tests.harness.paths import ROOT
from tests.harness.process import daemon
from tests.harness.process.daemon import Running
from tests.harness.stacks import STACKS

# The stores of a stack take most of the time of an apply.
_SMALL: Mapping[str, Any] = {"create_database": False, "create_redis": False}
INPUTS: Mapping[str, Mapping[str, Any]] = {
    "aws": {
        "db_deletion_protection": False,
        "s3_force_destroy": True,
        "skip_final_snapshot": True,
        "run_migrations": False,
        "enable_access_logs": False,
        "enable_flow_logs": False,
        "wait_for_services": False,
    },
    "gcp": {
        "cloudsql_deletion_protection": False,
        "gcs_force_destroy": True,
        "skip_final_snapshot": True,
        "run_migrations": False,
    },
}
LEASE_SECONDS = 6
DESTROYING = "destroying"


@dataclass(frozen=True, slots=True)
class Job:
    """A run in a process of its own; ``url`` is the cloud, ``api`` the proxy before its API."""

    cloud: str
    url: str
    ledger: str
    folder: str
    core: str
    api: str = ""
    small: bool = True
    ttl_seconds: int = 3600
    stages: tuple[str, ...] = ("apply",)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""


@dataclass(frozen=True, slots=True)
class Local:
    """A local cloud, its ledger, and the proxy that injects faults."""

    cloud: str
    url: str
    faults: Faults
    folder: Path
    core: str

    @property
    def ledger(self) -> Ledger:
        """The ledger of the runs on this cloud."""
        return Ledger(Folder(self.folder / "ledger"))

    def target(self) -> Target:
        """The cloud without faults."""
        return target(self.cloud, self.url, self.folder)

    def place(self) -> Place:
        """Where runs are recorded."""
        return place(self.cloud, self.url)

    def job(self, **options: Any) -> Job:
        """A run on this cloud."""
        defaults = Job(
            self.cloud,
            self.url,
            str(self.folder / "ledger"),
            str(self.folder / "runs"),
            self.core,
        )
        return replace(defaults, **options)

    def start(self, job: Job, log: Path) -> subprocess.Popen[bytes]:
        """Start a run."""
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.integration.local_clouds", json.dumps(asdict(job))],
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )

    def janitor(self) -> Janitor:
        """A janitor of this cloud, without the pauses that an account needs."""
        return Janitor(
            self.ledger,
            lambda _: self.target(),
            self.core,
            lease_seconds=LEASE_SECONDS,
            settle_seconds=0.5,
            pause_seconds=0.2,
        )

    def clean(self, *, by_tags: bool = False) -> list[Done]:
        """Clean up everything that has outlived."""
        controls = {self.place(): self.target().control} if by_tags else {}
        janitor = self.janitor()
        return [janitor.clean(work) for work in outlived(self.ledger, controls)]


def place(cloud: str, url: str) -> Place:
    """The place of a local cloud in a record."""
    stack = STACKS[cloud]
    account = {"aws": "123456789012", "gcp": stack.scope[1]}[cloud]
    region = {"aws": stack.scope[1], "gcp": google.REGION}[cloud]
    return Place(cloud, account, region, url)


def target(cloud: str, url: str, folder: Path, api: str = "") -> Target:
    """A local cloud as a target, through the proxy ``api`` if there is one."""
    if cloud == "gcp":
        return google.target(api or url, folder)
    plain = aws.target(url, folder)
    if not api:
        return plain
    region = str(plain.inputs["region"])
    return replace(
        plain,
        provider=aws_cloud.provider_arguments(api, region),
        environment={**plain.environment, "AWS_ENDPOINT_URL": api},
        control=control_plane(aws_cloud.Cloud(api, region).client),
    )


@contextlib.contextmanager
def started(cloud: str, folder: Path, core: str) -> Iterator[Local]:
    """Start a local cloud with stand-ins for the containers."""
    options = launch.AwsOptions() if cloud == "aws" else launch.GcpOptions()
    with (
        launch.serving(options, folder / "cloud.log") as running,
        faults.serving(_api(cloud, running)) as proxy,
    ):
        yield Local(cloud, running.url, proxy, folder, core)


def _api(cloud: str, running: Running) -> str:
    return running.url if cloud == "gcp" else daemon.observed(running.url, "cloud")["url"]


def main(job: Job) -> None:
    """Run the stages of a job under a record, and close the record after a verified destroy."""
    ledger = Ledger(Folder(Path(job.ledger)))
    new = identity.identity("test", job.ttl_seconds)
    small = _SMALL if job.small else {}
    stack = STACKS[job.cloud]
    inputs = new.inputs(stack, {**stack.smallest, **INPUTS[job.cloud], **small, **job.inputs})
    folder = Path(job.folder) / new.run
    retries = Retries(job.cloud, 0.2)
    terms = Terms(
        ledger,
        replace(place(job.cloud, job.url), state=job.state),
        new,
        job.core,
        LEASE_SECONDS,
        kept="keep" in job.stages,
        retry=retries.run,
    )
    with tempfile.TemporaryDirectory() as scratch:
        goal = target(job.cloud, job.url, Path(scratch), job.api)
        with runs.begun(terms, goal, folder, inputs) as lifecycle:
            if "apply" in job.stages:
                run.apply(lifecycle)
            if "destroy" in job.stages:
                print(DESTROYING, flush=True)
                run.destroy(lifecycle)
        for line in retries.lines():
            print(line)


if __name__ == "__main__":
    document = json.loads(sys.argv[1])
    main(Job(**{**document, "stages": tuple(document["stages"])}))
