"""What the supervisor started ends with its owner, however that one ends, and leaves no file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.harness.emulators.parts import postgres
from tests.harness.paths import ROOT
from tests.harness.process.child import alive, soon
from tests.harness.process.supervisor import Command, SupervisorError, supervising

# A shell that runs a suite in the background has it ignore SIGINT, and all that it starts.
OWNER = """
import signal, time
from tests.harness.emulators.parts import postgres
from tests.harness.process.supervisor import supervising
signal.signal(signal.SIGINT, signal.default_int_handler)
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
def test_postgres_ends_with_an_owner_ended_by(how: signal.Signals) -> None:
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


def test_postgres_ends_with_a_killed_supervisor() -> None:
    with supervising() as held:
        server = postgres.start(held)
        held.process.kill()
        assert soon(lambda: not alive(server.pid))
    assert not held.folder.exists()


def test_processes_end_in_reverse_order() -> None:
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


def test_failed_start_is_named_and_stops_nothing() -> None:
    with supervising() as held:
        with pytest.raises(SupervisorError, match="no-such-program does not start"):
            held.start(Command(["no-such-program"], str(held.folder / "log")))
        assert alive(held.start(Command(["sleep", "60"], str(held.folder / "log"))))


DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_stop_ends_one_process_only() -> None:
    with supervising() as held:
        log = held.folder / "log"
        first, last = (
            held.start(Command([sys.executable, "-c", SAYS_ITS_NAME, name], str(log)))
            for name in ("first", "last")
        )
        assert soon(lambda: log.read_text().count("up") == 2)
        held.stop(first)
        assert log.read_text().split() == ["up", "up", "first"]
        # Not so much as a zombie is left.
        assert not Path(f"/proc/{first}").exists()
        assert not held.running(first)
        assert held.running(last)
        with pytest.raises(SupervisorError, match=f"owns no process {first}"):
            held.stop(first)


def test_process_that_ignores_sigterm_is_killed() -> None:
    with supervising() as held:
        log = held.folder / "log"
        deaf = held.start(Command([sys.executable, "-c", DEAF], str(log)))
        assert soon(lambda: log.read_text().endswith("\n"))
        child = int(log.read_text())
        stopping = threading.Thread(target=held.stop, args=(deaf,))
        stopping.start()
        began = time.monotonic()
        assert held.running(held.start(Command(["sleep", "60"], str(log))))
        assert time.monotonic() - began < 2
        stopping.join(timeout=10)
        assert not alive(deaf)
        assert soon(lambda: not alive(child))


def test_ended_process_is_reaped() -> None:
    with supervising() as held:
        pid = held.start(Command(["true"], str(held.folder / "log")))
        assert soon(lambda: not Path(f"/proc/{pid}").exists())
        assert not held.running(pid)
        held.stop(pid)


def test_process_without_inheritance_has_its_own_environment() -> None:
    with supervising() as held:
        log = held.folder / "log"
        held.start(Command(["/usr/bin/env"], str(log), {"A": "b"}, inherit=False))
        assert soon(lambda: log.read_text() == "A=b\n"), log.read_text()


def test_threads_start_and_stop_concurrently() -> None:
    with supervising() as held:
        log = str(held.folder / "log")
        wrong: list[str] = []

        def work() -> None:
            for _ in range(5):
                pid = held.start(Command(["sleep", "60"], log))
                if not held.running(pid):
                    wrong.append(f"{pid} does not run")
                held.stop(pid)
                if held.running(pid):
                    wrong.append(f"{pid} runs")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert wrong == []


def test_missing_supervisor_is_reported() -> None:
    with supervising() as held:
        held.process.kill()
        with pytest.raises(SupervisorError, match="the supervisor ended with status -9"):
            held.start(Command(["sleep", "60"], str(held.folder / "log")))


def test_homes_of_one_name_are_distinct() -> None:
    with supervising() as held:
        assert [held.home("a").name for _ in range(3)] == ["a", "a-2", "a-3"]


def test_server_listens_on_loopback_only(tmp_path: Path) -> None:
    with supervising() as held:
        server = postgres.start(held)
        text = "\n".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    port = f":{server.port:04X} "
    listening = [line.split()[1] for line in text.splitlines() if port in line and " 0A " in line]
    assert listening == [f"0100007F:{server.port:04X}"]
