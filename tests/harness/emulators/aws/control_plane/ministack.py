"""ministack, an emulator of AWS APIs, on a free loopback port.

It pins botocore to one release, so that it has a separate environment in the cache. Without the
package docker, which that environment does not have, it starts no containers. The programs behind
the API are those of the data plane. :mod:`.server` runs in the same process and adds the behaviour
of AWS that ministack lacks.
"""

from __future__ import annotations

from pathlib import Path

from tests.harness.emulators.aws.control_plane.service import ACCOUNT, REDIS_HOST
from tests.harness.paths import ROOT
from tests.harness.process import venvs
from tests.harness.process.child import log_tail, soon
from tests.harness.process.ports import fetched, free_port
from tests.harness.process.supervisor import Command, Supervisor
from tests.harness.sdk.aws import REGION

RELEASE = "1.5.33"
_PACKAGES = (
    f"ministack=={RELEASE}",
    # The release of the botocore that ministack requires.
    "boto3==1.43.106",
    "uvicorn==0.54.0",
    "httptools==0.9.0",
    "uvloop==0.23.0",
)
# Safe: no module of the working folder or of the user shadows one of ministack.
_SERVER = ("-P", "-s", "-m", "tests.harness.emulators.aws.control_plane.server")
START_SECONDS = 30


class EmulatorError(RuntimeError):
    """ministack does not start."""


def installed(folder: Path = venvs.FOLDER) -> Path:
    """The interpreter of ministack's environment, which is created if it does not exist.

    Raises:
        InstallError: uv cannot install ministack; the message has the end of its output.
    """
    release = "-".join(package.partition("==")[2] for package in _PACKAGES)
    return venvs.installed("ministack", release, _PACKAGES, folder)


def _environment(home: Path, port: int, region: str) -> dict[str, str]:
    """The settings of ministack. Source of the names: its code, release 1.5.33."""
    return {
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "REDIS_HOST": REDIS_HOST,
        # Its id is written into the temporary folder, certificates and states into the others.
        "HOME": str(home),
        "TMPDIR": str(home),
        "STATE_DIR": str(home / "state"),
        "S3_DATA_DIR": str(home / "s3"),
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        # These services listen on fixed ports.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # ministack would use the caller's values of these variables.
        "AUTH": "false",
        "USE_SSL": "0",
        "SERVICES": "",
        "AWS_ENDPOINT_URL": "",
        "DOCKER_HOST": "",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(ROOT),
    }


def healthy(port: int) -> bool:
    """Whether ministack answers the health check."""
    return fetched(port, "/_ministack/health")[0] == 200


def start(supervisor: Supervisor, python: Path, region: str = REGION) -> int:
    """Start ministack without resources; returns its port once it is healthy.

    Args:
        supervisor: the supervisor that ends ministack.
        python: the result of :func:`installed`.
        region: the region of requests that name none.

    Raises:
        EmulatorError: ministack does not answer within 30 s; the message has the end of its log.
    """
    home = supervisor.home("ministack")
    port, log = free_port(), home / "log"
    supervisor.start(
        Command(
            [*map(str, (python, *_SERVER)), str(port)], str(log), _environment(home, port, region)
        )
    )
    if not soon(lambda: healthy(port), START_SECONDS):
        output = log_tail(log)
        raise EmulatorError(f"ministack does not answer within {START_SECONDS} s:\n{output}")
    return port
