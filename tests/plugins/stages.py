"""The stages of a lifecycle as pytest marks: order, selection, and skips after a failure.

``@pytest.mark.stage(NAME)`` puts a test into a stage. ``@pytest.mark.needs(NAME)`` deselects it
where the place of the run lacks something (:data:`LACKING`), and reports it as not run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.plugins import not_run

# In the order of a lifecycle.
STAGES = (
    *("init", "apply", "migrate", "verify", "use", "replan"),
    *("change", "reuse", "destroy", "leftovers", "again"),
)
# A failure of these leaves nothing to check for the later ones. `destroy` always runs.
_REQUIRED = ("init", "apply", "migrate", "destroy", "leftovers")
LACKING = pytest.StashKey[dict[str, str]]()
_FAILED = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of lifecycles."""
    group = parser.getgroup("lifecycles of stacks")
    group.addoption("--stages", default="", help=f"some of {','.join(STAGES)}; default: all")
    group.addoption("--run-folder", help="keep the state here, so that a later run can continue")
    group.addoption("--screenshots", default="", help="keep screenshots of the dashboard here")
    group.addoption("--cloud", default="", help="the URL of a running Google Cloud emulator")
    group.addoption(
        "--kills", type=int, default=2, help="how many applies are killed at a random moment"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks."""
    config.addinivalue_line("markers", f"stage(name): a stage of a lifecycle: {', '.join(STAGES)}")
    config.addinivalue_line("markers", "needs(name): what a place may lack; then it is not run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the stages, and deselect stages and what the place lacks."""
    groups = itertools.groupby(items, lambda item: item.parent)
    items[:] = [item for _, group in groups for item in _ordered(group)]
    selected = [name for name in config.getoption("stages").split(",") if name]
    if unknown := set(selected) - set(STAGES):
        raise pytest.UsageError(f"--stages: unknown {sorted(unknown)}; use {', '.join(STAGES)}")
    lacking = config.stash.get(LACKING, {})
    kept, deselected = [], []
    for item in items:
        mark, needs = item.get_closest_marker("stage"), item.get_closest_marker("needs")
        if selected and (mark is None or mark.args[0] not in selected):
            deselected.append(item)
        elif needs is not None and needs.args[0] in lacking:
            not_run.add(config, {item.name: lacking[needs.args[0]]})
            deselected.append(item)
        else:
            kept.append(item)
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = kept


def _ordered(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The tests of a module by stage; those of a stage in the order of their definition."""

    def place(item: pytest.Item) -> tuple[int, int]:
        mark = item.get_closest_marker("stage")
        if mark is None or not isinstance(item, pytest.Function):
            return -1, 0
        return STAGES.index(mark.args[0]), item.function.__code__.co_firstlineno

    return sorted(items, key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Remember which stage of a module failed, and print how to replay it."""
    report = yield
    mark = item.get_closest_marker("stage")
    if mark is not None and report.failed and item.parent is not None:
        name = mark.args[0]
        item.parent.stash.setdefault(_FAILED, {}).setdefault(name, item.name)
        required = [stage for stage in STAGES[: STAGES.index(name)] if stage in _REQUIRED]
        stages = ",".join([*required, name])
        file = item.path.relative_to(item.config.rootpath)
        replay = f"tox -e integration -- {file} --numprocesses=0 --stages={stages}"
        report.sections.append(("replay alone", replay))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print where the screenshots are."""
    if folder := config.getoption("screenshots"):
        for place in sorted(Path(folder).glob("*.png")):
            terminalreporter.write_line(f"screenshot: {place}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a stage if one that it requires failed."""
    mark = item.get_closest_marker("stage")
    if mark is None or item.parent is None or mark.args[0] == "destroy":
        return
    for name, test in item.parent.stash.get(_FAILED, {}).items():
        if name in _REQUIRED and STAGES.index(name) < STAGES.index(mark.args[0]):
            pytest.skip(f"not run: {name} failed ({test})")
