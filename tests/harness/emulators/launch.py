"""Start the emulator of a cloud in its own process, which ends with its owner."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.process import daemon
from tests.harness.process.daemon import Running


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """Options of the AWS emulator.

    ``python`` is the interpreter of LiteLLM's environment. Without it a stand-in runs in place of
    the container of every service. ``domain`` is the subject of every listener's certificate. ECS
    replaces a task that its target group finds unhealthy ``unhealthy_seconds`` after its start.
    """

    python: str = ""
    unhealthy_seconds: float = 600
    domain: str = "litellm.example.com"


@dataclass(frozen=True, slots=True)
class GcpOptions:
    """Options of the Google Cloud emulator.

    ``python`` is the interpreter of LiteLLM's environment. Without it a stand-in runs in place of
    every container. A revision fails if its startup probe does not succeed within
    ``startup_seconds``. A deleted database instance keeps the peering of its network in use for
    ``producer_seconds``.
    """

    python: str = ""
    startup_seconds: float = 240
    producer_seconds: float = 0


def serving(options: AwsOptions | GcpOptions, log: Path) -> AbstractContextManager[Running]:
    """An emulator without resources; see :func:`tests.harness.process.daemon.serving`."""
    cloud = "aws" if isinstance(options, AwsOptions) else "gcp"
    return daemon.serving(f"tests.harness.emulators.{cloud}", options, log)
