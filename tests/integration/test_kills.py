"""The run after a killed apply cleans up and passes.

``--kills=20`` kills more runs. The tests kill Terraform and its worker alternately.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.emulators import launch
from tests.harness.emulators.gcp import target
from tests.harness.emulators.launch import GcpOptions
from tests.harness.paths import ROOT
from tests.harness.process.child import alive, child_with, soon
from tests.harness.process.daemon import Running

# The emulator lists about 40 resources of a stack; 0 kills before the first one.
MOST_RESOURCES = 30
# A list of the resources takes as long as ten calls of the apply.
_PAUSE_SECONDS = 0.2
STACK = "acme-litellm-dev"
SUITE = "tests/integration/test_lifecycle_gcp.py"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    count = metafunc.config.getoption("kills")
    metafunc.parametrize("number", range(count), ids=[f"{i + 1} of {count}" for i in range(count)])


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    log = tmp_path_factory.mktemp("cloud") / "log"
    with launch.serving(GcpOptions(), log) as running:
        yield running


def command(url: str, folder: Path, core: str, stages: str) -> list[str]:
    """The command that runs stages of a lifecycle in a process of its own."""
    options = [f"--cloud={url}", f"--run-folder={folder}", f"--core={core}", f"--stages={stages}"]
    return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *options, SUITE]


def applying(root: int) -> int:
    """The process below ``root`` that applies; 0 without one."""
    return child_with(root, "apply")


def test_next_run_cleans_up_after_a_kill(
    number: int, cloud: Running, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    core = request.config.getoption("core")
    resources = random.randrange(MOST_RESOURCES)  # noqa: S311
    control = target.target(cloud.url, tmp_path).control
    worker = subprocess.Popen(
        command(cloud.url, tmp_path, core, "init,apply"),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert soon(lambda: applying(worker.pid) > 0, 60, _PAUSE_SECONDS)
        terraform = applying(worker.pid)
        assert soon(lambda: len(control.leftovers(STACK)) >= resources, 60, _PAUSE_SECONDS)
        victim = terraform if number % 2 else worker.pid
        assert alive(victim)
        print(f"killed {'Terraform' if number % 2 else 'the worker'} at {resources} resources")
        os.kill(victim, signal.SIGKILL)
        # A killed worker makes Terraform end after the running operations.
        assert soon(lambda: not alive(terraform), 60)
    finally:
        if worker.poll() is None and number % 2 == 0:
            worker.kill()
        worker.wait(timeout=60)
    result = subprocess.run(
        command(cloud.url, tmp_path, core, "init,apply,destroy,leftovers"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-4000:]
