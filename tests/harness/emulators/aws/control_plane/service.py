"""How a module of a service describes what AWS does and ministack does not.

A module holds up to five tables by operation: ``REFUSALS``, ``SIDE_EFFECTS``, ``CONSTANT``,
``COMPLETIONS`` and ``OVERLAY``. :mod:`tests.harness.emulators.aws.control_plane.services` collects
them. Each refusal and completion was found missing by calling ministack 1.5.33 with boto3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.harness.emulators.aws.control_plane.call import Call, Refusal

ACCOUNT = "123456789012"
# The host of every replication group in ministack; the server replaces it.
REDIS_HOST = "redis.invalid"

Clients = Callable[[str], Any]
"""Returns the boto3 client of a service, for the account and region of the caller."""

Observations = Mapping[str, Mapping[str, Any]]
"""What the reconciler reported last: ``services`` and ``tasks`` by ARN, and ``health`` by the ARN
of the target group and :func:`tests.harness.emulators.aws.control_plane.elbv2.target`."""

NOTHING: Observations = {}

Check = Callable[[Clients, Call, Observations], Refusal | None]
"""Returns the refusal of a call, or None if AWS admits the call."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A refusal: the check that finds it, and the AWS page that documents it."""

    check: Check
    source: str


@dataclass(slots=True)
class Memory:
    """Values of requests that ministack does not return.

    ``addresses`` are the allocations of NAT gateways by id, ``intervals`` the seconds of flow logs
    by id, and ``rebalancing`` the availability zone rebalancing of ECS services by ARN.
    ``exports`` are the log exports and ``endpoints`` the (endpoint, reader endpoint, port) of
    clusters, by region and id.
    """

    addresses: dict[str, str] = field(default_factory=dict)
    intervals: dict[str, str] = field(default_factory=dict)
    rebalancing: dict[str, str] = field(default_factory=dict)
    exports: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    endpoints: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class State:
    """What the server knows. ``targets`` are by target group ARN, in the order of registration."""

    observations: Observations | None = None
    targets: dict[str, dict[tuple[str, int], None]] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)


SideEffect = Callable[[Clients, Call], None]
"""Does, before the call is forwarded, what AWS does in addition."""
Completion = Callable[[Clients, Call, Memory, str], str]
"""Returns the body of an answer with what ministack left out."""
Overlay = Callable[[State, Call, bytes], bytes]
"""Returns the body of an answer with what the server knows."""
Refuse = Mapping[str, Sequence[Rule]]

EVERY = "*"
"""The key of an overlay for every operation of a service."""


@dataclass(frozen=True, slots=True)
class Service:
    """The tables of a service, each by operation."""

    refusals: Refuse = field(default_factory=dict)
    side_effects: Mapping[str, SideEffect] = field(default_factory=dict)
    constant: Mapping[str, str] = field(default_factory=dict)
    completions: Mapping[str, Completion] = field(default_factory=dict)
    overlay: Mapping[str, Overlay] = field(default_factory=dict)
