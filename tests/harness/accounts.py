"""Accounts as targets of a stack's life: nothing local, the clouds' own credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness import google_view, web
from tests.harness.providers import Choice
from tests.harness.stacks import STACKS
from tests.harness.targets import Target

# Variables that say where: the project or account's region, and a host name that resolves to the
# load balancer, without which it serves plain HTTP.
PROJECT = "LITELLM_GCP_PROJECT"
REGION = "LITELLM_GCP_REGION"
DOMAIN = "LITELLM_GCP_DOMAIN"


class AccountError(ValueError):
    """What says where the account is is missing, or the providers are none that reach one."""


def google(choice: Choice, environment: Mapping[str, str]) -> Target:
    """A Google Cloud project, with the credentials that Google's clients find.

    Args:
        choice: real providers, from the registry or a mirror.
        environment: has the project, its region, and the host name if there is one.

    Raises:
        AccountError: a variable is missing, or the choice is the offline providers.
    """
    if "google" in choice.offline:
        raise AccountError(
            f"providers {choice}: an account needs the real ones; give --providers=registry, or "
            "--providers=mirror:DIR with google in it"
        )
    missing = [name for name in (PROJECT, REGION) if not environment.get(name)]
    if missing:
        raise AccountError(f"{' and '.join(missing)} must say where to apply, and are not set")
    project, region = environment[PROJECT], environment[REGION]
    domain = environment.get(DOMAIN, "")
    inputs: dict[str, Any] = {"project": project, "region": region}
    credentials = ("GOOGLE_", "CLOUDSDK_")
    return Target(
        name=f"project {project}",
        stack=STACKS["gcp"],
        choice=choice,
        provider={"region": region},
        inputs=inputs,
        environment={k: v for k, v in environment.items() if k.startswith(credentials)},
        control=google_view.control_plane(project, region),
        web=lambda _: web.session(),
        domain=domain,
    )
