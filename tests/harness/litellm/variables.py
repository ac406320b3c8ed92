"""The environment variables that the modules set, and the programs that read them.

``tests/data/litellm/variables.yaml`` names a reader of each variable. :func:`unread` looks for the
name in that reader: in LiteLLM's own files, and in the list of libpq.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.paths import LITELLM

VARIABLES = LITELLM / "variables.yaml"
SERVERS = ("gateway", "backend")
# Readers that are no program of a package.
WITHOUT_FILE = ("start", "configuration", "nothing", "libpq")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: its containers, the condition, and its reader with the text to find there."""

    name: str
    containers: tuple[str, ...]
    when: str
    reads: str
    text: str


@functools.cache
def variables() -> Mapping[str, Variable]:
    """The variables of the file by name."""
    return {name: _variable(name, row) for name, row in _document()["variables"].items()}


def not_set() -> Mapping[str, str]:
    """The variables that the modules leave to LiteLLM or the caller, each with the reason."""
    reasons: dict[str, str] = _document()["not_set"]
    return reasons


def _document() -> dict[str, Any]:
    document: dict[str, Any] = documents.read(VARIABLES)
    return document


def _variable(name: str, row: Mapping[str, Any]) -> Variable:
    found = [
        c for entry in row["containers"] for c in (SERVERS if entry == "servers" else (entry,))
    ]
    return Variable(name, tuple(found), row["when"], row["reads"], row.get("text", name))


def unread(packages: Path, client: set[str]) -> Iterator[str]:
    """The variables that their reader does not read.

    Args:
        packages: the folder of the packages of LiteLLM's environment.
        client: the variables that libpq reads.
    """
    for variable in variables().values():
        if variable.reads == "libpq" and variable.name not in client:
            yield f"{variable.name}: libpq does not read it"
        if variable.reads in WITHOUT_FILE:
            continue
        if variable.text not in _strings(packages / variable.reads):
            yield f"{variable.name}: {variable.reads} has no string {variable.text!r}"


@functools.cache
def _strings(path: Path) -> frozenset[str]:
    """The string constants of a file; empty if it does not exist."""
    if not path.exists():
        return frozenset()
    nodes = ast.walk(ast.parse(path.read_text()))
    return frozenset(
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def rendered() -> str:
    """The table of the documentation."""
    lines = ["| Variable | Containers | When | Read by |", "|---|---|---|---|"]
    names = {"start": "start command", "configuration": "configuration file"}
    for v in variables().values():
        reader = names.get(v.reads, v.reads)
        reader = f"`{reader}`" if "/" in reader else reader
        lines.append(f"| `{v.name}` | {', '.join(v.containers)} | {v.when} | {reader} |")
    lines += ["", "| Not set | Reason |", "|---|---|"]
    lines += [f"| `{name}` | {reason} |" for name, reason in not_set().items()]
    return "\n".join(lines)
