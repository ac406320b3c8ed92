"""Report what another release of LiteLLM changes: ``tox -e upstream -- RELEASE``."""

from __future__ import annotations

import argparse
import subprocess
import sys

from tests.harness.litellm import release, upstream
from tests.harness.process.venvs import InstallError


def main(arguments: list[str]) -> int:
    """Print the differences; returns 0 without a difference, 1 with one, 2 if it cannot run."""
    parser = argparse.ArgumentParser(prog="upstream", description=__doc__)
    parser.add_argument("release", help="a release of LiteLLM, such as 1.109.3")
    name = parser.parse_args(arguments).release
    try:
        lines = list(upstream.changes(upstream.installed(name), upstream.libpq_variables()))
    except InstallError as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"LiteLLM {name} does not start with the packages of {release.REQUIREMENTS}:")
        print(error.stderr[-2000:], file=sys.stderr)
        return 2
    for line in lines:
        print(line)
    print(f"LiteLLM {name} against {release.RELEASE}: {len(lines)} differences")
    return 1 if lines else 0
