"""List what is left of runs: ``python -m tests.harness.cli leaks [--run RUN]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from requests import RequestException

from tests.harness.accounts import leaks
from tests.harness.accounts.janitor import outlived
from tests.harness.accounts.ledger import DESTROYED
from tests.harness.cli import cleanup


def main(arguments: list[str]) -> int:
    """Report; returns 0, 1 if something is left, 2 if an account cannot be used."""
    options = cleanup.parser("leaks", __doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return _run(options, cleanup.Targets(options.providers, Path(folder)))


def _run(options: argparse.Namespace, find: cleanup.Targets) -> int:
    status = 0
    try:
        ledger = cleanup.ledger(options)
        orphans = [work.record for work in outlived(ledger, cleanup.controls(options), options.run)]
        records = {record.run: record for record in [*ledger.records(), *orphans]}
    except cleanup.ERRORS as error:
        print(f"leaks: {error}", file=sys.stderr)
        return 2
    for record in records.values():
        ended = record.phase == DESTROYED or record.outlived(ledger.clock())
        if (options.run and record.run != options.run) or not (ended or options.run):
            continue
        try:
            report = leaks.report(find(record).control, record)
        except (*cleanup.ERRORS, RequestException) as error:
            print(f"{record.run}: {error}", file=sys.stderr)
            status = 2
            continue
        print("\n".join(report.lines()))
        status = status or int(bool(report.leaks))
    return status
