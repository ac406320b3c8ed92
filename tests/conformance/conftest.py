"""Print the fidelity of the offline provider as a number."""

from __future__ import annotations

from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how many attributes were compared and how many differ."""
    from tests.conformance.test_conformance import HELD, TALLY

    counter = config.stash.get(TALLY, None)
    terminalreporter.section("fidelity of the offline AWS provider")
    if counter is None or not counter["compared"]:
        terminalreporter.line("not run: no case was planned with a real provider")
        return
    compared, different = counter["compared"], counter["different"]
    terminalreporter.line(
        f"aws {HELD['aws']}: {compared} attributes compared, {different} different "
        f"({100 * (1 - different / compared):.2f} % equal), all in the list of differences.yaml"
        if different
        else f"aws {HELD['aws']}: {compared} attributes compared, none different"
    )
    for key, n in sorted(counter.items()):
        if key.startswith("listed "):
            terminalreporter.line(f"  {n:6} {key.removeprefix('listed ')}")
