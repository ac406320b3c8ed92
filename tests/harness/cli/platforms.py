"""Find the platforms and Pythons on which each suite installs, from the wheels that exist.

``python -m tests.harness.cli platforms`` resolves each lock file for each platform and Python with
uv, prints a table, and compares it with ``tests/data/platforms.yaml``. A lock file has the digests
of the wheels that may be installed, so the result changes with the file only. ``--check`` therefore
compares the digests of the lock files with those that were resolved last, and the README.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from tests.harness import documents
from tests.harness.cli.tables import Table
from tests.harness.paths import LOCKS, PLATFORMS, ROOT

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
_OFFLINE = "the network was disabled"

Missing = Mapping[str, Mapping[str, Mapping[str, str]]]
"""The missing package by suite, platform and Python; empty where the suite installs."""


def missing(uv: str, suite: str, platform: str, python: str, *, offline: bool) -> str:
    """The first package without a wheel; empty if the suite installs.

    Args:
        uv: the program.
        suite: the name of a lock file.
        platform: one of :data:`NAMES`.
        python: the version.
        offline: read the index from uv's cache, and ask the registry only for what the cache lacks.

    Raises:
        RuntimeError: uv failed for another reason; the message has its output.
    """
    lock = LOCKS / f"{suite}.txt"
    command = [uv, "pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--python-platform", NAMES[platform], "--python-version", python]
    result = subprocess.run(
        [*command, str(lock), "--output-file", os.devnull, *(["--offline"] if offline else [])],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        return ""
    said = " ".join(result.stderr.split())
    if offline and _OFFLINE in said:
        return missing(uv, suite, platform, python, offline=False)
    found = _MISSING.search(said)
    if not found:
        raise RuntimeError(f"uv cannot resolve {lock} for {platform}:\n{result.stderr[-2000:]}")
    return found[1]


def observed() -> Missing:
    """What uv resolves now."""
    from uv import find_uv_bin

    uv = find_uv_bin()
    keys = list(itertools.product(SUITES, NAMES, PYTHONS))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # The first of a suite asks the registry for every package, which takes most of the time.
        first = [(suite, next(iter(NAMES)), PYTHONS[0]) for suite in SUITES]
        list(pool.map(lambda key: missing(uv, *key, offline=False), first))
        results = pool.map(lambda key: missing(uv, *key, offline=True), keys)
        found = dict(zip(keys, results, strict=True))
    return {s: {n: {p: found[s, n, p] for p in PYTHONS} for n in NAMES} for s in SUITES}


def digests() -> dict[str, str]:
    """The digest of each lock file."""
    return {
        suite: hashlib.sha256((LOCKS / f"{suite}.txt").read_bytes()).hexdigest() for suite in SUITES
    }


def _stored() -> dict[str, Any]:
    document: dict[str, Any] = documents.read(PLATFORMS)
    return document


def rendered() -> str:
    """A table of the stored result: the Pythons on which a suite installs, by platform."""
    table: Missing = _stored()["missing"]
    lines = [f"| Suite | {' | '.join(NAMES)} |", f"|---|{'---|' * len(NAMES)}"]
    for suite, platforms in table.items():
        cells = [_cell(platforms[name]) for name in NAMES]
        lines.append(f"| `tox -e {suite}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(pythons: Mapping[str, str]) -> str:
    lacking = sorted({name for name in pythons.values() if name})
    works = [python for python, name in pythons.items() if not name]
    if works == list(PYTHONS):
        return f"{PYTHONS[0]} to {PYTHONS[-1]}"
    none = f"no wheel of {' and '.join(lacking)}"
    return f"{', '.join(works)}; else {none}" if works else none


TABLE = Table(ROOT / "README.md", "PLATFORMS", rendered)


def check() -> list[str]:
    """What is not current: the result of a lock file, or the table of the README."""
    stored = _stored()["locks"]
    lines = [
        f"{LOCKS / suite}.txt has changed since its platforms were found; "
        "run `tox -e platforms -- --write`"
        for suite, digest in digests().items()
        if stored[suite] != digest
    ]
    if TABLE.path.read_text() != TABLE.rendered():
        lines.append(f"the platforms in {TABLE.path} are not current; run `tox -e docs`")
    return lines


def main(arguments: list[str]) -> int:
    """Print the table; returns 1 if it differs from the stored one."""
    parser = argparse.ArgumentParser(prog="platforms", description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the table")
    parser.add_argument("--check", action="store_true", help="resolve nothing; compare digests")
    options = parser.parse_args(arguments)
    if options.check:
        lines = check()
        for line in lines:
            print(line, file=sys.stderr)
        return 1 if lines else 0
    table = observed()
    if options.write:
        document = {"locks": digests(), "missing": table}
        PLATFORMS.write_text(yaml.safe_dump(document, sort_keys=False))
        TABLE.path.write_text(TABLE.rendered())
    for suite, platform in itertools.product(SUITES, NAMES):
        lacks = {python: name or "installs" for python, name in table[suite][platform].items()}
        print(f"{suite:12} {platform:15}", "  ".join(f"{p}: {n}" for p, n in lacks.items()))
    if table == _stored()["missing"]:
        return 0
    print(f"{PLATFORMS} differs: run `tox -e platforms -- --write`")
    return 1
