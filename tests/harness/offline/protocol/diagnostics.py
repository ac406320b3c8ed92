"""Diagnostics: errors and warnings of a provider, with the path of the attribute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.harness.offline.protocol import messages

Path = tuple[str | int, ...]
"""Steps into a value: the key of an attribute or a map, or a list index."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a warning; ``severity`` is ERROR or WARNING."""

    summary: str
    detail: str = ""
    path: Path = ()
    severity: str = "ERROR"


def invalid(path: Path, text: str) -> Diagnostic:
    """The error that the value at a path is invalid; ``text`` says what it must be."""
    name = ".".join(map(str, path))
    return Diagnostic(f'Invalid value for "{name}"', f'"{name}" {text}', path)


def attribute_path(path: Path) -> Any:
    """``path`` as the protocol's AttributePath."""
    step = messages.message("AttributePath.Step")
    return messages.message("AttributePath")(
        steps=[
            step(element_key_int=part) if isinstance(part, int) else step(attribute_name=part)
            for part in path
        ]
    )


def to_messages(diagnostics: Iterable[Diagnostic]) -> list[Any]:
    """``diagnostics`` as the protocol's messages."""
    severity = messages.enum("Diagnostic.Severity")
    return [
        messages.message("Diagnostic")(
            severity=severity[d.severity],
            summary=d.summary,
            detail=d.detail,
            attribute=attribute_path(d.path),
        )
        for d in diagnostics
    ]
