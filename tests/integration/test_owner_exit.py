"""An emulator with a stack leaves no process and no file, however its owner ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.harness.paths import ROOT
from tests.harness.process.child import alive, soon

# Applies a stack to an emulator and prints where it runs; destroys the stack when its input closes.
# A shell that runs the suite in the background makes its children ignore SIGINT.
OWNER = """
import json
import signal
import sys
from pathlib import Path
from tests.harness.lifecycle import run
from tests.harness.terraform import binary, providers
from tests.harness.emulators import launch
from tests.harness.emulators.gcp import target
from tests.harness.emulators.launch import GcpOptions
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
with launch.serving(GcpOptions(), folder / "log") as cloud:
    place = target.target(cloud.url, folder)
    with providers.environment(place.choice, folder) as environment:
        found = binary.find(folder, "")
        inputs = json.loads(sys.argv[2])
        stack = run.prepare(place, folder / "lifecycle", found.binary, environment, inputs)
        run.apply(stack)
        print(cloud.pid, cloud.folder, flush=True)
        sys.stdin.read()
        run.destroy(stack)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="litellm-exit-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


def below(pid: int) -> set[int]:
    """A process and all of its descendants."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            parents[int(path.name)] = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
    processes, new = {pid}, {pid}
    while new:
        new = {process for process, parent in parents.items() if parent in new} - processes
        processes |= new
    return processes


@contextlib.contextmanager
def applied(
    folder: Path, inputs: Mapping[str, bool]
) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """A process that owns an emulator with a stack, the emulator's process id and its folder."""
    home, temporary = folder / "home", folder / "tmp"
    run = folder / "run"
    for path in (home, temporary, run):
        path.mkdir()
        path.chmod(0o711)
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(run), json.dumps(inputs)],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home), "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert owner.stdout is not None
        words = owner.stdout.readline().split()
        assert words, "the stack was not applied"
        yield owner, int(words[0]), Path(words[1])
    finally:
        owner.kill()
        owner.wait()
        for pipe in (owner.stdin, owner.stdout):
            if pipe:
                pipe.close()


@pytest.mark.parametrize(
    ("who", "how"),
    [
        ("owner", signal.SIGINT),
        ("owner", signal.SIGTERM),
        ("owner", signal.SIGKILL),
        # It ignores the other signals, because its owner ends it.
        ("cloud", signal.SIGKILL),
    ],
)
def test_ended_process_leaves_no_process_and_folder(
    who: str, how: signal.Signals, place: Path
) -> None:
    # No process of a job is alive when the owner ends, and a replica has no server of its own.
    inputs = {"run_migrations": False, "create_read_replica": False}
    with applied(place, inputs) as (owner, cloud, folder):
        processes = below(owner.pid)
        # The supervisor, PostgreSQL, Redis with its TLS, Envoy, three containers, the providers.
        assert len(processes) > 10
        assert folder.exists()
        os.kill(owner.pid if who == "owner" else cloud, how)
        if who == "cloud":
            owner.kill()
        owner.wait()
        assert soon(lambda: not any(map(alive, processes)), 60), [
            process for process in processes if alive(process)
        ]
        assert soon(lambda: not folder.exists(), 60)


def test_run_writes_only_into_its_folder(place: Path) -> None:
    def status() -> str:
        command = ["git", "status", "--porcelain", "--ignored=matching", "-unormal"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return "\n".join(line for line in listed.stdout.split("\n") if "__pycache__" not in line)

    before = status()
    with applied(place, {"cloudsql_deletion_protection": False}) as (owner, _, folder):
        assert owner.stdin is not None
        owner.stdin.close()
        assert owner.wait(60) == 0
        owner.stdin = None
    assert not folder.exists()
    assert list((place / "home").rglob("*")) == []
    assert list((place / "tmp").rglob("*")) == []
    assert status() == before
