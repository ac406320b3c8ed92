"""The diagnoses of a failed run: what each error means, and its remediation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.harness import documents

_FILE = Path(__file__).with_suffix(".yaml")
_ERROR = re.compile(r"(?m)^\s*(?=Error: )")
_FRAME = re.compile(r"[│╷╵|]|\x1b\[[0-9;]*m")


@cache
def table() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The patterns and their diagnoses, in the order of the file."""
    return tuple(
        (
            re.compile(r"\s+".join(entry["pattern"].split(" ")), re.DOTALL),
            entry["diagnosis"].strip(),
        )
        for entry in documents.read(_FILE)
    )


def diagnose(output: str) -> list[str]:
    """The diagnoses of the errors in an output of Terraform, each once, in their order.

    Terraform reports the errors of all resources that do not depend on each other.
    """
    errors = map(_diagnosis, _ERROR.split(_FRAME.sub(" ", output)))
    return [*dict.fromkeys(filter(None, errors))]


def _diagnosis(error: str) -> str:
    """The diagnosis of one error; empty if no pattern matches."""
    text = " ".join(error.split())
    for pattern, diagnosis in table():
        match = pattern.search(text)
        if match:
            groups: Mapping[str, str] = {k: v or "" for k, v in match.groupdict().items()}
            return diagnosis.format(**groups)
    return ""
