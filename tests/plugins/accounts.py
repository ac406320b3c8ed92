"""Options of runs that are interrupted, and the table of what each interruption did."""

from __future__ import annotations

from typing import Any

import pytest

ROW = "interruption"
"""The property of a test with a row of the table, a list of texts."""
_HEAD = ("cloud", "phase", "what", "run", "found", "deleted", "left")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("interrupted runs")
    group.addoption(
        "--interruptions", type=int, default=1, help="how many runs are interrupted, on each cloud"
    )
    group.addoption(
        "--faults",
        type=int,
        default=1,
        help="how many faults of an API are injected, on each cloud",
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table."""
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
