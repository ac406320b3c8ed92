"""Write the generated tables of the documentation and the generated files: ``tox -e docs``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.harness.accounts import cost_table, permissions
from tests.harness.cli import examples, platforms
from tests.harness.cli.tables import Table
from tests.harness.contracts import changes, defect_table, failures, parity_rows
from tests.harness.hcl import declarations
from tests.harness.litellm import variables
from tests.harness.paths import MODULES, ROOT
from tests.harness.policy import rules
from tests.harness.stacks import STACKS

REFERENCE = ROOT / "docs" / "reference"
POLICIES = ROOT / ".github" / "policies"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _default(variable: declarations.Variable) -> str:
    if variable.default is None:
        return "required"
    return f"`{_cell(variable.default)}`"


def interface(module: Path) -> str:
    """The tables of a module's inputs and outputs, in the order of its files."""
    lines = ["## Inputs", "", "| Name | Description | Type | Default |", "|---|---|---|---|"]
    lines += [
        f"| `{v.name}` | {_cell(v.description)} | `{_cell(v.type)}` | {_default(v)} |"
        for v in declarations.variables(module).values()
    ]
    lines += ["", "## Outputs", "", "| Name | Description |", "|---|---|"]
    lines += [
        f"| `{o.name}` | {_cell(o.description)}{' Sensitive.' if o.sensitive else ''} |"
        for o in declarations.outputs(module).values()
    ]
    return "\n".join(lines)


def tables() -> Iterator[Table | examples.Written]:
    """Every generated table and file."""
    yield from examples.files()
    for stack in STACKS.values():
        yield Table(stack.folder / "README.md", "TF_DOCS", partial(interface, stack.folder))
        readme = stack.folder / "README.md"
        yield Table(readme, "COSTS", partial(cost_table.rendered, stack.name))
    yield examples.Written(POLICIES / "aws-apply.json", "aws_policy", permissions.policy)
    yield examples.Written(POLICIES / "gcp-apply.yaml", "gcp_role", permissions.role)
    yield platforms.TABLE
    yield Table(MODULES / "README.md", "PARITY", parity_rows.rendered)
    yield Table(REFERENCE / "changes.md", "CHANGES", changes.rendered)
    yield Table(REFERENCE / "contracts.md", "DEFECTS", defect_table.rendered)
    yield Table(REFERENCE / "policies.md", "POLICIES", lambda: rules.render(rules.load()))
    yield Table(REFERENCE / "environment.md", "ENVIRONMENT", variables.rendered)
    yield Table(REFERENCE / "failures.md", "FAILURES", failures.rendered)


def main(arguments: list[str]) -> int:
    """Run the command; returns 1 if ``--check`` finds a file that is not current."""
    parser = argparse.ArgumentParser(prog="docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; name stale files")
    options = parser.parse_args(arguments)
    stale = 0
    for table in tables():
        text = table.rendered()
        if table.path.exists() and table.path.read_text() == text:
            continue
        stale += 1
        if options.check:
            print(f"{table.path} is not current; run `tox -e docs`", file=sys.stderr)
        else:
            table.path.parent.mkdir(parents=True, exist_ok=True)
            table.path.write_text(text)
            print(f"wrote {table.path}")
    return 1 if options.check and stale else 0
