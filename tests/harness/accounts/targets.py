"""Accounts as targets: the targets of the emulators without endpoints.

Credentials come as the SDKs find them: environment, profile, SSO, OIDC, application default.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import boto3
import google.auth
from botocore.exceptions import BotoCoreError, ClientError
from google.auth.exceptions import GoogleAuthError

from tests.harness.accounts import allowed
from tests.harness.lifecycle import aws, gcp, web
from tests.harness.lifecycle.aws_inventory import Client
from tests.harness.lifecycle.target import ControlPlane, Target
from tests.harness.stacks import STACKS
from tests.harness.terraform import providers

CLOUDS = ("aws", "gcp")
REGIONS = {"aws": "eu-west-1", "gcp": "us-central1"}
REGION_VARIABLES = {"aws": "LITELLM_TEST_AWS_REGION", "gcp": "LITELLM_TEST_GCP_REGION"}
IMAGE_VARIABLE = "LITELLM_TEST_NEXT_IMAGE"
"""Names an image of the gateway that a change rolls out."""
# An apply takes about 20 minutes, mostly for the database.
SECONDS = 5400
# The credentials that the harness sets for plans, which real ones replace. An SDK takes an empty
# variable for a missing one.
_CREDENTIALS = {
    "aws": (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_CA_BUNDLE",
    ),
    "gcp": (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_OAUTH_ACCESS_TOKEN",
        "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT",
        "CLOUDSDK_CONFIG",
        "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    ),
}
DOMAIN_VARIABLE = "LITELLM_TEST_DOMAIN"
CERTIFICATE_VARIABLE = "LITELLM_TEST_CERTIFICATE"
"""Name a domain and the ARN of its issued certificate: with them a run on AWS has TLS end to end.

The suite sends requests for the domain to the load balancer, so no DNS record is needed."""
ZONE_VARIABLE = "LITELLM_TEST_ZONE"
"""Names a public hosted zone of the account or project: a run has TLS end to end, with a host and a
certificate of its own in the zone."""
_PORTS = (80, 443)
PLAIN: Mapping[str, Mapping[str, Any]] = {
    "aws": {
        "alb_domain_name": "",
        "acm_certificate_arn": "",
        "allow_plaintext_alb": True,
    },
    "gcp": {"lb_domains": [], "allow_plaintext_lb": True},
}
"""The inputs of a stack without a domain."""
# What only the local clouds can show or do, with the reason.
NOT_RUN = {
    "tables": "the tables of the database are counted on the local clouds only: an account's "
    "database has no public address",
    "restart": "stores are restarted on the local clouds only: on an account it takes minutes",
    "local": "it changes the local cloud by its own calls",
    "image": "it needs a second image: name one of the gateway with LITELLM_TEST_NEXT_IMAGE",
    "tls": "it serves plain HTTP: name a hosted zone with LITELLM_TEST_ZONE, or on AWS a domain "
    "and its certificate with LITELLM_TEST_DOMAIN and LITELLM_TEST_CERTIFICATE",
    "zone": "no public name points to the stack: name a hosted zone with LITELLM_TEST_ZONE",
}


class NotRunError(RuntimeError):
    """An account cannot be used; the message says what is missing."""


def region(cloud: str, environment: Mapping[str, str] = os.environ) -> str:
    """The region of a cloud's runs."""
    return environment.get(REGION_VARIABLES[cloud]) or REGIONS[cloud]


