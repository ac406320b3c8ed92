"""Print the fidelity of the offline provider as a number."""

from __future__ import annotations

from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print how many attributes were compared, and how many differ."""
    from tests.conformance.test_conformance import MIRRORED, TALLY

    counter = config.stash.get(TALLY, None)
    terminalreporter.section("fidelity of the offline AWS provider")
    if counter is None or not counter["compared"]:
        terminalreporter.line("not run: no case was planned with a real provider")
        return
    compared, different = counter["compared"], counter["different"]
    terminalreporter.line(
        f"aws {MIRRORED['aws']}: {compared} attributes compared, {different} different "
        f"({100 * (1 - different / compared):.2f} % equal), all in the list of differences.yaml"
        if different
        else f"aws {MIRRORED['aws']}: {compared} attributes compared, none different"
    )
    for key, count in sorted(counter.items()):
        if key.startswith("listed "):
            terminalreporter.line(f"  {count:6} {key.removeprefix('listed ')}")
