"""Run pytest several times, each in a process of its own that need not import the packages again.

``python -m tests.integration.selections`` takes a JSON list of variables and arguments, and prints
a list of exit statuses and outputs.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence

import pytest

# The packages that take longest to import. Neither plugins of pytest nor modules of the suite:
# pytest rewrites those when it imports them.
_PACKAGES = ("boto3", "google.cloud.run_v2", "playwright.sync_api", "aiohttp")


def main(runs: Sequence[tuple[Mapping[str, str], Sequence[str]]]) -> list[tuple[int, str]]:
    """The exit status and output of each run."""
    for name in _PACKAGES:
        importlib.import_module(name)
    return [_forked(environment, arguments) for environment, arguments in runs]


def _forked(environment: Mapping[str, str], arguments: Sequence[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile() as output:
        process = os.fork()
        if process == 0:
            status = 70
            try:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                os.environ.update(environment)
                status = int(pytest.main(list(arguments)))
                sys.stdout.flush()
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                # Without the cleanup of the parent.
                os._exit(status)
        _, ended = os.waitpid(process, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(ended), output.read().decode()


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
