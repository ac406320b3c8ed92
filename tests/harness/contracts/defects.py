"""Seeded defects: one-line changes to a module, each of which a contract must find.

A file is YAML, a list of entries with ``contract``, ``clause``, ``stack``, ``file``, ``from`` (text
that is in the file once), ``to``, and where the smallest stack does not show it ``inputs``, laid
over the smallest ones (null takes one away).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.harness.paths import DEFECTS
from tests.harness.stacks import STACKS, Stack
from tests.harness.terraform.roots import copy_module


class DefectError(ValueError):
    """A defect does not fit the module, or its file does not read."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A one-line change and what must find it."""

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
        """The inputs that show it."""
        merged = {**self.stack.smallest, **self.inputs}
        return {name: value for name, value in merged.items() if value is not None}


def load(folder: Path = DEFECTS) -> list[Defect]:
    """The defects of all files of a folder.

    Raises:
        DefectError: an entry has a key too many or too few.
    """
    found = []
    for path in sorted(folder.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text()):
            odd = set(entry) ^ {"contract", "clause", "stack", "file", "from", "to"}
            if odd - {"inputs"}:
                raise DefectError(f"{path}: {entry}: has, or lacks, {', '.join(sorted(odd))}")
            found.append(
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
    return found


def seeded(defect: Defect, folder: Path) -> Path:
    """A copy of the defect's module below ``folder`` with the defect in it; gives its path.

    Raises:
        DefectError: the text to change is not in the file exactly once.
    """
    module = copy_module(defect.stack, folder)
    change(module / defect.file, defect.old, defect.new)
    return module


def change(file: Path, old: str, new: str) -> None:
    """Put ``new`` in the place of a text that is in a file once.

    Raises:
        DefectError: it is not in the file, or more than once.
    """
    text = file.read_text()
    if text.count(old) != 1:
        raise DefectError(
            f"{old!r} is {text.count(old)} times in {file.name}; write it as it stands there, "
            "with as much around it as makes it the only one"
        )
    file.write_text(text.replace(old, new))
