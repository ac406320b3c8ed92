"""The offline providers end with their owner, also if it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.offline.protocol.launch import serving
from tests.harness.paths import ROOT
from tests.harness.process.child import OwnedError, alive, soon

# A shell starts a suite in the background with SIGINT ignored, and its children inherit that.
OWNER = """
import signal, sys, time
from pathlib import Path
from tests.harness.offline.protocol.launch import serving
signal.signal(signal.SIGINT, signal.default_int_handler)
with serving({"random": "3.9.0"}, Path(sys.argv[1])) as reattach:
    print(next(iter(reattach.values()))["Pid"], flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_providers_end_with_an_owner_ended_by(
    signal_number: signal.Signals, tmp_path: Path
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "log")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert alive(pid)
        os.kill(owner.pid, signal_number)
        owner.wait(timeout=10)
        assert soon(lambda: not alive(pid))
    finally:
        owner.kill()
        owner.communicate()


def test_providers_end_with_the_block(tmp_path: Path) -> None:
    with serving({"random": "3.9.0"}, tmp_path / "log") as reattach:
        (entry,) = reattach.values()
        assert isinstance(entry, dict)
        pid = entry["Pid"]
        assert entry["Addr"]["String"].startswith("127.0.0.1:")
        assert alive(pid)
    assert not alive(pid)


def test_unknown_release_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with (
        pytest.raises(OwnedError, match=r"use 5\.100\.0, 6\.69\.1"),
        serving({"aws": "4.0.0"}, tmp_path / "log"),
    ):
        pass
