"""Seeded defects: one-line changes to a module, each of which a contract must find.

An entry has ``contract``, ``clause``, ``stack``, ``file``, ``from`` (a text that occurs once in the
file) and ``to``. ``inputs`` override the smallest inputs where those do not
show the defect; null removes an input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.paths import DEFECTS
from tests.harness.stacks import STACKS, Stack
from tests.harness.terraform.roots import copy_module


class DefectError(ValueError):
    """A defect does not fit the module, or its entry is malformed."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A one-line change, and the clause that must find it."""

    contract: str
    clause: str
    stack: Stack
    file: str
    old: str
    new: str
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """A name for reports: contract, clause, stack, file."""
        return f"{self.contract}-{self.clause}-{self.stack.name}-{self.file}"

    @property
    def planned(self) -> Mapping[str, Any]:
        """The inputs that show the defect."""
        merged = {**self.stack.smallest, **self.inputs}
        return {name: value for name, value in merged.items() if value is not None}


def load(folder: Path = DEFECTS) -> list[Defect]:
    """The defects of all files of a folder.

    Raises:
        DefectError: an entry has an unknown key or lacks one.
    """
    defects = []
    for path in sorted(folder.glob("*.yaml")):
        for entry in documents.read(path):
            unexpected = set(entry) ^ {"contract", "clause", "stack", "file", "from", "to"}
            if unexpected - {"inputs"}:
                raise DefectError(
                    f"{path}: {entry}: unknown or missing key {', '.join(sorted(unexpected))}"
                )
            defects.append(
                Defect(
                    contract=entry["contract"],
                    clause=entry["clause"],
                    stack=STACKS[entry["stack"]],
                    file=entry["file"],
                    old=entry["from"],
                    new=entry["to"],
                    inputs=entry.get("inputs") or {},
                )
            )
    return defects


def seeded(defect: Defect, folder: Path) -> Path:
    """Copy the module below ``folder`` and seed the defect; returns the path of the copy.

    Raises:
        DefectError: the text does not occur exactly once in the file.
    """
    module = copy_module(defect.stack, folder)
    change(module / defect.file, defect.old, defect.new)
    return module


def change(file: Path, old: str, new: str) -> None:
    """Replace a text that occurs once in a file.

    Raises:
        DefectError: the text does not occur exactly once.
    """
    text = file.read_text()
    if text.count(old) != 1:
        raise DefectError(
            f"{old!r} occurs {text.count(old)} times in {file.name}; copy it from the file, with "
            "enough context to make it unique"
        )
    file.write_text(text.replace(old, new))
