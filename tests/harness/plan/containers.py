"""The containers of a plan as the cloud receives them, in one form for both clouds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.plan.view import Plan, Resource

_TYPES = (
    "aws_ecs_task_definition",
    "google_cloud_run_v2_job",
    "google_cloud_run_v2_service",
)
_CONFIGURATIONS = ("aws_s3_object", "google_storage_bucket_object")
Entry = tuple[str, str | None, str | None]
"""An environment variable: name, plain value, and the reference to its secret."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container.

    ``address`` is the address of the resource that defines it. ``entries`` may contain a name
    twice.
    """

    address: str
    image: str
    command: tuple[str, ...]
    entries: tuple[Entry, ...]


def _on_aws(resource: Resource) -> Container:
    (container,) = json.loads(resource.values["container_definitions"])
    plain = [(e["name"], e["value"], None) for e in container["environment"]]
    secret = [(e["name"], None, e["valueFrom"]) for e in container["secrets"]]
    command = (*container.get("entryPoint", ()), *container.get("command", ()))
    return Container(resource.address, container["image"], command, (*plain, *secret))


def _entry(variable: Mapping[str, Any]) -> Entry:
    if not variable["value_source"]:
        return variable["name"], variable["value"], None
    return variable["name"], None, variable["value_source"][0]["secret_key_ref"][0]["secret"]


def _on_gcp(resource: Resource) -> Container:
    template = resource.values["template"][0]
    (container,) = template.get("containers") or template["template"][0]["containers"]
    command = (*(container["command"] or ()), *(container["args"] or ()))
    entries = tuple(_entry(variable) for variable in container["env"])
    return Container(resource.address, container["image"], command, entries)


def addresses(plan: Plan) -> Mapping[str, str]:
    """The address of the resource that defines the container of each component."""
    return {
        # The job on Google Cloud is a separate resource, which has no component as its key.
        resource.index if isinstance(resource.index, str) else resource.name: address
        for address, resource in plan.resources.items()
        if resource.type in _TYPES
    }


def containers(plan: Plan) -> Mapping[str, Container]:
    """The containers of a plan by component.

    Their definitions must be known, as they are in a resolved plan.
    """
    by_component = {}
    for component, address in addresses(plan).items():
        read = _on_aws if address.startswith("aws_") else _on_gcp
        by_component[component] = read(plan.resources[address])
    return by_component


def configuration(plan: Plan) -> str:
    """The text of the configuration file that the stack uploads; ``{}`` without one."""
    files = [r for kind in _CONFIGURATIONS for r in plan.of_type(kind).values()]
    return str(files[0].values["content"]) if files else "{}"
