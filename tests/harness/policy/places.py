"""Find the file and line of a resource in a module, for reports."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.harness.paths import ROOT
from tests.harness.policy.documents import base
from tests.harness.stacks import STACKS

_RESOURCE = re.compile(r'^resource\s+"(\w+)"\s+"(\w+)"')


@cache
def _declarations(stack: str) -> dict[str, tuple[Path, int]]:
    places = {}
    for file in sorted(STACKS[stack].folder.glob("*.tf")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if match := _RESOURCE.match(line):
                places[f"{match[1]}.{match[2]}"] = file.relative_to(ROOT), number
    return places


def place(stack: str, address: str) -> tuple[Path, int]:
    """The file relative to the checkout, and the line; the module folder if it is not found."""
    return _declarations(stack).get(base(address), (STACKS[stack].folder.relative_to(ROOT), 1))
