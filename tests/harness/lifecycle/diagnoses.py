"""What a failed run of Terraform means for a stack, in a sentence that says what mends it."""

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
    """The patterns and their sentences, in the order in which they are tried."""
    return tuple(
        (re.compile(r"\s+".join(entry["pattern"].split(" ")), re.DOTALL), entry["sentence"].strip())
        for entry in yaml.safe_load(_FILE.read_text())
    )


def diagnose(said: str) -> str:
    """The sentence for what Terraform said; empty where none fits."""
    text = " ".join(_FRAME.sub(" ", said).split())
    for pattern, sentence in table():
        found = pattern.search(text)
        if found:
            named: Mapping[str, str] = {k: v or "" for k, v in found.groupdict().items()}
            return sentence.format(**named)
    return ""
