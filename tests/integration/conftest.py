"""The local clouds, the lifecycles of stacks in them, and what is not run here."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.emulators import launch
from tests.harness.emulators.aws import cloud
from tests.harness.emulators.aws import target as aws
from tests.harness.emulators.gcp import target as google
from tests.harness.emulators.launch import AwsOptions, GcpOptions
from tests.harness.emulators.parts import postgres
from tests.harness.lifecycle import run
from tests.harness.lifecycle.target import Target
from tests.harness.litellm import release
from tests.harness.plan.view import Plan
from tests.harness.process import supervisor
from tests.harness.stacks import STACKS
from tests.harness.terraform import binary, planning, providers

# Its claims are those of two modules, so that pytest would not look into it by itself.
pytest.register_assert_rewrite("tests.integration.stages")
# In the order of a lifecycle.
STAGES = ("init", "apply", "migrate", "verify", "replan", "change", "destroy", "leftovers", "again")
# Whose failure leaves nothing to look at for the later ones; `destroy` is always tried.
_NEEDED = ("init", "apply", "migrate", "destroy", "leftovers")
stage = pytest.mark.stage
# What a whole run on an account would do and nothing here does yet, with the reason.
NOT_RUN = {
    **aws.not_run(os.environ),
    **google.NOT_RUN,
}
# What this machine or the local clouds lack, with the reason.
LACKS = {
    **google.LACKS,
    **aws.LACKS,
    **({} if cloud.plugin(os.environ) else {"aws_plugin": "no hashicorp/aws plugin"}),
}
_deselected: dict[str, str] = {}
_failed = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the lifecycles of stacks take."""
    group = parser.getgroup("lifecycles of stacks")
    group.addoption("--stages", default="", help=f"some of {','.join(STAGES)}; default: all")
    group.addoption("--run-folder", help="keep the state here, for a later run to go on with")
    group.addoption("--cloud", default="", help="the URL of a local Google Cloud that is there")
    group.addoption(
        "--kills", type=int, default=2, help="how many applies are killed at a random moment"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks."""
    config.addinivalue_line(
        "markers", f"stage(name): of the lifecycle of a stack: {', '.join(STAGES)}"
    )
    config.addinivalue_line("markers", "needs(what): what a place may lack; there it is not run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the stages that are not asked for, and what the local cloud lacks."""
    items[:] = [one for _, some in itertools.groupby(items, _module) for one in _in_order(some)]
    wanted = [name for name in config.getoption("stages").split(",") if name]
    if unknown := set(wanted) - set(STAGES):
        raise pytest.UsageError(f"--stages: {sorted(unknown)} is none of {', '.join(STAGES)}")
    kept, left = [], []
    for item in items:
        mark, needs = item.get_closest_marker("stage"), item.get_closest_marker("needs")
        if wanted and (mark is None or mark.args[0] not in wanted):
            left.append(item)
        elif needs is not None and needs.args[0] in LACKS:
            _deselected[item.name] = LACKS[needs.args[0]]
            left.append(item)
        else:
            kept.append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept
    # A worker of xdist tells its controller, which collects nothing itself.
    if hasattr(config, "workeroutput"):
        config.workeroutput["deselected"] = _deselected


def _module(item: pytest.Item) -> Any:
    return item.parent


def _in_order(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The tests of a module by their stages; a stage's as they are written, wherever that is."""

    def place(item: pytest.Item) -> tuple[int, int]:
        mark = item.get_closest_marker("stage")
        if mark is None or not isinstance(item, pytest.Function):
            return -1, 0
        return STAGES.index(mark.args[0]), item.function.__code__.co_firstlineno

    return sorted(items, key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of xdist left out; all leave out the same."""
    _deselected.update(getattr(node, "workeroutput", {}).get("deselected", {}))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Remember which stage of a module failed, and how."""
    report = yield
    mark = item.get_closest_marker("stage")
    if mark is not None and report.failed and item.parent is not None:
        name = mark.args[0]
        item.parent.stash.setdefault(_failed, {}).setdefault(name, item.name)
        before = [one for one in STAGES[: STAGES.index(name)] if one in _NEEDED]
        stages = ",".join([*before, name])
        file = item.path.relative_to(item.config.rootpath)
        replay = f"tox -e integration -- {file} --numprocesses=0 --stages={stages}"
        report.sections.append(("replay alone", replay))
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Do not run what needs a stage that failed."""
    mark = item.get_closest_marker("stage")
    if mark is None or item.parent is None or mark.args[0] == "destroy":
        return
    for name, test in item.parent.stash.get(_failed, {}).items():
        if name in _NEEDED and STAGES.index(name) < STAGES.index(mark.args[0]):
            pytest.skip(f"not run: {name} failed ({test})")


def planned(held: planning.Session, stack: str, inputs: Mapping[str, Any] | None = None) -> Plan:
    """The smallest stack with inputs laid over it."""
    merged = {**STACKS[stack].smallest, **(inputs or {})}
    result = planning.plan(held, planning.Case("integration", stack, merged))
    assert result.plan is not None, str(result)
    assert not result.errors, str(result)
    return result.plan


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """A PostgreSQL with nothing in it."""
    with supervisor.supervising() as held:
        yield postgres.start(held)


@pytest.fixture(scope="module")
def gcp_target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """A local Google Cloud with LiteLLM behind it; the one of ``--cloud`` if there is one."""
    folder = tmp_path_factory.mktemp("gcp")
    url = request.config.getoption("cloud")
    if url:
        yield google.target(url, folder)
        return
    log = folder / "cloud.log"
    with launch.serving(GcpOptions(str(release.installed())), log) as running:
        yield google.target(running.url, folder)
    # It says what it answered and Google would not.
    assert log.read_text() == ""


@pytest.fixture(scope="module")
def aws_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A local AWS with LiteLLM behind it."""
    folder = tmp_path_factory.mktemp("aws")
    options = AwsOptions(str(release.installed()))
    with launch.serving(options, folder / "cloud.log") as running:
        yield aws.target(running.url, folder)


Lifecycles = Callable[..., run.Lifecycle]


@pytest.fixture(scope="module")
def lifecycles(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lifecycles]:
    """Lifecycles of stacks: ``lifecycles(target, inputs, source=None)``."""
    config = request.config
    with contextlib.ExitStack() as stack:

        def begin(
            target: Target, inputs: Mapping[str, Any], source: Path | None = None
        ) -> run.Lifecycle:
            folder = tmp_path_factory.mktemp("lifecycle")
            environment = stack.enter_context(providers.environment(target.choice, folder))
            found = binary.find(folder, config.getoption("core"))
            kept = config.getoption("run_folder")
            root = Path(kept).absolute() / target.stack.name if kept else folder
            return run.prepare(target, root, found.binary, environment, inputs, source)

        yield begin


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what is not run."""
    terminalreporter.section("not run")
    for what, why in {**NOT_RUN, **_deselected}.items():
        terminalreporter.write_line(f"not run: {what}: {why}")
