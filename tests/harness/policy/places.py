"""Where a resource is written: file and line in a module, for reports."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.harness.paths import ROOT
from tests.harness.policy.documents import base
from tests.harness.stacks import STACKS

_RESOURCE = re.compile(r'^resource\s+"(\w+)"\s+"(\w+)"')


@cache
def _written(stack: str) -> dict[str, tuple[Path, int]]:
    found = {}
    for file in sorted(STACKS[stack].folder.glob("*.tf")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if match := _RESOURCE.match(line):
                found[f"{match[1]}.{match[2]}"] = file.relative_to(ROOT), number
    return found


def place(stack: str, address: str) -> tuple[Path, int]:
    """The file, relative to the checkout, and the line; the module's folder if it is not found."""
    return _written(stack).get(base(address), (STACKS[stack].folder.relative_to(ROOT), 1))
