"""Read cases from YAML: the inputs of each plan, and the expected result.

A file has ``cases`` by name. The ``inputs`` of a case override the smallest inputs of the stack;
null removes an input. A key ``aws`` or ``gcp`` holds what differs between the clouds. ``root``,
``meta`` and ``extra`` are fields of :class:`tests.harness.terraform.planning.Case`. ``expect``
holds the expected result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.paths import CASES
from tests.harness.stacks import STACKS, declared
from tests.harness.terraform.planning import Case


class CaseError(ValueError):
    """A file of cases is invalid, or does not contain a case."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A case with its expected result.

    The expected numbers of resources by type are those of the smallest case multiplied by
    ``times``; ``counts`` overrides them. ``refused`` is a regular expression that an error must
    match. It is empty for a case that must plan.
    """

    case: Case
    counts: Mapping[str, int]
    times: int
    refused: str


def _merged(stack: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    inputs = dict(STACKS[stack].smallest)
    inputs |= entry.get("inputs") or {}
    inputs |= (entry.get(stack) or {}).get("inputs") or {}
    return declared({name: value for name, value in inputs.items() if value is not None})


def load(path: Path = CASES) -> list[Expected]:
    """The cases of a file, grouped by stack.

    Raises:
        CaseError: a case has an unknown key.
    """
    document = documents.read(path)
    keys = {"inputs", "root", "meta", "extra", "expect", "why", *STACKS}
    cases = []
    for stack in STACKS:
        for name, entry in document["cases"].items():
            unknown = set(entry) - keys
            if unknown:
                raise CaseError(
                    f"{path}: case {name}: unknown keys {', '.join(sorted(unknown))}; "
                    f"use {', '.join(sorted(keys))}"
                )
            if not set(STACKS) & set(entry) or stack in entry:
                merged = {**entry, **(entry.get(stack) or {})}
                expect = merged.get("expect") or {}
                case = Case(
                    name=name,
                    stack=stack,
                    inputs=_merged(stack, entry),
                    root=merged.get("root", "module"),
                    meta=merged.get("meta") or {},
                    extra=merged.get("extra") or {},
                    listed=True,
                )
                cases.append(
                    Expected(
                        case,
                        expect.get("counts") or {},
                        expect.get("times", 1),
                        expect.get("refused") or "",
                    )
                )
    return cases


def find(stack: str, name: str, path: Path = CASES) -> Case:
    """The case of a stack with this name.

    Raises:
        CaseError: the file has no such case. The message lists the cases of the stack.
    """
    cases = {
        expected.case.name: expected.case for expected in load(path) if expected.case.stack == stack
    }
    if name not in cases:
        raise CaseError(f"no case {name!r} for {stack}; name one of {', '.join(sorted(cases))}")
    return cases[name]
