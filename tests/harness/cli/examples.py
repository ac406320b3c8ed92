"""The root module ``examples/default`` of a stack, written from the module.

It passes every input and every output. Its variables and outputs have the text of the module
without the validations, which the module makes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.harness.stacks import STACKS, Stack

FOLDER = "examples/default"
_RULE = "#" * 80
# A validation, with the comment above it.
_VALIDATION = re.compile(r"\n(?:  #[^\n]*\n)*  validation \{\n(?:    [^\n]*\n|\n)*?  \}\n")
_SECTION = re.compile(rf"^{_RULE}\n# (.*)\n{_RULE}\n", re.MULTILINE)
_OUTPUT = re.compile(r'^output "(\w+)" \{\n(.*?)^\}\n', re.MULTILINE | re.DOTALL)
_ARGUMENT = re.compile(r'^  (description|sensitive) += (".*"|true)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Written:
    """A generated file: its path, a name for tests, and what gives its text."""

    path: Path
    mark: str
    text: Callable[[], str]

    def rendered(self) -> str:
        """The file as it must be."""
        return self.text()


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """The names of the variables of each section of a file."""
    _, *parts = _SECTION.split(text)
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        yield title, re.findall(r'^variable "(\w+)"', body, re.MULTILINE)


def variables(stack: Stack) -> str:
    """``variables.tf``: the variables of the module without their validations."""
    text = (stack.folder / "variables.tf").read_text()
    while _VALIDATION.search(text):
        text = _VALIDATION.sub("", text)
    return text


def main(stack: Stack) -> str:
    """``main.tf``: the provider, and the module with every input."""
    provider = ["region"] if stack.name == "aws" else ["project", "region"]
    width = max(map(len, provider))
    lines = ["# A root module with the provider and one stack.", ""]
    lines += [f'provider "{stack.provider}" {{']
    lines += [f"  {name:<{width}} = var.{name}" for name in provider]
    lines += ["}", "", 'module "litellm" {', '  source = "../../"']
    for _, names in _sections((stack.folder / "variables.tf").read_text()):
        width = max(map(len, names))
        lines += ["", *(f"  {name:<{width}} = var.{name}" for name in names)]
    return "\n".join([*lines, "}", ""])


def outputs(stack: Stack) -> str:
    """``outputs.tf``: the outputs of the module."""

    def passed(match: re.Match[str]) -> str:
        given = dict(_ARGUMENT.findall(match[2]))
        lines = [("description", given["description"]), ("value", f"module.litellm.{match[1]}")]
        lines += [("sensitive", "true")] if "sensitive" in given else []
        body = "".join(f"  {name:<11} = {value}\n" for name, value in lines)
        return f'output "{match[1]}" {{\n{body}}}\n'

    return _OUTPUT.sub(passed, (stack.folder / "outputs.tf").read_text())


def files() -> Iterator[Written]:
    """Every file that is written from a module."""
    for stack in STACKS.values():
        folder = stack.folder / FOLDER
        for name, text in (("variables", variables), ("main", main), ("outputs", outputs)):
            yield Written(folder / f"{name}.tf", f"{stack.name}_{name}", partial(text, stack))
