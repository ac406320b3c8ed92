"""Load the examples of each check: roots that it must pass, fail, or leave unknown.

An example is a file ``CLOUD-VERDICT[-NAME].tf`` in a folder with the id of the check. The check
applies to the resource with the name ``subject``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.harness.paths import POLICY_EXAMPLES
from tests.harness.stacks import STACKS

_NAME = re.compile(rf"({'|'.join(STACKS)})-(pass|fail|unknown)(-[a-z0-9-]+)?")


class ExampleError(ValueError):
    """The name of a file does not have the form of an example."""


@dataclass(frozen=True, slots=True)
class Example:
    """A root of one file. ``expected`` is ``pass``, ``fail`` or ``unknown``."""

    check: str
    stack: str
    expected: str
    path: Path

    @property
    def id(self) -> str:
        """The check and the file, for reports."""
        return f"{self.check}-{self.path.stem}"


def load(folder: Path = POLICY_EXAMPLES) -> list[Example]:
    """The examples of a folder.

    Raises:
        ExampleError: the name of a file does not contain cloud and verdict.
    """
    examples = []
    for path in sorted(folder.glob("*/*.tf")):
        match = _NAME.fullmatch(path.stem)
        if not match:
            raise ExampleError(
                f"{path}: rename the file to CLOUD-VERDICT[-NAME].tf, for example aws-fail-world.tf"
            )
        examples.append(Example(path.parent.name, match[1], match[2], path))
    return examples
