"""The verdict of a check, one vocabulary for contracts and policies."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["passed", "failed", "skipped", "unknown"]
VERDICTS: tuple[Verdict, ...] = ("passed", "failed", "skipped", "unknown")
