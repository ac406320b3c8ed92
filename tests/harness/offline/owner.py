"""Start the offline providers and end them with their owner."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]
START_SECONDS = 60
# The argument that makes the server plan what an apply would make known.
FORESEEN = "--foreseen"
# The argument that makes an apply change what the provider blocks' endpoints serve.
LIVE = "--live"


class OfflineError(RuntimeError):
    """The offline providers did not start."""


@contextlib.contextmanager
def serving(
    releases: Mapping[str, str], log: Path, *, foreseen: bool = False, live: bool = False
) -> Iterator[dict[str, object]]:
    """Serve ``releases`` (provider name to version); gives what TF_REATTACH_PROVIDERS holds.

    The server lives on this process's end of a pipe: it goes when the block ends and also when the
    process is killed.

    Args:
        releases: which provider at which version, from the schema files in ``data``.
        log: a file for the server's standard error.
        foreseen: plan what an apply would make known, in place of unknown values.
        live: apply to what the provider blocks' endpoints serve.

    Raises:
        OfflineError: it did not start; the message ends with what it said.
    """
    command = [sys.executable, "-m", "tests.harness.offline"]
    command += [f"{name}={version}" for name, version in releases.items()]
    command += [FORESEEN] if foreseen else []
    command += [LIVE] if live else []
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    if process.stdin is None or process.stdout is None:
        raise OfflineError("the offline providers started without their pipes")
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
        watchdog.cancel()
        if not line:
            process.wait()
            raise OfflineError(
                f"the offline providers ended with status {process.returncode}:\n"
                f"{log.read_text()[-2000:]}"
            )
        yield json.loads(line)
    finally:
        watchdog.cancel()
        process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
