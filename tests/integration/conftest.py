"""The emulators, and the lifecycles of stacks on them."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.emulators import launch
from tests.harness.emulators.aws import target as aws
from tests.harness.emulators.gcp import gcloud
from tests.harness.emulators.gcp import target as google
from tests.harness.emulators.launch import AwsOptions, GcpOptions
from tests.harness.emulators.parts import postgres
from tests.harness.lifecycle import run
from tests.harness.lifecycle.target import Target
from tests.harness.litellm import release
from tests.harness.plan.view import Plan
from tests.harness.process import supervisor
from tests.harness.process.daemon import Running
from tests.harness.stacks import STACKS
from tests.harness.terraform import binary, planning, providers
from tests.integration import on_account
from tests.plugins import not_run
from tests.plugins.accounts import LOCAL
from tests.plugins.stages import LACKING

# pytest does not rewrite the assertions of a module that only others import.
pytest.register_assert_rewrite(
    "tests.integration.stages",
    "tests.integration.story",
    "tests.integration.dashboard",
    "tests.integration.interruptions",
    "tests.integration.ledgers",
    "tests.integration.zones",
)
stage = pytest.mark.stage


def pytest_configure(config: pytest.Config) -> None:
    """Report what a run on an account would show and the emulators do not."""
    if on_account.configure(config):
        return
    lacking = {
        f"{name}_plugin": f"no hashicorp/{name} plugin"
        for name in ("aws", "google")
        if not providers.plugin(name, os.environ)
    }
    lacking |= {} if gcloud.program() else {"gcloud": gcloud.LACKING}
    config.stash[LACKING] = {
        **lacking,
        "zone": "no public DNS has the names of a local cloud",
        "second stack": "failure scenarios create the stacks of the local clouds again",
    }
    not_run.add(config, {**aws.not_run(os.environ), **google.not_run(os.environ)})


def planned(session: planning.Session, stack: str, inputs: Mapping[str, Any] | None = None) -> Plan:
    """The plan of the smallest stack with overriding inputs."""
    merged = {**STACKS[stack].smallest, **(inputs or {})}
    result = planning.plan(session, planning.Case("integration", stack, merged))
    assert result.plan is not None, str(result)
    assert not result.errors, str(result)
    return result.plan


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select what runs on the account of ``--target``."""
    on_account.select(config, items)


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """A PostgreSQL without databases."""
    with supervisor.supervising() as owner:
        yield postgres.start(owner)


@contextlib.contextmanager
def _google_cloud(options: GcpOptions, log: Path) -> Iterator[Running]:
    """A Google Cloud emulator; it logs answers that Google would not give."""
    with launch.serving(options, log) as running:
        yield running
    assert log.read_text() == ""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Google Cloud emulator with stand-ins for the containers."""
    with _google_cloud(GcpOptions(), tmp_path_factory.mktemp("cloud") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def gcp_target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The Google Cloud emulator with LiteLLM, the emulator of ``--cloud``, or a project.

    The gcloud of this machine runs the scripts, where PATH has one.
    """
    if request.config.getoption("target") != LOCAL:
        yield on_account.target(request.config, "gcp")
        return
    folder = tmp_path_factory.mktemp("gcp")
    url, real_cli = request.config.getoption("cloud"), bool(gcloud.program())
    if url:
        yield google.target(url, folder, real_cli=real_cli)
        return
    options = GcpOptions(str(release.installed()))
    with _google_cloud(options, folder / "cloud.log") as running:
        yield google.target(running.url, folder, real_cli=real_cli)


@pytest.fixture(scope="module")
def aws_target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The AWS emulator with LiteLLM, or an account."""
    if request.config.getoption("target") != LOCAL:
        yield on_account.target(request.config, "aws")
        return
    folder = tmp_path_factory.mktemp("aws")
    options = AwsOptions(str(release.installed()))
    with launch.serving(options, folder / "cloud.log") as running:
        yield aws.target(running.url, folder, real_cli=True)


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for screenshots: that of ``--screenshots``, or a temporary one."""
    chosen = request.config.getoption("screenshots")
    folder = Path(chosen).absolute() if chosen else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


Options = AwsOptions | GcpOptions
Emulators = Callable[[Options], contextlib.AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulators]:
    """Emulators by their options, for tests that leave nothing behind.

    A start takes as long as a short test, so the next test with the same options gets the same
    emulator. One in which a test failed ends with that test.
    """
    kept: dict[Options, tuple[Running, contextlib.ExitStack]] = {}

    @contextlib.contextmanager
    def lend(options: Options) -> Iterator[Running]:
        if options not in kept:
            stack = every.enter_context(contextlib.ExitStack())
            log = tmp_path_factory.mktemp("emulator") / "cloud.log"
            kept[options] = stack.enter_context(launch.serving(options, log)), stack
        running, stack = kept[options]
        try:
            yield running
        except BaseException:
            del kept[options]
            stack.close()
            raise

    with contextlib.ExitStack() as every:
        yield lend


Lifecycles = Callable[..., run.Lifecycle]


@pytest.fixture(scope="module")
def lifecycles(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lifecycles]:
    """Lifecycles of stacks: ``lifecycles(target, inputs, source=None, named=False)``.

    A ``named`` one has a host in a zone on an account, if there is one. Those with the same
    providers share the processes that serve them.
    """
    config = request.config
    environments: dict[str, Mapping[str, str]] = {}
    with contextlib.ExitStack() as stack:

        def begin(
            target: Target,
            inputs: Mapping[str, Any],
            source: Path | None = None,
            named: bool = False,
        ) -> run.Lifecycle:
            if config.getoption("target") != LOCAL:
                begun = on_account.lifecycle(config, target, inputs, source, named=named)
                return stack.enter_context(begun)
            folder = tmp_path_factory.mktemp("lifecycle")
            choice = str(target.choice)
            if choice not in environments:
                serving = providers.environment(target.choice, folder)
                environments[choice] = stack.enter_context(serving)
            environment = environments[choice]
            core = binary.find(folder, config.getoption("core"))
            kept = config.getoption("run_folder")
            root = Path(kept).absolute() / target.stack.name if kept else folder
            # Terraform writes a state in a folder after each change of a resource, and one in a
            # bucket every 20 seconds. A kept run continues with the state in its folder, also after
            # a killed one.
            state = None if kept else target.state(uuid.uuid4().hex)
            return run.prepare(target, root, core.binary, environment, inputs, source, state)

        yield begin
