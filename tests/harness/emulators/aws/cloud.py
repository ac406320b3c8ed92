"""The AWS API of the emulator, and how clients reach it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.harness.emulators.aws.control_plane import ministack
from tests.harness.process.supervisor import Supervisor
from tests.harness.sdk import aws
from tests.harness.sdk.aws import REGION


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running AWS API; ``url`` is the endpoint of every service."""

    url: str
    region: str

    def client(self, service: str) -> Any:
        """A boto3 client of a service, by boto3's name."""
        return aws.client(self.url, service, self.region)


def start(supervisor: Supervisor, region: str = REGION) -> Cloud:
    """Start an AWS API with the resources of a new account; it ends with the supervisor.

    Raises:
        InstallError: ministack cannot be installed.
        EmulatorError: ministack does not answer within 30 s.
    """
    port = ministack.start(supervisor, ministack.installed(), region)
    return Cloud(f"http://127.0.0.1:{port}", region)


# ---- For Terraform's provider ----


def environment(cloud: Cloud) -> dict[str, str]:
    """The variables with which an AWS SDK or the aws CLI calls only the emulator.

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
        # The SDK for Go uses a proxy of the environment, also for loopback by name.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


# The services of the module's resources, by the provider's names. Since release 6.23 the provider
# reads the tags of buckets through S3 Control.
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
    """The arguments of the aws provider with which it applies to the emulator, as JSON values.

    Each service has an endpoint, which overrides the environment. Buckets are in paths, because no
    name below 127.0.0.1 resolves. The emulator is also the HTTP proxy of the provider, because S3
    Control puts the account before the host; it refuses any other host. The provider reads the
    account, because S3 Control requires its number.

    Source: Terraform AWS provider, Argument Reference, Custom Service Endpoints.
    """
    return {
        "region": region,
        "access_key": aws.KEY,
        "secret_key": aws.KEY,
        "s3_use_path_style": True,
        "skip_credentials_validation": True,
        # A string in the provider's schema, because it may be empty.
        "skip_metadata_api_check": "true",
        "skip_region_validation": True,
        "skip_requesting_account_id": False,
        "max_retries": 2,
        "http_proxy": url,
        "https_proxy": url,
        "endpoints": dict.fromkeys(SERVICES, url),
    }


def provider_block(url: str, region: str) -> str:
    """The ``provider "aws"`` block in HCL, with :func:`provider_arguments`."""
    arguments = provider_arguments(url, region)
    services = arguments.pop("endpoints")
    width, inner = max(map(len, arguments)), max(map(len, services))
    lines = [f"  {name:<{width}} = {json.dumps(value)}" for name, value in arguments.items()]
    endpoints = [f"    {name:<{inner}} = {json.dumps(value)}" for name, value in services.items()]
    block = ["  endpoints {", *endpoints, "  }"]
    return "\n".join(['provider "aws" {', *lines, "", *block, "}", ""])
