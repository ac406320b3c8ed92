"""Start the local AWS and end it with its owner."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.process import daemon as owned
from tests.harness.process.daemon import Running


@dataclass(frozen=True, slots=True)
class Options:
    """How the local cloud behaves.

    ``python`` is the interpreter of LiteLLM's environment; without it a stand-in answers for every
    service's container. ``domain`` is what the certificate of every listener with TLS is for, for
    an ARN does not tell.
    """

    python: str = ""
    domain: str = "litellm.example.com"


def serving(options: Options, log: Path) -> AbstractContextManager[Running]:
    """A local cloud with nothing in it, as :func:`owned.serving` has it."""
    return owned.serving("tests.harness.emulators.aws", options, log)
