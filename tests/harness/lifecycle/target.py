"""Where a stack is applied: the local cloud or an account. What differs between them is here.

A :class:`Target` has what a life of a stack (``life.py``) needs of the place; its
:class:`ControlPlane` is the cloud's own view of what was applied, in one vocabulary for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from tests.harness.stacks import Stack
from tests.harness.terraform.providers import Choice


@dataclass(frozen=True, slots=True)
class Service:
    """A component's service as the cloud shows it.

    ``ready`` says whether the newest version of it serves; ``why`` is what the cloud says if not.
    ``healthy`` counts what the load balancer or the service itself found healthy, None where the
    cloud does not tell.
    """

    component: str
    name: str
    image: str
    ready: bool
    why: str
    tags: Mapping[str, str]
    healthy: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a job: whether it succeeded, and what was said of it."""

    name: str
    succeeded: bool
    said: str


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What a cloud's APIs tell of a stack, by its name (``<tenant>-litellm-<env>``).

    ``tags`` are of every resource that has any, by the resource's name. ``secrets`` says of each
    whether it has a version in use. ``store`` puts an object (bucket, name, data); without data it
    deletes it. ``remains`` lists what is there of the stack at all, ``sweep`` deletes it and gives
    what it deleted.
    """

    services: Callable[[str], Mapping[str, Service]]
    runs: Callable[[str], list[Run]]
    tags: Callable[[str], Mapping[str, Mapping[str, str]]]
    secrets: Callable[[str], Mapping[str, bool]]
    store: Callable[[str, str, bytes | None], None]
    remains: Callable[[str], list[str]]
    sweep: Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Target:
    """A place to apply a stack to.

    Attributes:
        stack: which one is applied.
        choice: the providers that apply it.
        provider: arguments of the provider block.
        inputs: what the place asks of a stack's inputs.
        environment: for Terraform and for the commands that it runs.
        control: the cloud's view.
        web: a session in which a load balancer is reached, by its address.
    """

    stack: Stack
    choice: Choice
    provider: Mapping[str, Any]
    inputs: Mapping[str, Any]
    environment: Mapping[str, str]
    control: ControlPlane
    web: Callable[[str], requests.Session]
