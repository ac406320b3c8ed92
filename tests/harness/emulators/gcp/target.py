"""The local Google Cloud as a target of the lifecycle of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.harness.emulators.gcp import cli
from tests.harness.lifecycle import web
from tests.harness.lifecycle.gcp import control_plane
from tests.harness.lifecycle.target import Target
from tests.harness.process import daemon
from tests.harness.sdk.google import SERVICES, address
from tests.harness.stacks import STACKS
from tests.harness.terraform import providers

REGION = "us-central1"
# What no package has, or no loopback shows.
LACKS = {"database": "LiteLLM with a database needs Prisma's engines, which are in no package"}
NOT_RUN = {
    "the images' own start": "the images are in no package; LiteLLM's application stands for them",
    "a replica's replication": "a local read replica is its primary seen again",
}


def target(url: str, folder: Path, *, newest: bool = False) -> Target:
    """A target at a running local cloud.

    Args:
        url: the cloud's.
        folder: takes the commands that Terraform's local commands call.
        newest: apply with the newest provider releases there is a schema of.
    """
    stack = STACKS["gcp"]
    commands = folder / "bin"
    commands.mkdir(parents=True, exist_ok=True)
    authority = folder / "authority.pem"
    authority.write_text(daemon.observed(url, "authority")["pem"])

    def ports(ip: str) -> Mapping[int, str]:
        held = {urlsplit(f"//{key}"): at for key, at in daemon.observed(url, "addresses").items()}
        return {key.port or 0: at for key, at in held.items() if key.hostname == ip}

    return Target(
        stack=stack,
        choice=providers.live(providers.newest() if newest else providers.choose("offline")),
        provider={
            "region": REGION,
            **{f"{service}_custom_endpoint": address(service, url) for service in SERVICES},
        },
        inputs={"region": REGION},
        environment=cli.install(commands, url),
        control=control_plane(stack.scope[1], REGION, url),
        web=lambda ip: web.session(lambda: ports(ip), str(authority)),
    )
