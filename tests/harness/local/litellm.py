"""LiteLLM itself, from its package, started as a planned container is.

It needs an environment of its own, for it pins most of what it depends on: one is made in the cache
when it is first asked for. The gateway's image wraps LiteLLM in an application that is in no
package; LiteLLM's own stands for it, with all routes.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from tests.harness.containers import Container
from tests.harness.local.ports import free_port
from tests.harness.local.supervisor import Command, Supervisor
from tests.harness.plan import Plan
from tests.harness.processes import soon
from tests.harness.stacks import ROOT

# Pinned: a later release, 1.107.0, was reported as compromised. Without prisma it answers a wrong
# key with a fault of its own.
RELEASE = "1.106.2"
_PACKAGES = (f"litellm[proxy]=={RELEASE}", "prisma==0.15.0")
START_SECONDS = 60
_NOBODY = "http://127.0.0.1:9"
_IMAGES_APPLICATION = "gateway.main:app"
_APPLICATION = "litellm.proxy.proxy_server:app"
_CONFIGURATIONS = ("aws_s3_object", "google_storage_bucket_object")


class LiteLLMError(RuntimeError):
    """LiteLLM cannot be installed, or does not start."""


def installed(folder: Path = ROOT / ".cache" / "litellm") -> Path:
    """The interpreter of the environment that holds LiteLLM; makes it if there is none.

    Raises:
        LiteLLMError: pip does not install it; the message has the end of what it said.
    """
    home = folder / f"{RELEASE}-{sys.version_info.major}.{sys.version_info.minor}"
    done, python = home / "installed", home / "bin" / "python"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if done.exists():
            return python
        # What an install that was broken off left.
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        made = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", *_PACKAGES],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise LiteLLMError(f"pip does not install {_PACKAGES}:\n{made.stderr[-2000:]}")
        done.touch()
    return python


def configuration(plan: Plan) -> str:
    """The text of the configuration file that the stack uploads; an empty one's without it."""
    held = [r for kind in _CONFIGURATIONS for r in plan.of_type(kind).values()]
    return str(held[0].values["content"]) if held else "{}"


def _server(container: Container) -> list[str]:
    """The server's part of a container's command, as arguments.

    Raises:
        LiteLLMError: the command starts no server that is known here.
    """
    _, found, rest = container.command[-1].partition("exec uvicorn ")
    arguments = shlex.split(rest)
    if not found or arguments[0] != _IMAGES_APPLICATION:
        raise LiteLLMError(f"{container.address}: {container.command} starts no gateway")
    return arguments[1:]


def start(
    supervisor: Supervisor,
    python: Path,
    container: Container,
    secrets: Mapping[str, str],
    config: str,
) -> int:
    """Start a container's server on a free loopback port; gives the port once it is live.

    Args:
        supervisor: ends it.
        python: what :func:`installed` gave.
        container: whose command and environment it gets.
        secrets: the values of its secret variables by name.
        config: the text of its configuration file.

    Raises:
        LiteLLMError: it is not live within 60 s, or a secret has no value; the message has the end
            of its log.
    """
    home = supervisor.folder / "gateway"
    home.mkdir()
    file, log = home / "config.yaml", home / "log"
    file.write_text(config)
    missing = [name for name, _, secret in container.entries if secret and name not in secrets]
    if missing:
        raise LiteLLMError(f"{container.address}: no value is given for {', '.join(missing)}")
    plain = {name: value for name, value, _ in container.entries if value is not None}
    environment = {
        "HOME": str(home),
        # Nothing outside is asked: not for a table of prices, nor, by a proxy that is none, at all.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "http_proxy": _NOBODY,
        "https_proxy": _NOBODY,
        "no_proxy": "127.0.0.1,localhost",
        **plain,
        **{name: secrets[name] for name, _, secret in container.entries if secret},
        # Where the container's start command puts it, or its volume has it.
        **({"CONFIG_FILE_PATH": str(file)} if "CONFIG_FILE_PATH" in plain else {}),
    }
    arguments = _server(container)
    port = free_port()
    for name, value in (("--host", "127.0.0.1"), ("--port", str(port))):
        arguments[arguments.index(name) + 1] = value
    command = [str(python), "-m", "uvicorn", _APPLICATION, *arguments]
    supervisor.start(Command(command, str(log), environment))
    if not soon(lambda: _live(port), START_SECONDS):
        said = log.read_text(errors="replace")[-2000:]
        raise LiteLLMError(f"LiteLLM is not live within {START_SECONDS} s:\n{said}")
    return port


def _live(port: int) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/health/liveliness"
        with urllib.request.urlopen(url, timeout=2) as answer:  # of loopback alone
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
