"""The environment of a container, plain and by reference, on both clouds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litellm_reading import LATE, at, bodies, document

TYPES = ("aws_ecs_task_definition", "google_cloud_run_v2_job", "google_cloud_run_v2_service")


def paths(kind: str) -> list[str]:
    """The arguments that contain the containers, by resource type."""
    if kind == "aws_ecs_task_definition":
        return ["container_definitions"]
    return ["template/template/containers" if kind.endswith("job") else "template/containers"]


def containers(conf: dict[str, Any], kind: str) -> list[dict[str, Any]] | None:
    """The containers of a resource; None if they are known only after apply."""
    if kind != "aws_ecs_task_definition":
        return bodies(conf, paths(kind)[0])
    definitions = document(conf, "container_definitions")
    if definitions == LATE:
        return None
    return [container for container in definitions or [] if isinstance(container, dict)]


def plain(container: dict[str, Any], kind: str) -> Iterator[tuple[str, Any]]:
    """Name and value of each plain variable."""
    if kind == "aws_ecs_task_definition":
        for entry in container.get("environment") or []:
            yield str(entry.get("name")), entry.get("value")
        return
    for entry in bodies(container, "env"):
        if not bodies(entry, "value_source"):
            yield str(at(entry, "name")), at(entry, "value")


def references(container: dict[str, Any], kind: str) -> Iterator[tuple[str, Any, Any]]:
    """Name, secret and version of each variable that refers to a secret."""
    if kind == "aws_ecs_task_definition":
        for entry in container.get("secrets") or []:
            yield str(entry.get("name")), entry.get("valueFrom"), None
        return
    for entry in bodies(container, "env"):
        for reference in bodies(entry, "value_source/secret_key_ref"):
            yield str(at(entry, "name")), at(reference, "secret"), at(reference, "version")
