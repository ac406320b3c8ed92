"""The AWS emulator as the target of a lifecycle."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.harness.emulators.aws import awscli, cli, cloud
from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.lifecycle import web
from tests.harness.lifecycle.aws import control_plane
from tests.harness.lifecycle.backends import backend
from tests.harness.lifecycle.target import Target
from tests.harness.process import daemon
from tests.harness.stacks import STACKS
from tests.harness.terraform import providers

STATES = "states"
"""The bucket with the states of the lifecycles."""
# What the emulator cannot run, with the reason.
NOT_RUN = {
    "the answers of model providers": "no provider is reached; LiteLLM's mock_response answers",
    "the images' own start on AWS": "no package has the images; LiteLLM runs as a fork",
    "LiteLLM and its migrations in failure scenarios and live changes on AWS": "stand-ins run, "
    "because the failures and changes are those of the stack",
    "the aws CLI in failure scenarios": "a replacement runs; the lifecycle runs the CLI itself",
}
_NO_PLUGIN = {
    "the aws provider's own apply": "the offline provider applies: there is no hashicorp/aws plugin"
}


def not_run(environment: Mapping[str, str]) -> Mapping[str, str]:
    """What this target does not verify, with the reason; ``environment`` may name a mirror."""
    return {**NOT_RUN, **({} if providers.plugin("aws", environment) else _NO_PLUGIN)}


def target(url: str, folder: Path, *, real_cli: bool = False) -> Target:
    """A target at a running emulator.

    Args:
        url: the URL of the emulator.
        folder: the folder for the commands that Terraform's provisioners run.
        real_cli: run the aws CLI of PyPI and not its replacement. A call takes 0.6 s of a core.

    Raises:
        InstallError: the CLI cannot be installed.
    """
    endpoint = daemon.observed(url, "cloud")
    aws = Cloud(endpoint["url"], endpoint["region"])
    commands = folder / "bin"
    commands.mkdir(parents=True, exist_ok=True)
    authority = folder / "authority.pem"
    authority.write_text(daemon.observed(url, "authority")["pem"])

    def ports(name: str) -> Mapping[int, str]:
        served = {
            urlsplit(f"//{key}"): address
            for key, address in daemon.observed(url, "addresses").items()
        }
        return {
            key.port or 0: address
            for key, address in served.items()
            if key.hostname == name.lower()
        }

    found = awscli.install(commands) if real_cli else cli.install(commands, url)
    return Target(
        stack=STACKS["aws"],
        choice=providers.live(providers.applying("aws", os.environ)),
        provider=cloud.provider_arguments(aws.url, aws.region),
        inputs={"region": aws.region},
        # A task of the emulator takes few seconds. A call of the CLI would slow its start down.
        environment={**cloud.environment(aws), **found, "INTERVAL": "4" if real_cli else "1"},
        control=control_plane(aws.client),
        web=lambda name: web.session(lambda: ports(name), str(authority)),
        tables=lambda: int(daemon.observed(url, "tables")["count"]),
        restart=lambda kind: daemon.restarted(url, kind),
        resolve=ports,
        state=lambda name: _state(aws, name),
    )


def _state(aws: Cloud, name: str) -> Mapping[str, Any] | None:
    """The backend of a state in a bucket of the emulator, which is created with the first one."""
    s3 = aws.client("s3")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        place = {"LocationConstraint": aws.region}
        s3.create_bucket(Bucket=STATES, CreateBucketConfiguration=place)
    return backend(f"s3://{STATES}/{name}", aws.region, aws.url)
