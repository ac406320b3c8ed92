"""Delete what has outlived its run: by its state first, by its tags second.

The janitor touches only what carries the tag of a run of the suite. A resource that can exist
without its tags must have a name of a stack that the suite generates, and no other stack's tag. Of
two janitors one takes the lease of a run; a living run holds its own.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.accounts import identity, runs
from tests.harness.accounts.identity import EXPIRES_TAG, OWNER_TAG, RUN_TAG, STACK_TAGS
from tests.harness.accounts.ledger import (
    DESTROYED,
    LEASE_SECONDS,
    Ledger,
    LedgerError,
    Record,
    new_holder,
    renewing,
)
from tests.harness.accounts.ownership import owned
from tests.harness.accounts.retries import Retries
from tests.harness.accounts.runs import Place
from tests.harness.lifecycle.run import LifecycleError, addresses, destroy
from tests.harness.lifecycle.sweep import SweepError
from tests.harness.lifecycle.target import Belongs, ControlPlane, Existing, Target

# A killed call can still create something after its process ended, and lists are eventually
# consistent. Two lists in a row must be empty.
SETTLE_SECONDS = 2.0
# Closed records are kept as long as Cloud SQL reserves the name of a deleted instance.
KEPT_SECONDS = 7 * 24 * 3600

Targets = Callable[[Record], Target]
"""Returns the target of a record.

Raises :class:`tests.harness.accounts.allowed.NotAllowedError` for an account that is not allowed.
"""


@dataclass(frozen=True, slots=True)
class Work:
    """A run to clean up, and why. ``found`` are its resources, from the APIs."""

    record: Record
    why: str
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a run: what was deleted, what is left, and what went wrong.

    ``skipped`` tells that another process holds the lease.
    """

    work: Work
    deleted: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    problem: str = ""
    skipped: bool = False


def reserved(control: ControlPlane, record: Record) -> tuple[str, ...]:
    """The names of a run that stay reserved after a destroy, of instances that exist or existed.

    Only Cloud SQL reserves names.
    """
    if record.cloud != "gcp":
        return record.reserved
    belongs = owned(control, record)
    names = [
        item.names[0]
        for item in control.existing()
        if item.kind == "sql instances" and belongs(item)
    ]
    return tuple(sorted({*record.reserved, *names}))


def outlived(
    ledger: Ledger, controls: Mapping[Place, ControlPlane], only: str = ""
) -> Iterator[Work]:
    """The runs that have outlived: by the ledger, and by the tags in some accounts.

    Args:
        ledger: the ledger.
        controls: the accounts to search for tags.
        only: the id of a run that is cleaned up whatever its time to live, unless it lives.
    """
    now = ledger.clock()
    records = {record.run: record for record in ledger.records()}
    for record in records.values():
        if only and record.run != only:
            continue
        if record.outlived(now) or (only and record.phase != DESTROYED and not record.held(now)):
            why = "expired" if now >= record.expires else "its process ended"
            yield Work(record, why)
    for place, control in controls.items():
        by_run: dict[str, list[Existing]] = {}
        for existing in control.existing():
            if RUN_TAG in existing.tags:
                by_run.setdefault(existing.tags[RUN_TAG], []).append(existing)
        for run, found in by_run.items():
            known = records.get(run)
            if (only and run != only) or (known and known.phase != DESTROYED):
                continue
            yield from _orphan(place, run, found, now, known)


def _orphan(
    place: Place, run: str, found: Sequence[Existing], now: float, known: Record | None
) -> Iterator[Work]:
    """The work for resources that only their tags tell of."""
    tags: dict[str, str] = {}
    for existing in found:
        tags = {**existing.tags, **tags}
    stack = next((tags[tag] for tag in STACK_TAGS if tag in tags), "")
    expires = tags.get(EXPIRES_TAG, "")
    # Such tags are not the suite's, or not all of them; nobody knows when they expire.
    if not identity.generated(stack, run) or not expires.isdecimal() or int(expires) > now:
        return
    record = known or Record(
        run,
        place.cloud,
        place.place,
        place.region,
        tags.get(OWNER_TAG, "unknown"),
        int(now),
        int(expires),
        stack,
        endpoint=place.endpoint,
    )
    why = "exists after its destroy" if known else "has no record"
    yield Work(record, why, tuple(map(str, found)))


@dataclass(frozen=True, slots=True)
class Janitor:
    """Cleans up runs. ``core`` is Terraform's core, as ``--core`` names it."""

    ledger: Ledger
    targets: Targets
    core: str = ""
    lease_seconds: int = LEASE_SECONDS
    settle_seconds: float = SETTLE_SECONDS
    pause_seconds: float = 5.0

    def clean(self, work: Work) -> Done:
        """Delete everything of a run. A second call finds nothing and does nothing."""
        target = self.targets(work.record)
        record, holder = work.record, new_holder()
        # A run that only its tags tell of gets a record, so that one janitor takes its lease.
        with contextlib.suppress(LedgerError):
            self.ledger.open(record)
        record = self.ledger.claim(record.run, holder, self.lease_seconds) or record
        if record.holder != holder:
            return Done(work, skipped=True)
        changes: dict[str, object] = {}
        try:
            with renewing(
                lambda: bool(self.ledger.claim(record.run, holder, self.lease_seconds)),
                self.lease_seconds / 3,
            ):
                changes["reserved"] = reserved(target.control, record)
                done = self._cleaned(work, record, target)
            if not done.left and not done.problem:
                changes["phase"] = DESTROYED
                self._forget(record)
        finally:
            self.ledger.release(record.run, holder, **changes)
        return done

    def _cleaned(self, work: Work, record: Record, target: Target) -> Done:
        control = target.control
        belongs = owned(control, record)
        retries = Retries(record.cloud, self.pause_seconds)
        known = self._by_state(record, target, retries)
        deleted = [] if isinstance(known, LifecycleError) else [*known]
        try:
            deleted += control.remove(belongs)
            if isinstance(known, LifecycleError):
                # A resource in no state used one in the state.
                self._by_state(record, target, retries)
            deleted += self._settled(control, belongs)
        except SweepError as error:
            left = tuple(str(existing) for existing in control.existing() if belongs(existing))
            return Done(work, tuple(deleted), left, str(error) if left else "")
        # The state can name resources that are gone, or the module cannot be planned any more. The
        # APIs decide whether anything exists.
        return Done(work, tuple(deleted))

    def _settled(self, control: ControlPlane, belongs: Belongs) -> list[str]:
        time.sleep(self.settle_seconds)
        return control.remove(belongs)

    def _by_state(
        self, record: Record, target: Target, retries: Retries
    ) -> list[str] | LifecycleError:
        """Destroy what the state holds; returns the addresses, or the error."""
        if not runs.has_state(record):
            return []
        try:
            with runs.restored(record, target, self.core) as lifecycle:
                known = addresses(lifecycle)
                if known:
                    retries.run("destroy", lambda: destroy(lifecycle))
                return known
        except LifecycleError as error:
            return error
        except OSError as error:
            # The disk is full, or the folder is another user's.
            return LifecycleError("state", f"{record.folder}: {error}")

    def _forget(self, record: Record) -> None:
        """Delete the folder of a run, of which nothing exists."""
        folder = Path(record.folder)
        # Only a folder that holds a run: its name is that of the run.
        if record.folder and folder.name == record.run:
            shutil.rmtree(folder, ignore_errors=True)
