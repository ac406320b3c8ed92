"""ministack, an emulator of AWS's control planes, on a free loopback port.

It pins botocore to one release, so it has an environment of its own in the cache. Without the
package docker, which that environment has not, it starts no containers: what runs is ours.
"""

from __future__ import annotations

import http.client
from pathlib import Path

from tests.harness.process import venvs
from tests.harness.process.child import soon
from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import Command, Supervisor
from tests.harness.sdk.aws import REGION

RELEASE = "1.5.33"
_PACKAGES = (f"ministack=={RELEASE}",)
START_SECONDS = 30
ACCOUNT = "123456789012"
# Where ministack says that every replication group answers; the front tells them apart.
REDIS_HOST = "redis.invalid"


class EmulatorError(RuntimeError):
    """ministack does not start."""


def installed(folder: Path = venvs.FOLDER) -> Path:
    """The interpreter of the environment that holds ministack; makes it if there is none.

    Raises:
        InstallError: pip does not install it; the message has the end of what it said.
    """
    return venvs.installed("ministack", RELEASE, _PACKAGES, folder)


def _environment(home: Path, port: int, region: str) -> dict[str, str]:
    """What ministack is told. Source of the names: its own code, release 1.5.33."""
    return {
        # Else it listens on all addresses.
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "REDIS_HOST": REDIS_HOST,
        # Its id goes to the temporary folder, certificates and states to the others.
        "HOME": str(home),
        "TMPDIR": str(home),
        "STATE_DIR": str(home / "state"),
        "S3_DATA_DIR": str(home / "s3"),
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        # Listeners of their own, on fixed ports.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # The caller's would be taken for the emulator's.
        "AUTH": "false",
        "USE_SSL": "0",
        "SERVICES": "",
        "AWS_ENDPOINT_URL": "",
        "DOCKER_HOST": "",
        "LOG_LEVEL": "WARNING",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def answers(port: int, path: str) -> bool:
    """Whether a server on a loopback port answers a path with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start(supervisor: Supervisor, python: Path, region: str = REGION) -> int:
    """Start ministack with nothing in it; gives its port once its health is answered.

    Args:
        supervisor: ends it.
        python: what :func:`installed` gave.
        region: where whatever names none is.

    Raises:
        EmulatorError: it does not answer within 30 s; the message has the end of its log.
    """
    home = supervisor.home("ministack")
    port, log = free_port(), home / "log"
    # Isolated: neither this folder's modules nor the user's are found before its own.
    supervisor.start(
        Command(
            [str(python), "-I", "-m", "ministack"],
            str(log),
            _environment(home, port, region),
        )
    )
    if not soon(lambda: answers(port, "/_ministack/health"), START_SECONDS):
        said = log.read_text(errors="replace")[-2000:]
        raise EmulatorError(f"ministack does not answer within {START_SECONDS} s:\n{said}")
    return port
