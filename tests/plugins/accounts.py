"""Options of runs on accounts and of interrupted runs, and the table of what interruptions did."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins import not_run

LOCAL = "local"
"""The target without an account: the local clouds."""
TARGETS = (LOCAL, "aws", "gcp")
ROW = "interruption"
"""The property of a test with a row of the table, a list of texts."""
_HEAD = ("cloud", "phase", "what", "run", "found", "deleted", "left")


_RETRIED = pytest.StashKey[list[str]]()


def add_retried(config: pytest.Config, lines: list[str]) -> None:
    """Report the errors after which a run tried again."""
    config.stash.setdefault(_RETRIED, []).extend(lines)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the lines of an xdist worker to its controller."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["retried"] = session.config.stash.get(_RETRIED, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the lines of an xdist worker."""
    add_retried(node.config, getattr(node, "workeroutput", {}).get("retried", []))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("runs on accounts")
    group.addoption(
        "--target",
        default=LOCAL,
        choices=TARGETS,
        help="where the lifecycles run: the local clouds (default), or an account",
    )
    group.addoption(
        "--ttl", type=float, default=4.0, help="hours after which a run must be gone; default: 4"
    )
    group.addoption(
        "--max-cost", type=float, default=10.0, help="the most a run may cost in USD; default: 10"
    )
    group.addoption(
        "--ledger",
        default="",
        help="s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or a folder; default: LITELLM_TEST_LEDGER",
    )
    group = parser.getgroup("interrupted runs")
    group.addoption(
        "--interruptions", type=int, help="how many runs are interrupted on each cloud; default: 0"
    )
    group.addoption(
        "--faults",
        type=int,
        help="how many faults of an API are injected on each cloud; default: 1 on Google Cloud",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line(
        "markers",
        "account(cloud, minutes): also runs on an account of its own, in about these minutes; what "
        "it costs is the floor of its plan, which the guard prints",
    )
    config.addinivalue_line(
        "markers",
        "interruptions(count): runs if at least this many runs are interrupted; without a count, "
        "the options ask for none of the test",
    )


def _only_in_kills(item: pytest.Item) -> bool:
    """Whether a test needs more interruptions or faults than the options ask for."""
    needs = item.get_closest_marker("interruptions")
    if needs is None:
        return False
    return not needs.args or (item.config.getoption("interruptions") or 0) < needs.args[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the interruptions that ``tox -e kills`` runs, and report them as not run."""
    deselected = [item for item in items if _only_in_kills(item)]
    if deselected:
        not_run.add(config, {item.name: "tox -e kills runs it" for item in deselected})
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what was tried again, and the table of interruptions."""
    if lines := config.stash.get(_RETRIED, []):
        terminalreporter.section("retried")
        for line in lines:
            terminalreporter.write_line(line)
    rows = [
        tuple(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == ROW
    ]
    if not rows:
        return
    terminalreporter.section("interrupted runs")
    table = [_HEAD, *sorted(rows)]
    widths = [max(len(str(row[column])) for row in table) for column in range(len(_HEAD))]
    for row in table:
        cells = (str(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line("  ".join(cells).rstrip())
    left = sum(int(row[-1]) for row in rows)
    terminalreporter.write_line(f"{len(rows)} interrupted runs, {left} resources left")
