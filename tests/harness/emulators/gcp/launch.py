"""Start the local Google Cloud and end it with its owner."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.harness.emulators.gcp.data_plane import Options
from tests.harness.process import daemon as owned
from tests.harness.process.daemon import Running


def serving(options: Options, log: Path) -> AbstractContextManager[Running]:
    """A local cloud with nothing in it, as :func:`owned.serving` has it."""
    return owned.serving("tests.harness.emulators.gcp", options, log)
