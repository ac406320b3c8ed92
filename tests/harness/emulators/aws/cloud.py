"""The AWS that Terraform's provider and boto3 talk to: the emulator with the front before it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.emulators.aws.control_plane import ministack
from tests.harness.paths import ROOT
from tests.harness.process.child import soon
from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import Command, Supervisor
from tests.harness.sdk import aws
from tests.harness.sdk.aws import REGION
from tests.harness.terraform.providers import mirrored

MIRROR = "LITELLM_PROVIDER_MIRROR"
_PLUGIN = "registry.terraform.io/hashicorp/aws"


class CloudError(RuntimeError):
    """The front does not start."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running cloud. ``url`` is where all of it answers."""

    url: str
    region: str

    def client(self, service: str) -> Any:
        """A boto3 client of a service, as boto3 calls it."""
        return aws.client(self.url, service, self.region)


def start(supervisor: Supervisor, region: str = REGION) -> Cloud:
    """Start an AWS with nothing in it but what an account begins with; it ends with the supervisor.

    Raises:
        InstallError: the emulator cannot be installed.
        EmulatorError: the emulator does not answer within 30 s.
        CloudError: the front does not; the message has the end of its log.
    """
    inner = ministack.start(supervisor, ministack.installed(), region)
    home, port = supervisor.home("front"), free_port()
    log = home / "log"
    module = "tests.harness.emulators.aws.control_plane.proxy"
    arguments = [sys.executable, "-m", module, str(port), f"http://127.0.0.1:{inner}"]
    supervisor.start(
        Command(
            arguments,
            str(log),
            {"PYTHONPATH": str(ROOT), "HOME": str(home), "TMPDIR": str(home)},
        )
    )
    if not soon(lambda: ministack.answers(port, "/_ministack/health"), ministack.START_SECONDS):
        said = log.read_text(errors="replace")[-2000:]
        raise CloudError(f"the front does not answer within {ministack.START_SECONDS} s:\n{said}")
    return Cloud(f"http://127.0.0.1:{port}", region)


# ---- For Terraform's provider ----


def environment(cloud: Cloud) -> dict[str, str]:
    """What an AWS SDK or the aws CLI is told, so that it speaks to the cloud and to nothing else.

    Sources: AWS SDKs and Tools Reference Guide, settings; Terraform AWS provider, its arguments.
    """
    return {
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_REGION": cloud.region,
        "AWS_DEFAULT_REGION": cloud.region,
        "AWS_ACCESS_KEY_ID": aws.KEY,
        "AWS_SECRET_ACCESS_KEY": aws.KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        # The SDK for Go takes proxies from the environment, even for loopback given as a name.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


# The services that the module's resources are of, as the provider calls them. Tags of buckets are
# read by S3 Control since release 6.23.
SERVICES = (
    "appautoscaling",
    "ec2",
    "ecs",
    "elasticache",
    "elbv2",
    "iam",
    "kms",
    "logs",
    "rds",
    "s3",
    "s3control",
    "secretsmanager",
    "sts",
    "wafv2",
)


def provider_arguments(url: str, region: str) -> dict[str, Any]:
    """The arguments of the aws provider that make it apply to a cloud, as JSON has them.

    Each service is named, for an endpoint in the block outdoes whatever the environment says. Paths
    name buckets, since no name below 127.0.0.1 resolves; the cloud is the proxy for the names that
    S3 Control makes all the same, and for all that is forgotten here, which it refuses. The account
    is asked for, since S3 Control is not called without its number.

    Source: Terraform AWS provider, Argument Reference, Custom Service Endpoints.
    """
    return {
        "region": region,
        "access_key": aws.KEY,
        "secret_key": aws.KEY,
        "s3_use_path_style": True,
        "skip_credentials_validation": True,
        # Text, for it may be empty.
        "skip_metadata_api_check": "true",
        "skip_region_validation": True,
        "skip_requesting_account_id": False,
        "max_retries": 2,
        "http_proxy": url,
        "https_proxy": url,
        "endpoints": dict.fromkeys(SERVICES, url),
    }


def provider_block(url: str, region: str) -> str:
    """The ``provider "aws"`` block, as HCL, with :func:`provider_arguments`."""
    arguments = provider_arguments(url, region)
    services = arguments.pop("endpoints")
    width, inner = max(map(len, arguments)), max(map(len, services))
    lines = [f"  {name:<{width}} = {json.dumps(value)}" for name, value in arguments.items()]
    named = [f"    {name:<{inner}} = {json.dumps(value)}" for name, value in services.items()]
    block = ["  endpoints {", *named, "  }"]
    return "\n".join(['provider "aws" {', *lines, "", *block, "}", ""])


def plugin(environment: Mapping[str, str]) -> Path | None:
    """The folder of the hashicorp/aws plugin's newest version; None if there is none to be had.

    Args:
        environment: whose ``LITELLM_PROVIDER_MIRROR`` names a filesystem mirror of providers.
    """
    folder = environment.get(MIRROR, "")
    if not folder:
        return None
    version = mirrored(Path(folder)).get("aws")
    return Path(folder) / _PLUGIN / version if version else None
