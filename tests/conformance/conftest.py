"""Sessions with both kinds of providers, and the fidelity of the offline ones as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.fidelity import CLOUDS, MIRROR, MIRRORED, TALLY, Sessions
from tests.harness.terraform import planning, providers


@pytest.fixture(scope="session")
def real_and_offline() -> Iterator[Sessions]:
    """A session with the real plugins, and one with the offline providers."""
    with (
        planning.session(providers.choose(f"mirror:{MIRROR}")) as real,
        planning.session(providers.choose("offline", MIRRORED)) as offline,
    ):
        yield Sessions(real, offline)


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Counter[str]:
    """What was compared, and what differed."""
    return request.config.stash.setdefault(TALLY, Counter())


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print for each provider what was compared, and how much of it differs."""
    counter = config.stash.get(TALLY, Counter())
    terminalreporter.section("fidelity of the offline providers")
    for provider in CLOUDS:
        kinds = {"attributes": ("compared", "different"), "probes": ("probes", "probed otherwise")}
        for kind, (all_of, differing) in kinds.items():
            compared, different = (counter[f"{name} {provider}"] for name in (all_of, differing))
            if not compared:
                terminalreporter.line(f"{provider}: no {kind} compared with a real plugin")
                continue
            share = 100 * (1 - different / compared)
            terminalreporter.line(
                f"{provider} {MIRRORED[provider]}: {compared} {kind} compared, "
                f"{different} different ({share:.2f} % equal)"
            )
        if counter[f"crashes {provider}"]:
            number = counter[f"crashes {provider}"]
            terminalreporter.line(f"{provider}: {number} probes crashed the plugin")
