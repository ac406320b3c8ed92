"""The diagnosis of a failed run: what it means, and the remediation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_suffix(".yaml")
_FRAME = re.compile(r"[│╷╵|]|\x1b\[[0-9;]*m")


@cache
def table() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The patterns and their diagnoses, in the order of the file."""
    return tuple(
        (
            re.compile(r"\s+".join(entry["pattern"].split(" ")), re.DOTALL),
            entry["diagnosis"].strip(),
        )
        for entry in yaml.safe_load(_FILE.read_text())
    )


def diagnose(output: str) -> str:
    """The diagnosis of an output of Terraform; empty if no pattern matches."""
    text = " ".join(_FRAME.sub(" ", output).split())
    for pattern, diagnosis in table():
        match = pattern.search(text)
        if match:
            groups: Mapping[str, str] = {k: v or "" for k, v in match.groupdict().items()}
            return diagnosis.format(**groups)
    return ""
