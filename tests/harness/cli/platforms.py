"""Find the platforms and Pythons on which each suite installs, from the wheels that exist.

``python -m tests.harness.cli platforms`` resolves each lock file for each platform and Python with
uv, prints a table, and compares it with ``tests/data/platforms.yaml``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import yaml

from tests.harness.paths import LOCKS, PLATFORMS

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# The names of uv. The wheels of Envoy and PostgreSQL for Linux need glibc 2.31 and newer.
NAMES: Mapping[str, str] = {
    "Linux x86-64": "x86_64-manylinux_2_39",
    "Linux ARM": "aarch64-manylinux_2_39",
    "macOS ARM": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
SUITES = ("unit", "policy", "integration")
# "Because NAME==VERSION has no ..." is the first sentence of uv's explanation.
_MISSING = re.compile(r"Because (\S+?)==\S+ has no")


def missing(uv: str, suite: str, platform: str, python: str) -> str:
    """The first package without a wheel; empty if the suite installs.

    Raises:
        RuntimeError: uv failed for another reason; the message has its output.
    """
    lock = LOCKS / f"{suite}.txt"
    command = [uv, "pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--python-platform", NAMES[platform], "--python-version", python]
    result = subprocess.run(
        [*command, str(lock), "--output-file", os.devnull],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        return ""
    found = _MISSING.search(" ".join(result.stderr.split()))
    if not found:
        raise RuntimeError(f"uv cannot resolve {lock} for {platform}:\n{result.stderr[-2000:]}")
    return found[1]


def observed() -> dict[str, dict[str, dict[str, str]]]:
    """The missing package by suite, platform and Python; empty where the suite installs."""
    from uv import find_uv_bin

    uv = find_uv_bin()
    keys = list(itertools.product(SUITES, NAMES, PYTHONS))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(keys, pool.map(lambda key: missing(uv, *key), keys), strict=True))
    return {s: {n: {p: found[s, n, p] for p in PYTHONS} for n in NAMES} for s in SUITES}


def main(arguments: list[str]) -> int:
    """Print the table; returns 1 if it differs from the stored one."""
    parser = argparse.ArgumentParser(prog="platforms", description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the table")
    options = parser.parse_args(arguments)
    table = observed()
    if options.write:
        PLATFORMS.write_text(yaml.safe_dump(table, sort_keys=False))
    for suite, platform in itertools.product(SUITES, NAMES):
        lacks = {python: name or "installs" for python, name in table[suite][platform].items()}
        print(f"{suite:12} {platform:15}", "  ".join(f"{p}: {n}" for p, n in lacks.items()))
    if table == yaml.safe_load(PLATFORMS.read_text()):
        return 0
    print(f"{PLATFORMS} differs: run `tox -e platforms -- --write` and correct the README")
    return 1
