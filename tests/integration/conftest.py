"""The local cloud of a test, and what of a stack's life is not run here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.harness import planner
from tests.harness.local import postgres, supervisor
from tests.harness.plan import Plan
from tests.harness.stacks import STACKS

# What a whole run on an account would do and nothing here does yet, with the reason.
NOT_RUN = {
    "apply, probes and destroy on AWS": "there is no local control plane for AWS in this suite",
    "apply, probes and destroy on Google Cloud": "there is no local server of Google's APIs yet",
    "LiteLLM with a database (keys, users, spend)": "Prisma's engines are in no package",
    "the backend's and the dashboard's containers": "no image's wrapper is in a package",
}


def planned(held: planner.Session, stack: str, inputs: Mapping[str, Any] | None = None) -> Plan:
    """The smallest stack with inputs laid over it."""
    merged = {**STACKS[stack].smallest, **(inputs or {})}
    result = planner.plan(held, planner.Case("integration", stack, merged))
    assert result.plan is not None, str(result)
    assert not result.errors, str(result)
    return result.plan


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """A PostgreSQL with nothing in it."""
    with supervisor.supervising() as held:
        yield postgres.start(held)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what is not run."""
    terminalreporter.section("not run")
    for what, why in NOT_RUN.items():
        terminalreporter.write_line(f"not run: {what}: {why}")
