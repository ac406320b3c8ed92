"""Examples of each check: a root that it must pass, fail, or not be able to judge as planned.

An example is ``CLOUD-VERDICT[-NAME].tf`` in a folder called like the check's id; what it is about
is the resource named ``subject``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.harness.paths import POLICY_EXAMPLES
from tests.harness.stacks import STACKS

_NAME = re.compile(rf"({'|'.join(STACKS)})-(pass|fail|unknown)(-[a-z0-9-]+)?")


class ExampleError(ValueError):
    """A file of examples has another name than an example's."""


@dataclass(frozen=True, slots=True)
class Example:
    """A root of one file. ``wanted`` is pass, fail or unknown."""

    check: str
    stack: str
    wanted: str
    path: Path

    @property
    def id(self) -> str:
        """Check and file, for reports."""
        return f"{self.check}-{self.path.stem}"


def load(folder: Path = POLICY_EXAMPLES) -> list[Example]:
    """The examples of a folder.

    Raises:
        ExampleError: a file's name does not tell cloud and verdict.
    """
    found = []
    for path in sorted(folder.glob("*/*.tf")):
        match = _NAME.fullmatch(path.stem)
        if not match:
            raise ExampleError(f"{path}: call it CLOUD-VERDICT[-NAME].tf, as in aws-fail-world.tf")
        found.append(Example(path.parent.name, match[1], match[2], path))
    return found
