"""The local AWS as a target of the lifecycle of a stack."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.harness.emulators.aws import cli, cloud
from tests.harness.emulators.aws.cloud import MIRROR, Cloud
from tests.harness.lifecycle import web
from tests.harness.lifecycle.aws import control_plane
from tests.harness.lifecycle.target import Target
from tests.harness.process import daemon
from tests.harness.stacks import STACKS
from tests.harness.terraform import providers

# What no package has, or no loopback shows.
LACKS = {"database": "LiteLLM with a database needs Prisma's engines, which are in no package"}
NOT_RUN = {
    "the images' own start on AWS": "the images are in no package; LiteLLM's application stands in",
    "a fetched configuration": "the reconciler writes the file that the container would fetch",
}
_NO_PLUGIN = {
    "the aws provider's own apply": "applied by the offline provider: no hashicorp/aws plugin"
}


def not_run(environment: Mapping[str, str]) -> Mapping[str, str]:
    """What this target cannot show, with the reason; ``environment`` may name a mirror."""
    return {**NOT_RUN, **({} if cloud.plugin(environment) else _NO_PLUGIN)}


def target(url: str, folder: Path) -> Target:
    """A target at a running local cloud.

    Args:
        url: what the owner of the cloud gave.
        folder: takes the commands that Terraform's local commands call.
    """
    told = daemon.observed(url, "cloud")
    aws = Cloud(told["url"], told["region"])
    commands = folder / "bin"
    commands.mkdir(parents=True, exist_ok=True)
    authority = folder / "authority.pem"
    authority.write_text(daemon.observed(url, "authority")["pem"])
    mirrored = cloud.plugin(os.environ)
    wanted = f"mirror:{os.environ[MIRROR]}" if mirrored else "offline"

    def ports(name: str) -> Mapping[int, str]:
        held = {urlsplit(f"//{key}"): at for key, at in daemon.observed(url, "addresses").items()}
        return {key.port or 0: at for key, at in held.items() if key.hostname == name.lower()}

    return Target(
        stack=STACKS["aws"],
        choice=providers.live(providers.choose(wanted)),
        provider=cloud.provider_arguments(aws.url, aws.region),
        inputs={"region": aws.region},
        # The script looks at a task as often as a local one needs.
        environment={**cloud.environment(aws), **cli.install(commands), "INTERVAL": "1"},
        control=control_plane(aws.client),
        web=lambda name: web.session(lambda: ports(name), str(authority)),
    )
