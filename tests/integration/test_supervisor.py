"""What the supervisor started ends with its owner, however that one ends, and leaves no file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.local import postgres
from tests.harness.local.supervisor import Command, SupervisorError, supervising
from tests.harness.processes import alive, soon
from tests.harness.stacks import ROOT

OWNER = """
import time
from tests.harness.local import postgres
from tests.harness.local.supervisor import supervising
with supervising() as held:
    server = postgres.start(held)
    print(server.pid, held.process.pid, held.folder, flush=True)
    time.sleep(60)
"""

SAYS_ITS_NAME = """
import signal, sys, time
def end(*_):
    print(sys.argv[1], flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_postgres_and_its_folder_go_with_an_owner_that_is_ended_by(how: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert owner.stdout is not None
        pid, _, folder = owner.stdout.readline().split()
        assert alive(int(pid))
        os.kill(owner.pid, how)
        owner.wait(timeout=10)
        assert soon(lambda: not alive(int(pid)) and not Path(folder).exists())
    finally:
        owner.kill()
        owner.communicate()


def test_postgres_ends_with_a_supervisor_that_is_killed() -> None:
    with supervising() as held:
        server = postgres.start(held)
        held.process.kill()
        assert soon(lambda: not alive(server.pid))
    assert not held.folder.exists()


def test_what_was_started_last_ends_first_and_all_of_it_with_the_block() -> None:
    with supervising() as held:
        log = held.folder / "log"
        pids = [
            held.start(Command([sys.executable, "-c", SAYS_ITS_NAME, name], str(log)))
            for name in ("first", "last")
        ]
        assert soon(lambda: log.read_text().count("up") == 2)
        kept = os.open(log, os.O_RDONLY)
    text = os.read(kept, 1000).decode()
    os.close(kept)
    assert text.split() == ["up", "up", "last", "first"]
    assert not any(map(alive, pids))
    assert not held.folder.exists()


def test_a_command_that_does_not_start_is_named_and_stops_nothing() -> None:
    with supervising() as held:
        with pytest.raises(SupervisorError, match="no-such-program does not start"):
            held.start(Command(["no-such-program"], str(held.folder / "log")))
        assert alive(held.start(Command(["sleep", "60"], str(held.folder / "log"))))


def test_the_server_listens_on_loopback_alone(tmp_path: Path) -> None:
    with supervising() as held:
        server = postgres.start(held)
        text = "\n".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    port = f":{server.port:04X} "
    listening = [line.split()[1] for line in text.splitlines() if port in line and " 0A " in line]
    assert listening == [f"0100007F:{server.port:04X}"]
