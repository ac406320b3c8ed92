"""The parity table and the differences between the stacks, from ``tests/data/parity.yaml``.

:func:`rendered` gives both as the Markdown of ``terraform/litellm/README.md``.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.paths import PARITY
from tests.harness.stacks import STACKS

_KEYS = {"input", "value", "type", "note", "secret"}
_TITLES = {"aws": "AWS", "gcp": "GCP"}


class ParityError(ValueError):
    """An entry of the table has an unknown key or no inputs."""


@dataclass(frozen=True, slots=True)
class Named:
    """An input as a row names it.

    ``pattern`` may hold ``*``. ``value`` is what the row sets the input to, ``type`` the type that
    it must have, ``note`` an explanation; each is empty if the row has none.
    """

    pattern: str
    value: str = ""
    type: str = ""
    note: str = ""
    secret: bool = False

    def among(self, declared: Iterable[str]) -> tuple[str, ...]:
        """The declared inputs that the pattern matches, in the order of ``declared``."""
        return tuple(name for name in declared if fnmatch.fnmatchcase(name, self.pattern))

    def __str__(self) -> str:
        note = "secret" if self.secret else f"`{self.type}`" if self.type else self.note
        value = f" = {self.value}" if self.value else ""
        return f"`{self.pattern}{value}`" + (f" ({note})" if note else "")


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a capability, and by stack its inputs; ``texts`` has the cells without inputs."""

    title: str
    inputs: Mapping[str, tuple[Named, ...]]
    texts: Mapping[str, str]

    @property
    def capability(self) -> str:
        """The title without code marks, which is the key of the row's effects."""
        return self.title.replace("`", "")


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that the clouds impose: the inputs it concerns, and its reason."""

    text: str
    inputs: tuple[Named, ...]
    reason: str


def rows(document: Mapping[str, Any]) -> tuple[Row, ...]:
    """The rows of a parsed ``parity.yaml``.

    Raises:
        ParityError: an entry has an unknown key, or a row lacks a stack.
    """
    return tuple(_row(entry) for entry in document["table"])


def differences(document: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The differences of a parsed ``parity.yaml``."""
    return tuple(
        Difference(
            text,
            tuple(Named(pattern) for pattern in entry.get("inputs", ())),
            entry.get("reason", ""),
        )
        for text, entry in document["differences"].items()
    )


def _row(entry: Mapping[str, Any]) -> Row:
    title = entry.get("capability", "")
    if set(entry) != {"capability", *STACKS}:
        raise ParityError(
            f"{PARITY.name}: row {title!r} has the keys {sorted(entry)}; "
            f"write capability, {', '.join(STACKS)}"
        )
    cells = {stack: entry[stack] for stack in STACKS}
    return Row(
        title,
        {
            s: () if isinstance(c, str) else tuple(_named(title, i) for i in c)
            for s, c in cells.items()
        },
        {stack: cell for stack, cell in cells.items() if isinstance(cell, str)},
    )


def _named(title: str, item: str | Mapping[str, Any]) -> Named:
    fields = {"input": item} if isinstance(item, str) else dict(item)
    if "input" not in fields or set(fields) - _KEYS:
        raise ParityError(
            f"{PARITY.name}: row {title!r}: input {item!r} has the keys {sorted(fields)}; "
            f"write input and some of {', '.join(sorted(_KEYS - {'input'}))}"
        )
    return Named(pattern=fields.pop("input"), **fields)


def rendered(path: Path = PARITY) -> str:
    """The table, the switches with opposite safe values, and the differences, in Markdown."""
    document = documents.read(path)
    head = " | ".join(["Capability", *(f"{_TITLES[stack]} input(s)" for stack in STACKS)])
    lines = [f"| {head} |", f"|{'---|' * (1 + len(STACKS))}"]
    for row in rows(document):
        cells = [row.texts.get(s) or ", ".join(map(str, row.inputs[s])) for s in STACKS]
        lines.append(f"| {' | '.join([row.title, *cells])} |")
    for capability, by_stack in document["polarity"].items():
        lines += ["", f"**{capability}: the switches have opposite safe values.**", ""]
        for stack, spec in by_stack.items():
            safe = str(spec["safe"]).lower()
            lines.append(
                f"- {_TITLES[stack]}: `{spec['input']}` protects data when it is `{safe}`."
            )
    lines += ["", "## Differences between the clouds", "", "| Difference | Reason |", "|---|---|"]
    lines += [f"| {entry.text} | {entry.reason} |" for entry in differences(document)]
    return "\n".join(lines)
