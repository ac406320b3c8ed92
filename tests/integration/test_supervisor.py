"""The processes of a supervisor end with its owner, and leave no file."""

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

# A shell that runs the suite in the background makes its children ignore SIGINT.
OWNER = """
import signal, time
from tests.harness.emulators.parts import postgres
from tests.harness.process.supervisor import supervising
signal.signal(signal.SIGINT, signal.default_int_handler)
with supervising() as supervisor:
    server = postgres.start(supervisor)
    print(server.pid, supervisor.process.pid, supervisor.folder, flush=True)
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
    with supervising() as supervisor:
        server = postgres.start(supervisor)
        supervisor.process.kill()
        assert soon(lambda: not alive(server.pid))
    assert not supervisor.folder.exists()


def test_processes_end_in_reverse_order() -> None:
    with supervising() as supervisor:
        log = supervisor.folder / "log"
        pids = [
            supervisor.start(Command([sys.executable, "-c", SAYS_ITS_NAME, name], str(log)))
            for name in ("first", "last")
        ]
        assert soon(lambda: log.read_text().count("up") == 2)
        kept = os.open(log, os.O_RDONLY)
    text = os.read(kept, 1000).decode()
    os.close(kept)
    assert text.split() == ["up", "up", "last", "first"]
    assert not any(map(alive, pids))
    assert not supervisor.folder.exists()


def test_failed_start_is_named_and_stops_nothing() -> None:
    with supervising() as supervisor:
        with pytest.raises(SupervisorError, match="no-such-program does not start"):
            supervisor.start(Command(["no-such-program"], str(supervisor.folder / "log")))
        assert alive(supervisor.start(Command(["sleep", "60"], str(supervisor.folder / "log"))))


DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_stop_ends_one_process_only() -> None:
    with supervising() as supervisor:
        log = supervisor.folder / "log"
        first, last = (
            supervisor.start(Command([sys.executable, "-c", SAYS_ITS_NAME, name], str(log)))
            for name in ("first", "last")
        )
        assert soon(lambda: log.read_text().count("up") == 2)
        supervisor.stop(first)
        assert log.read_text().split() == ["up", "up", "first"]
        # The process is reaped: no zombie remains.
        assert not Path(f"/proc/{first}").exists()
        assert not supervisor.running(first)
        assert supervisor.running(last)
        with pytest.raises(SupervisorError, match=f"owns no process {first}"):
            supervisor.stop(first)


def test_process_that_ignores_sigterm_is_killed() -> None:
    with supervising() as supervisor:
        log = supervisor.folder / "log"
        deaf = supervisor.start(Command([sys.executable, "-c", DEAF], str(log)))
        assert soon(lambda: log.read_text().endswith("\n"))
        child = int(log.read_text())
        stopping = threading.Thread(target=supervisor.stop, args=(deaf,))
        stopping.start()
        began = time.monotonic()
        assert supervisor.running(supervisor.start(Command(["sleep", "60"], str(log))))
        assert time.monotonic() - began < 2
        stopping.join(timeout=10)
        assert not alive(deaf)
        assert soon(lambda: not alive(child))


def test_ended_process_is_reaped() -> None:
    with supervising() as supervisor:
        pid = supervisor.start(Command(["true"], str(supervisor.folder / "log")))
        assert soon(lambda: not Path(f"/proc/{pid}").exists())
        assert not supervisor.running(pid)
        supervisor.stop(pid)


def test_process_without_inheritance_has_its_own_environment() -> None:
    with supervising() as supervisor:
        log = supervisor.folder / "log"
        supervisor.start(Command(["/usr/bin/env"], str(log), {"A": "b"}, inherit=False))
        assert soon(lambda: log.read_text() == "A=b\n"), log.read_text()


def test_threads_start_and_stop_concurrently() -> None:
    with supervising() as supervisor:
        log = str(supervisor.folder / "log")
        wrong: list[str] = []

        def work() -> None:
            for _ in range(5):
                pid = supervisor.start(Command(["sleep", "60"], log))
                if not supervisor.running(pid):
                    wrong.append(f"{pid} does not run")
                supervisor.stop(pid)
                if supervisor.running(pid):
                    wrong.append(f"{pid} runs")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert wrong == []


def test_missing_supervisor_is_reported() -> None:
    with supervising() as supervisor:
        supervisor.process.kill()
        with pytest.raises(SupervisorError, match="the supervisor ended with status -9"):
            supervisor.start(Command(["sleep", "60"], str(supervisor.folder / "log")))


def test_homes_of_one_name_are_distinct() -> None:
    with supervising() as supervisor:
        assert [supervisor.home("a").name for _ in range(3)] == ["a", "a-2", "a-3"]


def test_server_listens_on_loopback_only(tmp_path: Path) -> None:
    with supervising() as supervisor:
        server = postgres.start(supervisor)
        text = "\n".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    port = f":{server.port:04X} "
    listening = [line.split()[1] for line in text.splitlines() if port in line and " 0A " in line]
    assert listening == [f"0100007F:{server.port:04X}"]
