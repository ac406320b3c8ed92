"""Delete what has outlived its run: ``python -m tests.harness.cli janitor [--apply]``.

Without ``--apply`` it only says what it would delete.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from requests import RequestException

from tests.harness.accounts import runs
from tests.harness.accounts.janitor import KEPT_SECONDS, Done, Janitor, Work, outlived
from tests.harness.accounts.ledger import Record
from tests.harness.accounts.ownership import owned
from tests.harness.cli import cleanup
from tests.harness.lifecycle.target import Target

# Runs are independent, and most of the time of a destroy is waiting.
_AT_ONCE = 4


def _dry(work: Work, target: Target) -> Iterable[str]:
    record = work.record
    control = target.control
    found = list(map(str, filter(owned(control, record), control.existing())))
    state = runs.state_resources(record)
    yield (
        f"{record.run}: {record.stack} in {record.place} of {record.owner} {work.why}: "
        f"would destroy {state} resources of its state, and delete {len(found)} in all"
    )
    yield from (f"  {name}" for name in found)


def _done(done: Done) -> Iterable[str]:
    record = done.work.record
    if done.skipped:
        yield f"{record.run}: another process cleans it up, or it lives again"
        return
    counts = f"deleted {len(done.deleted)}, left {len(done.left)}"
    yield f"{record.run}: {counts} {done.problem}".rstrip()
    yield from (f"  left: {name}" for name in done.left)


def main(arguments: list[str]) -> int:
    """Clean up; returns 0, 1 if something is left, 2 if an account cannot be used."""
    parser = cleanup.parser("janitor", __doc__)
    parser.add_argument("--apply", action="store_true", help="delete")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return _run(options, cleanup.Targets(options.providers, Path(folder)))


def _run(options: argparse.Namespace, find: cleanup.Targets) -> int:
    status = 0
    try:
        ledger = cleanup.ledger(options)
        works = list(outlived(ledger, cleanup.controls(options), options.run))
    except cleanup.ERRORS as error:
        print(f"janitor: {error}", file=sys.stderr)
        return 2
    usable = []
    for work in works:
        target = _target(find, work.record)
        if target is None:
            status = 2
        elif options.apply:
            usable.append(work)
        else:
            print("\n".join(_dry(work, target)))
    janitor = Janitor(ledger, find, options.core)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in pool.map(janitor.clean, usable):
            print("\n".join(_done(done)), flush=True)
            status = status or int(bool(done.left or done.problem))
    if options.apply:
        ledger.prune(KEPT_SECONDS)
    what = "cleaned up" if options.apply else "to clean up; nothing was deleted without --apply"
    print(f"{len(works)} runs {what}")
    return status


def _target(find: cleanup.Targets, record: Record) -> Target | None:
    try:
        return find(record)
    except (*cleanup.ERRORS, RequestException) as error:
        print(f"{record.run}: {error}", file=sys.stderr)
        return None
