"""LiteLLM, started from its package with the command of a planned container.

It has an environment of its own (:mod:`tests.harness.litellm.release`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.harness.litellm import containers
from tests.harness.plan.containers import Container
from tests.harness.plan.view import Plan
from tests.harness.process.child import log_tail, soon
from tests.harness.process.ports import fetched
from tests.harness.process.supervisor import Supervisor

START_SECONDS = 120
_LIVE = "/health/liveliness"
_CONFIGURATIONS = ("aws_s3_object", "google_storage_bucket_object")


class LiteLLMError(RuntimeError):
    """LiteLLM does not start with the container's command and environment."""


def configuration(plan: Plan) -> str:
    """The text of the configuration file that the stack uploads; ``{}`` without one."""
    files = [r for kind in _CONFIGURATIONS for r in plan.of_type(kind).values()]
    return str(files[0].values["content"]) if files else "{}"


def start(
    supervisor: Supervisor,
    python: Path,
    container: Container,
    secrets: Mapping[str, str],
    config: str,
) -> int:
    """Start the server of a container on a free loopback port; returns the port once it is live.

    Args:
        supervisor: the owner of the process.
        python: the interpreter of :func:`tests.harness.litellm.release.installed`.
        container: the source of its command and environment.
        secrets: the values of its secret variables by name.
        config: the text of its configuration file.

    Raises:
        LiteLLMError: it is not live within 120 s, or a secret has no value. The message has the end
            of its log.
    """
    missing = [name for name, _, secret in container.entries if secret and name not in secrets]
    if missing:
        raise LiteLLMError(f"{container.address}: no value for the secrets {', '.join(missing)}")
    environment = {name: value for name, value, _ in container.entries if value is not None}
    # The start command or a volume puts the file there.
    place = environment.get("CONFIG_FILE_PATH")
    environment |= {name: secrets[name] for name, _, secret in container.entries if secret}
    component = containers.start(
        supervisor,
        python,
        container.image,
        container.command,
        environment,
        {place: config} if place else {},
        "gateway",
    )
    if not soon(lambda: fetched(component.port, _LIVE)[0] == 200, START_SECONDS):
        output = log_tail(component.log)
        raise LiteLLMError(f"LiteLLM is not live within {START_SECONDS} s:\n{output}")
    return component.port
