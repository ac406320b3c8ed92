"""Print the fidelity of the offline providers as numbers."""

from __future__ import annotations

from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print how many attributes were compared, and how many differ, for each provider."""
    from tests.conformance.test_conformance import CLOUDS, MIRRORED, TALLY

    counter = config.stash.get(TALLY, {})
    terminalreporter.section("fidelity of the offline providers")
    for provider in CLOUDS:
        compared = counter.get(f"compared {provider}", 0)
        if not compared:
            terminalreporter.line(f"{provider}: not run: no case was planned with a real plugin")
            continue
        different = counter[f"different {provider}"]
        terminalreporter.line(
            f"{provider} {MIRRORED[provider]}: {compared} attributes compared, {different} "
            f"different ({100 * (1 - different / compared):.2f} % equal)"
        )
