"""What a provider does in addition to its schema and rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.harness.offline.protocol.diagnostics import Diagnostic
from tests.harness.offline.protocol.schema import Block

Settings = dict[str, Any]
"""The configuration of a provider block."""
Values = dict[str, Any]
"""The values of a resource by attribute and block."""


class ApplyError(RuntimeError):
    """A change that failed. ``state`` is the resource that exists nevertheless, to be replaced."""

    def __init__(self, message: str, state: Values | None = None) -> None:
        super().__init__(message)
        self.state = state


@dataclass(frozen=True, slots=True)
class Live:
    """How a provider applies through endpoints. Each function may raise :class:`ApplyError`.

    ``change`` takes (type, schema, planned, prior, configuration, settings) and returns the new
    state, or None for a deleted resource. ``read`` takes (type, schema, state, settings) and
    returns the current state, or None if the resource does not exist.
    """

    change: Callable[[str, Block, Values | None, Values | None, Values, Settings], Values | None]
    read: Callable[[str, Block, Values, Settings], Values | None]


def _no_settings(_settings: Settings) -> list[Diagnostic]:
    return []


def nothing(_type_name: str, _config: dict[str, Any]) -> list[Diagnostic]:
    """A check that refuses nothing."""
    return []


def _no_refinement(
    _type_name: str,
    _block: Block,
    _config: dict[str, Any],
    _planned: dict[str, Any],
    _prior: dict[str, Any] | None,
    _settings: Settings,
) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The functions of one provider, all optional.

    ``configure`` checks a provider block. ``check`` checks a resource's configuration in addition
    to its rules, and ``limits`` what the cloud refuses in an apply. ``refine`` changes a planned
    value in place. ``applied`` receives each applied resource with its write-only arguments.
    ``data`` and ``ephemeral`` hold a function by type: (configuration, settings) to value. ``live``
    applies through endpoints.
    """

    configure: Callable[[Settings], list[Diagnostic]] = _no_settings
    check: Callable[[str, dict[str, Any]], list[Diagnostic]] = nothing
    limits: Callable[[str, dict[str, Any]], list[Diagnostic]] = nothing
    refine: Callable[
        [str, Block, dict[str, Any], dict[str, Any], dict[str, Any] | None, Settings], None
    ] = _no_refinement
    applied: Callable[[str, dict[str, Any], dict[str, Any]], None] = lambda *_: None
    data: dict[str, Callable[[dict[str, Any], Settings], dict[str, Any]]] = field(
        default_factory=dict
    )
    ephemeral: dict[str, Callable[[dict[str, Any], Settings], dict[str, Any]]] = field(
        default_factory=dict
    )
    live: Live | None = None
