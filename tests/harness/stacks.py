"""The two stacks, in one vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.paths import MODULES

CREDENTIALS = (
    "litellm_master_key",
    "litellm_salt_key",
    "litellm_license",
    "ui_password",
    "database_url",
    "redis_url",
)
"""The inputs that ``provided_credentials`` declares."""


def declared(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs of data, with ``provided_credentials`` for the credentials among them.

    Data that sets ``provided_credentials`` keeps its value.
    """
    given = [name for name in CREDENTIALS if inputs.get(name)]
    return {**({"provided_credentials": given} if given else {}), **inputs}


@dataclass(frozen=True, slots=True)
class Stack:
    """A module and the provider it is for.

    ``scope`` is the input that says where the stack goes, with the value the cases use; the
    provider must be set to the same. ``offline_arguments`` let a real provider plan without an
    account. ``smallest`` are the inputs of the smallest legal stack.
    """

    name: str
    provider: str
    scope: tuple[str, str]
    offline_arguments: Mapping[str, Any]
    smallest: Mapping[str, Any]

    def provider_block(self, scope: str) -> dict[str, Any]:
        """The provider's configuration in a root; ``scope`` is a value or an expression."""
        return {self.scope[0]: scope, **self.offline_arguments}

    @property
    def folder(self) -> Path:
        """The module in this checkout."""
        return MODULES / self.name


STACKS: Mapping[str, Stack] = {
    "aws": Stack(
        name="aws",
        provider="aws",
        scope=("region", "eu-west-1"),
        offline_arguments={
            "skip_credentials_validation": True,
            "skip_metadata_api_check": True,
            "skip_region_validation": True,
            "skip_requesting_account_id": True,
        },
        smallest={
            "region": "eu-west-1",
            "azs": ["eu-west-1a", "eu-west-1b"],
            "tenant": "acme",
            "env": "dev",
            "allow_plaintext_alb": True,
        },
    ),
    "gcp": Stack(
        name="gcp",
        provider="google",
        scope=("project", "acme-prod-1"),
        offline_arguments={},
        smallest={
            "project": "acme-prod-1",
            "tenant": "acme",
            "env": "dev",
            "create_image_proxy": True,
            "allow_plaintext_lb": True,
        },
    ),
}
