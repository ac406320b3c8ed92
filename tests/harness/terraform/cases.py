"""Cases as data: which inputs each stack is planned with, and what must come of it.

A file is YAML: ``defaults`` by stack and ``cases`` by name. A case has ``inputs`` (laid over the
stack's smallest inputs; null takes one away), by stack where the clouds differ, and of ``root``,
``meta``, ``extra`` the fields of :class:`tests.harness.terraform.planning.Case`. The tests read
``expect``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.harness.paths import CASES
from tests.harness.stacks import STACKS
from tests.harness.terraform.planning import Case


class CaseError(ValueError):
    """A file of cases does not read, or has no such case."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A case with what must come of it.

    ``counts`` are laid over ``times`` times those of the stack's smallest case, by type;
    ``refused`` is a regular expression that an error must match, empty for a case that must plan.
    """

    case: Case
    counts: Mapping[str, int]
    times: int
    refused: str


def _merged(stack: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    inputs = dict(STACKS[stack].smallest)
    inputs |= spec.get("inputs") or {}
    inputs |= (spec.get(stack) or {}).get("inputs") or {}
    return {name: value for name, value in inputs.items() if value is not None}


def load(path: Path = CASES) -> list[Expected]:
    """All cases of a file, a stack at a time.

    Raises:
        CaseError: the file holds an unknown key.
    """
    document = yaml.safe_load(path.read_text())
    known = {"inputs", "root", "meta", "extra", "expect", "why", *STACKS}
    found = []
    for stack in STACKS:
        for name, spec in document["cases"].items():
            unknown = set(spec) - known
            if unknown:
                raise CaseError(f"{path}: case {name}: unknown {', '.join(sorted(unknown))}")
            if not set(STACKS) & set(spec) or stack in spec:
                own = {**spec, **(spec.get(stack) or {})}
                expect = own.get("expect") or {}
                case = Case(
                    name=name,
                    stack=stack,
                    inputs=_merged(stack, spec),
                    root=own.get("root", "module"),
                    meta=own.get("meta") or {},
                    extra=own.get("extra") or {},
                    listed=True,
                )
                found.append(
                    Expected(
                        case,
                        expect.get("counts") or {},
                        expect.get("times", 1),
                        expect.get("refused") or "",
                    )
                )
    return found


def find(stack: str, name: str, path: Path = CASES) -> Case:
    """The case of a name.

    Raises:
        CaseError: there is none; the message lists what there is.
    """
    held = {e.case.name: e.case for e in load(path) if e.case.stack == stack}
    if name not in held:
        raise CaseError(f"no case {name!r} for {stack}; there is {', '.join(sorted(held))}")
    return held[name]
