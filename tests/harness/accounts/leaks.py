"""What is left of a run: the exact list, by the API of each service and by the tagging API."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from tests.harness.accounts.identity import RUN_TAG
from tests.harness.accounts.ledger import Record
from tests.harness.accounts.ownership import owned
from tests.harness.lifecycle.target import ControlPlane

# Source: Cloud SQL, delete instances: the name cannot be used again for a week.
RESERVED_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Report:
    """What is left of a run.

    Attributes:
        run: the id of the run.
        leaks: what exists and is the run's.
        foreign: what has a name of its stack and lacks the tag; nothing of the suite touches it.
        gone: what the tagging API still lists, and the API of its service does not.
        reserved: names that nobody can use until a time.
    """

    run: str
    leaks: tuple[str, ...]
    foreign: tuple[str, ...]
    gone: tuple[str, ...]
    reserved: tuple[str, ...]

    def lines(self) -> list[str]:
        """A line for each item, leaks first."""
        return [
            *(f"{self.run}: left: {item}" for item in self.leaks),
            *(f"{self.run}: not the suite's, not touched: {item}" for item in self.foreign),
            *(f"{self.run}: gone, but listed: {item}" for item in self.gone),
            *(f"{self.run}: reserved: {item}" for item in self.reserved),
            f"{self.run}: {len(self.leaks)} left, {len(self.foreign)} of others, "
            f"{len(self.gone)} listed after their end, {len(self.reserved)} names reserved",
        ]


def report(control: ControlPlane, record: Record) -> Report:
    """The report of a run, whether it is destroyed or not."""
    existing = control.existing()
    belongs = owned(control, record)
    own = [item for item in existing if belongs(item)]
    foreign = [item for item in existing if not belongs(item) and control.named(item, record.stack)]
    listed = list(control.listed(RUN_TAG, record.run, existing))
    names = {item.name for item in own}
    unknown = [
        f"{item.arn}: {item.reason}"
        for item in listed
        if item.exists and not any(name in item.arn for name in names)
    ]
    return Report(
        record.run,
        (*map(str, own), *unknown),
        tuple(map(str, foreign)),
        tuple(f"{item.arn}: {item.reason}" for item in listed if not item.exists),
        tuple(_reserved(record.reserved, record.expires)),
    )


def _reserved(names: Iterable[str], since: int) -> Iterable[str]:
    until = time.strftime("%Y-%m-%d", time.gmtime(since + RESERVED_SECONDS))
    for name in names:
        yield f"the Cloud SQL instance name {name}, at the latest until {until}"
