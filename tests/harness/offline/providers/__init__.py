"""What each provider does beyond its schema and rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.harness.offline.protocol.diagnostics import Diagnostic
from tests.harness.offline.protocol.schema import Block

Settings = dict[str, Any]
"""A provider block's configuration."""
Values = dict[str, Any]
"""A resource's values by attribute and block."""


class ApplyError(RuntimeError):
    """A change that is refused; ``state`` is what is there all the same, to be replaced."""

    def __init__(self, message: str, state: Values | None = None) -> None:
        super().__init__(message)
        self.state = state


@dataclass(frozen=True, slots=True)
class Live:
    """How a provider applies for real. Each may raise :class:`ApplyError`.

    ``change`` gives the new state, None once it is gone, of (type, schema, planned, prior,
    configuration, settings); ``read`` the state as it is now, None if it has gone.
    """

    change: Callable[[str, Block, Values | None, Values | None, Values, Settings], Values | None]
    read: Callable[[str, Block, Values, Settings], Values | None]


def _no_settings(_settings: Settings) -> list[Diagnostic]:
    return []


def _no_check(_type_name: str, _config: dict[str, Any]) -> list[Diagnostic]:
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

    ``configure`` checks a provider block, ``check`` a resource's configuration beyond its rules,
    ``refine`` changes a planned value in place, ``applied`` sees each applied resource with its
    write-only arguments. ``data`` and ``ephemeral`` hold a function by type: (configuration,
    settings) to value. ``live`` is how it applies where a session is to.
    """

    configure: Callable[[Settings], list[Diagnostic]] = _no_settings
    check: Callable[[str, dict[str, Any]], list[Diagnostic]] = _no_check
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
