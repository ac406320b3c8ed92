"""Where a stack is applied: an emulator or an account.

A :class:`Target` holds what differs between them. Its :class:`ControlPlane` is the cloud's view of
a stack, in one vocabulary for both clouds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from tests.harness.stacks import Stack
from tests.harness.terraform.command import TIMEOUT_SECONDS
from tests.harness.terraform.providers import Choice


@dataclass(frozen=True, slots=True)
class Service:
    """The service of a component, as the cloud returns it.

    ``ready`` tells whether its newest version serves; ``reason`` is the cloud's explanation if not.
    ``healthy`` counts healthy targets; None where the cloud does not report them.
    """

    component: str
    name: str
    image: str
    ready: bool
    reason: str
    tags: Mapping[str, str]
    healthy: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a job; ``message`` is the cloud's explanation."""

    name: str
    succeeded: bool
    message: str


@dataclass(frozen=True, slots=True)
class Existing:
    """An existing resource, with its names and tags.

    ``late`` tells that one can exist without its tags: its kind takes none, takes them in a second
    call, or the cloud itself creates it for a stack. ``outside`` tells that it is of a run and not
    of its stack: a certificate or a record of a :class:`Domain`.
    """

    kind: str
    name: str
    names: tuple[str, ...]
    tags: Mapping[str, str]
    late: bool = False
    outside: bool = False

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A resource that a tagging API lists, and whether it exists, with the reason."""

    arn: str
    exists: bool
    reason: str


class ZoneError(RuntimeError):
    """A domain cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A host in a hosted zone, for the load balancer of a run.

    ``zone`` is the DNS name of the zone. The certificate has ``tags``. Records of DNS take none;
    the first label of the host is the name of the stack.
    """

    zone: str
    host: str
    tags: Mapping[str, str]


Belongs = Callable[[Existing], bool]
"""Whether a resource is one that is asked for."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """The cloud's APIs for a stack, by its name (``<tenant>-litellm-<env>``).

    ``tags`` returns the tags of every tagged resource, by its name. ``secrets`` tells for each
    secret whether it has a current version. ``store`` writes an object (bucket, name, data), or
    deletes it if data is None. ``leftovers`` lists the resources that exist, ``sweep`` deletes them
    and returns their names.

    Of the whole account or project, in the region of the stack: ``place`` returns its number or id,
    ``existing`` lists the resources, dependents first, and ``remove`` deletes those that belong.
    ``named`` tells whether a resource has a name of a stack. ``listed`` lists what a tagging API
    has of a tag (key, value, existing resources); Google Cloud has no such API.

    ``certify`` makes a domain ready for an apply and returns the inputs that turn TLS on. ``point``
    directs it to the load balancer of the outputs of a stack, and returns when its certificate is
    valid. Both may be called again.
    """

    services: Callable[[str], Mapping[str, Service]]
    runs: Callable[[str], list[Run]]
    tags: Callable[[str], Mapping[str, Mapping[str, str]]]
    secrets: Callable[[str], Mapping[str, bool]]
    store: Callable[[str, str, bytes | None], None]
    leftovers: Callable[[str], list[str]]
    sweep: Callable[[str], list[str]]
    place: Callable[[], str]
    existing: Callable[[], list[Existing]]
    remove: Callable[[Belongs], list[str]]
    named: Callable[[Existing, str], bool]
    listed: Callable[[str, str, list[Existing]], list[Listed]]
    certify: Callable[[Domain], Mapping[str, Any]]
    point: Callable[[Domain, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Target:
    """A place to apply a stack to.

    Attributes:
        stack: the stack that is applied.
        choice: the providers that apply it.
        provider: arguments of the provider block.
        inputs: the inputs that the place requires.
        environment: for Terraform and the commands that it runs.
        control: the cloud's APIs.
        web: opens a session that reaches a load balancer, by the address of the load balancer.
        tables: counts the tables in the databases.
        restart: restarts the stores of a kind, ``database`` or ``cache``; returns their number.
        resolve: the loopback address by port of a load balancer, by its address; empty where a name
            resolves by itself.
        seconds: the longest duration of an apply or a destroy.
    """

    stack: Stack
    choice: Choice
    provider: Mapping[str, Any]
    inputs: Mapping[str, Any]
    environment: Mapping[str, str]
    control: ControlPlane
    web: Callable[[str], requests.Session]
    tables: Callable[[], int]
    restart: Callable[[str], int]
    resolve: Callable[[str], Mapping[int, str]]
    state: Callable[[str], Mapping[str, Any] | None] = lambda _: None
    seconds: float = TIMEOUT_SECONDS
