"""The Google Cloud emulator as the target of a lifecycle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.harness.emulators.gcp import cli, gcloud
from tests.harness.lifecycle import web
from tests.harness.lifecycle.backends import backend
from tests.harness.lifecycle.gcp import control_plane
from tests.harness.lifecycle.target import Target
from tests.harness.process import daemon
from tests.harness.sdk.google_addresses import SERVICES, address
from tests.harness.stacks import STACKS
from tests.harness.terraform import providers

REGION = "us-central1"
STATES = "states"
"""The bucket with the states of the lifecycles."""
# What the emulator cannot run, with the reason.
NOT_RUN = {
    "the images' own start": "no package has the images; LiteLLM runs as a fork",
    "a replica's replication": "a read replica of the emulator is the server of its primary",
    "LiteLLM and its migrations in failure scenarios and live changes": "stand-ins run, "
    "because the failures and changes are those of the stack",
}
_CLI = {
    "gcloud in failure scenarios": "a replacement runs; the lifecycle runs the CLI itself",
    "LiteLLM under the commands of gcloud": "stand-ins run; the commands read the APIs only",
}
_NO_CLI = {"gcloud": f"{gcloud.LACKING}; a replacement runs the commands of the stack's scripts"}
_NO_PLUGIN = {
    "the google provider's own apply": "the offline provider applies: there is no hashicorp/google "
    "plugin"
}


def not_run(environment: Mapping[str, str]) -> Mapping[str, str]:
    """What this target does not verify, with the reason; ``environment`` may name a mirror."""
    command = _CLI if gcloud.program() else _NO_CLI
    return {**NOT_RUN, **command, **({} if providers.plugin("google", environment) else _NO_PLUGIN)}


def target(url: str, folder: Path, *, newest: bool = False, real_cli: bool = False) -> Target:
    """A target at a running emulator.

    Args:
        url: the URL of the emulator.
        folder: the folder for the commands that Terraform's provisioners run.
        newest: apply with the newest provider releases that have a schema, and no plugin.
        real_cli: run the gcloud of this machine and not its replacement. A call takes 0.5 s of a
            core.
    """
    stack = STACKS["gcp"]
    chosen = providers.newest() if newest else providers.applying("google", os.environ)
    commands = folder / "bin"
    commands.mkdir(parents=True, exist_ok=True)
    authority = folder / "authority.pem"
    authority.write_text(daemon.observed(url, "authority")["pem"])

    def ports(ip: str) -> Mapping[int, str]:
        served = {
            urlsplit(f"//{key}"): address
            for key, address in daemon.observed(url, "addresses").items()
        }
        return {key.port or 0: address for key, address in served.items() if key.hostname == ip}

    if real_cli:
        found = {**gcloud.install(commands, url, stack.scope[1]), "INTERVAL": "1"}
    else:
        found = cli.install(commands, url)
    return Target(
        stack=stack,
        choice=providers.live(chosen),
        provider={
            "region": REGION,
            **{f"{service}_custom_endpoint": address(service, url) for service in SERVICES},
        },
        inputs={"region": REGION},
        environment=found,
        control=control_plane(stack.scope[1], REGION, url),
        web=lambda ip: web.session(lambda: ports(ip), str(authority)),
        tables=lambda: int(daemon.observed(url, "tables")["count"]),
        restart=lambda kind: daemon.restarted(url, kind),
        resolve=ports,
        state=lambda name: _state(stack.scope[1], url, name),
    )


def _state(project: str, url: str, name: str) -> Mapping[str, Any] | None:
    """The backend of a state in a bucket of the emulator, which is created with the first one."""
    with requests.Session() as session:
        session.trust_env = False
        # It answers 409 if the bucket exists.
        buckets = address("storage", url) + "b"
        session.post(buckets, params={"project": project}, json={"name": STATES}, timeout=30)
    return backend(f"gs://{STATES}/{name}", REGION, url)
