"""The input and output tables of the modules' READMEs, made from the HCL: ``tox -e docs``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.harness.hcl import declarations as hcl
from tests.harness.stacks import STACKS

BEGIN, END = "<!-- BEGIN_TF_DOCS -->", "<!-- END_TF_DOCS -->"


class DocsError(ValueError):
    """A README has no place for the tables."""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _default(variable: hcl.Variable) -> str:
    if variable.default is None:
        return "required"
    return f"`{_cell(variable.default)}`"


def tables(module: Path) -> str:
    """The Markdown tables of a module's inputs and outputs, in the order of its files."""
    lines = ["## Inputs", "", "| Name | Description | Type | Default |", "|---|---|---|---|"]
    lines += [
        f"| `{v.name}` | {_cell(v.description)} | `{_cell(v.type)}` | {_default(v)} |"
        for v in hcl.variables(module).values()
    ]
    lines += ["", "## Outputs", "", "| Name | Description |", "|---|---|"]
    lines += [
        f"| `{o.name}` | {_cell(o.description)}{' Sensitive.' if o.sensitive else ''} |"
        for o in hcl.outputs(module).values()
    ]
    return "\n".join(lines)


def rendered(module: Path) -> str:
    """The module's README with the tables as they must be.

    Raises:
        DocsError: the README lacks the marks that the tables stand between.
    """
    path = module / "README.md"
    text = path.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise DocsError(f"{path} must hold {BEGIN} and {END} once each")
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n\n{tables(module)}\n\n{END}{rest.split(END)[1]}"


def main(arguments: list[str]) -> int:
    """The command; gives 1 where ``--check`` finds a README that is not up to date."""
    parser = argparse.ArgumentParser(prog="docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what would change")
    options = parser.parse_args(arguments)
    stale = 0
    for stack in STACKS.values():
        path = stack.folder / "README.md"
        text = rendered(stack.folder)
        if path.read_text() == text:
            continue
        stale += 1
        if options.check:
            print(f"{path} is stale; `tox -e docs` writes it", file=sys.stderr)
        else:
            path.write_text(text)
            print(f"wrote {path}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
