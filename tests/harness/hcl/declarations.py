"""Read the variables and outputs that a module declares."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import hcl2


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable. ``type`` and ``default`` are HCL; ``default`` is None without one."""

    name: str
    type: str
    description: str
    default: str | None
    sensitive: bool
    ephemeral: bool
    nullable: bool

    @property
    def required(self) -> bool:
        """Whether a caller must set the variable."""
        return self.default is None


@dataclass(frozen=True, slots=True)
class Output:
    """A declared output."""

    name: str
    description: str
    sensitive: bool


class HclError(ValueError):
    """A file of a module does not parse as HCL."""


def _text(value: Any) -> str:
    """The text between the quotes of a string, or the lines of a heredoc, joined by spaces."""
    text = str(value).removeprefix('"').removesuffix('"')
    if text.startswith("<<"):
        return " ".join(line.strip() for line in text.splitlines()[1:-1])
    return text.replace('\\"', '"')


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    if isinstance(value, dict):
        arguments = [
            f"{key} = {_literal(item)}" for key, item in value.items() if key != "__is_block__"
        ]
        return f"{{ {', '.join(arguments)} }}" if arguments else "{}"
    return _expression(value)


def _expression(value: Any) -> str:
    text = str(value)
    if text.startswith("${") and text.endswith("}"):
        return " ".join(text[2:-1].split())
    return text


# The parser is one object with state, which threads must not share.
_PARSER = threading.Lock()


# The key is the text and not the path. A copy of a module is parsed once, an edited one again.
@lru_cache(maxsize=64)
def _parsed(text: str) -> dict[str, Any]:
    with _PARSER:
        document: dict[str, Any] = hcl2.loads(text)
    return document


def _blocks(path: Path, kind: str) -> dict[str, dict[str, Any]]:
    try:
        document = _parsed(path.read_text())
    except Exception as error:
        raise HclError(f"{path} does not parse as HCL: {error}; correct the syntax") from error
    return {
        label.strip('"'): body for block in document.get(kind, []) for label, body in block.items()
    }


def variables(module: Path) -> Mapping[str, Variable]:
    """The variables of the module in a folder, in the order of its variables.tf.

    Raises:
        HclError: the file does not parse.
    """
    return {
        name: Variable(
            name=name,
            type=_expression(body.get("type", "any")),
            description=_text(body.get("description", "")),
            default=_literal(body["default"]) if "default" in body else None,
            sensitive=body.get("sensitive") is True,
            ephemeral=body.get("ephemeral") is True,
            nullable=body.get("nullable") is not False,
        )
        for name, body in _blocks(module / "variables.tf", "variable").items()
    }


def outputs(module: Path) -> Mapping[str, Output]:
    """The outputs of the module in a folder, in the order of its outputs.tf.

    Raises:
        HclError: the file does not parse.
    """
    return {
        name: Output(name, _text(body.get("description", "")), body.get("sensitive") is True)
        for name, body in _blocks(module / "outputs.tf", "output").items()
    }
