"""Start the local Google Cloud and end it with its owner."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.harness.local import owned
from tests.harness.local.google.data_plane import Options
from tests.harness.local.owned import Running


def serving(options: Options, log: Path) -> AbstractContextManager[Running]:
    """A local cloud with nothing in it, as :func:`owned.serving` has it."""
    return owned.serving("tests.harness.local.google", options, log)
