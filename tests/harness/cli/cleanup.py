"""What the commands ``janitor`` and ``leaks`` share: where to look, and the targets of records."""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.harness.accounts import allowed, buckets, targets
from tests.harness.accounts.ledger import Ledger, Record
from tests.harness.accounts.runs import Place
from tests.harness.emulators.aws import target as local_aws
from tests.harness.emulators.gcp import target as local_google
from tests.harness.lifecycle.target import ControlPlane, Target

ERRORS = (targets.NotRunError, allowed.NotAllowedError, buckets.StoreError)
"""Errors after which a command cannot do its work: it prints them and returns 2."""

# The target at the endpoint of a local cloud, from (endpoint, folder).
_LOCAL: Mapping[str, Callable[[str, Path], Target]] = {
    "aws": local_aws.target,
    "gcp": local_google.target,
}


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with the options of both commands."""
    made = argparse.ArgumentParser(prog=name, description=description)
    made.add_argument(
        "--ledger",
        default=os.environ.get(buckets.LEDGER_VARIABLE, ""),
        help=f"s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or a folder; default: "
        f"${buckets.LEDGER_VARIABLE}, or a folder of the user",
    )
    made.add_argument(
        "--target",
        action="append",
        default=[],
        choices=targets.CLOUDS,
        help="also search this cloud for the tags of the suite, with its credentials",
    )
    made.add_argument("--run", default="", help="only this run, also before it expires")
    made.add_argument("--providers", default="registry", help="registry or mirror:DIR")
    made.add_argument("--core", default="", help="terraform, tofu or a path")
    return made


def ledger(options: argparse.Namespace) -> Ledger:
    """The ledger of ``--ledger``."""
    return Ledger(buckets.opened(options.ledger))


class Targets:
    """The targets of records: an account, or the local cloud that a record names."""

    def __init__(self, providers: str, folder: Path) -> None:
        self.providers = providers
        self.folder = folder
        self._account = functools.cache(lambda cloud: targets.target(cloud, self.providers))

    def __call__(self, record: Record) -> Target:
        """The target of a record.

        Raises:
            NotAllowedError: the record is of another account than the credentials.
        """
        if record.endpoint:
            return _LOCAL[record.cloud](record.endpoint, self.folder)
        found = self._account(record.cloud)
        place = found.control.place()
        if place != record.place:
            raise allowed.NotAllowedError(
                f"{record.run} is a run in {record.place}, and the credentials are those of {place}"
            )
        return found


def controls(options: argparse.Namespace) -> dict[Place, ControlPlane]:
    """The accounts of ``--target``."""
    found = {}
    for cloud in options.target:
        control = targets.control_plane(cloud)
        found[Place(cloud, control.place(), targets.region(cloud))] = control
    return found
