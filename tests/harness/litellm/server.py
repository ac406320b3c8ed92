"""LiteLLM itself, from its package, started as a planned container is.

It has an environment of its own (:mod:`tests.harness.litellm.release`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.harness.litellm import containers as components
from tests.harness.plan.containers import Container
from tests.harness.plan.view import Plan
from tests.harness.process.child import soon
from tests.harness.process.ports import fetched
from tests.harness.process.supervisor import Supervisor

START_SECONDS = 60
_LIVE = "/health/liveliness"
_CONFIGURATIONS = ("aws_s3_object", "google_storage_bucket_object")


class LiteLLMError(RuntimeError):
    """LiteLLM does not start as a container would have it start."""


def configuration(plan: Plan) -> str:
    """The text of the configuration file that the stack uploads; an empty one's without it."""
    held = [r for kind in _CONFIGURATIONS for r in plan.of_type(kind).values()]
    return str(held[0].values["content"]) if held else "{}"


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
        python: what :func:`tests.harness.litellm.release.installed` gave.
        container: whose command and environment it gets.
        secrets: the values of its secret variables by name.
        config: the text of its configuration file.

    Raises:
        LiteLLMError: it is not live within 60 s, or a secret has no value; the message has the end
            of its log.
    """
    missing = [name for name, _, secret in container.entries if secret and name not in secrets]
    if missing:
        raise LiteLLMError(f"{container.address}: no value is given for {', '.join(missing)}")
    environment = {name: value for name, value, _ in container.entries if value is not None}
    # Where the container's start command puts it, or its volume has it.
    place = environment.get("CONFIG_FILE_PATH")
    environment |= {name: secrets[name] for name, _, secret in container.entries if secret}
    held = components.start(
        supervisor,
        python,
        container.image,
        container.command,
        environment,
        {place: config} if place else {},
        "gateway",
    )
    if not soon(lambda: fetched(held.port, _LIVE)[0] == 200, START_SECONDS):
        said = held.log.read_text(errors="replace")[-2000:]
        raise LiteLLMError(f"LiteLLM is not live within {START_SECONDS} s:\n{said}")
    return held.port
