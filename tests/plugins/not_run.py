"""The report of what a run did not run, with the reasons."""

from __future__ import annotations

from typing import Any

import pytest

_REASONS = pytest.StashKey[dict[str, str]]()


def add(config: pytest.Config, reasons: dict[str, str]) -> None:
    """Report names as not run, each with its reason."""
    config.stash.setdefault(_REASONS, {}).update(reasons)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the reasons of an xdist worker to its controller, which collects nothing itself."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_run"] = session.config.stash.get(_REASONS, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the reasons of an xdist worker."""
    add(node.config, getattr(node, "workeroutput", {}).get("not_run", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what did not run."""
    reasons = config.stash.get(_REASONS, {})
    if reasons:
        terminalreporter.section("not run")
        for name, reason in reasons.items():
            terminalreporter.write_line(f"not run: {name}: {reason}")