def terraform_environment(
    cloud: str, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The variables of credentials for Terraform and the commands it runs; empty without a value.

    Variables of endpoints do not pass: an account target has no endpoints.
    """
    given = {name: environment.get(name, "") for name in _CREDENTIALS[cloud]}
    # The file variables must be absent and not empty: an empty name is a file that does not exist.
    kept = {n: v for n, v in given.items() if v or not n.endswith(("_FILE", "_CONFIG", "_BUNDLE"))}
    if cloud == "aws":
        name = region(cloud, environment)
        kept |= {"AWS_REGION": name, "AWS_DEFAULT_REGION": name}
    return kept


def credentials(cloud: str, environment: Mapping[str, str] = os.environ) -> None:
    """Check that an SDK finds credentials, without a call of an API.

    Raises:
        NotRunError: it finds none; the message names the variables to set.
    """
    variable = allowed.VARIABLES[cloud]
    if not allowed.allowed(cloud, environment):
        raise NotRunError(
            f"set {variable}, or {allowed.FILE_VARIABLE}, to what the suite may create in and "
            "delete from"
        )
    if cloud == "aws":
        if boto3.Session().get_credentials() is None:
            raise NotRunError(
                "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or sign in with `aws sso login`"
            )
        return
    try:
        google.auth.default()
    except GoogleAuthError as error:
        raise NotRunError(
            "there are no Google Cloud credentials: set GOOGLE_APPLICATION_CREDENTIALS, or sign in "
            f"with `gcloud auth application-default login` ({error})"
        ) from error


def control_plane(cloud: str, environment: Mapping[str, str] = os.environ) -> ControlPlane:
    """The APIs of the account or project of the credentials, which must be an allowed one.

    Raises:
        NotRunError: there are no credentials, or they are not valid.
        NotAllowedError: the account is another one.
    """
    credentials(cloud, environment)
    if cloud == "aws":
        control = aws.control_plane(_clients(region(cloud, environment)))
    else:
        project = allowed.allowed(cloud, environment)[0]
        control = gcp.control_plane(project, region(cloud, environment))
    try:
        place = control.place()
    except (BotoCoreError, ClientError, GoogleAuthError, gcp.ViewError) as error:
        raise NotRunError(f"the credentials of {cloud} are not valid: {error}") from error
    allowed.check(cloud, place, environment)
    return replace(control, place=lambda: place)


def target(
    cloud: str, choice: str = "registry", environment: Mapping[str, str] = os.environ
) -> Target:
    """An account as the target of a lifecycle.

    Args:
        cloud: ``aws`` or ``gcp``.
        choice: the providers, as ``--providers`` names them; the offline providers apply nothing.
        environment: of the caller.

    Raises:
        NotRunError: there are no valid credentials.
        NotAllowedError: the account is not an allowed one.
        ProviderError: the choice is not one of providers.
    """
    if choice == "offline":
        raise NotRunError("the offline providers apply to no account: use --providers=registry")
    control = control_plane(cloud, environment)
    stack, place = STACKS[cloud], region(cloud, environment)
    secure = tls(cloud, environment)
    return Target(
        stack=stack,
        choice=providers.choose(choice),
        provider=_provider(cloud, place),
        inputs=_inputs(cloud, place, control.place()),
        environment=terraform_environment(cloud, environment),
        control=control,
        web=lambda name: web.session((lambda: _addresses(name)) if secure else None),
        tables=_refused("tables"),
        restart=_refused("restart"),
        resolve=lambda name: _addresses(name) if secure else {},
        seconds=SECONDS,
    )


def not_run(cloud: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a run on an account lacks, by the name of ``@pytest.mark.needs``, with the reason."""
    reasons = {name: f"--target={cloud}: {reason}" for name, reason in NOT_RUN.items()}
    if environment.get(IMAGE_VARIABLE):
        del reasons["image"]
    if tls(cloud, environment):
        del reasons["tls"]
    if zone(environment):
        del reasons["zone"]
    return reasons


def zone(environment: Mapping[str, str] = os.environ) -> str:
    """The DNS name of the hosted zone of the runs; empty without one."""
    return environment.get(ZONE_VARIABLE, "").rstrip(".").lower()


def tls(cloud: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a run has a domain and a certificate: in a zone, or one that exists."""
    return bool(zone(environment)) or _certificate(cloud, environment)


def _certificate(cloud: str, environment: Mapping[str, str]) -> bool:
    names = (DOMAIN_VARIABLE, CERTIFICATE_VARIABLE)
    return cloud == "aws" and all(environment.get(name) for name in names)


def entry_inputs(cloud: str, environment: Mapping[str, str] = os.environ) -> Mapping[str, Any]:
    """The inputs for the load balancer of a run: TLS with a certificate, or plain HTTP.

    Those of a run with a zone come from :attr:`ControlPlane.certify`.
    """
    if zone(environment) or not _certificate(cloud, environment):
        return PLAIN[cloud]
    return {
        "alb_domain_name": environment[DOMAIN_VARIABLE],
        "acm_certificate_arn": environment[CERTIFICATE_VARIABLE],
        "allow_plaintext_alb": False,
    }


def _addresses(name: str) -> Mapping[int, str]:
    """The ports of a load balancer, by its name."""
    return {port: f"{name}:{port}" for port in _PORTS}


def _provider(cloud: str, place: str) -> Mapping[str, Any]:
    if cloud == "gcp":
        return {"region": place}
    # Undo what lets a provider plan without an account (tests/harness/stacks.py).
    offline = STACKS["aws"].offline_arguments
    return {**dict.fromkeys(offline, False), "skip_metadata_api_check": None}


def _inputs(cloud: str, place: str, account: str) -> Mapping[str, Any]:
    if cloud == "gcp":
        return {"project": account, "region": place}
    return {"region": place, "azs": [f"{place}a", f"{place}b"]}


def _refused(name: str) -> Any:
    def call(*_: object) -> int:
        raise NotRunError(NOT_RUN[name])

    return call


def _clients(place: str) -> Client:
    session, lock = boto3.Session(region_name=place), threading.Lock()

    @functools.cache
    def cached(service: str) -> Any:
        return session.client(service)

    def client(service: str) -> Any:
        with lock:
            return cached(service)

    return client
