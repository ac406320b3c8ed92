"""The ledger of runs: one document a run, written before the first call of an API.

A run holds a lease on its document while it lives, and renews it. The lease never outlasts the time
to live. Who wants to clean up after a run must take the lease first. Every write names the version
that it replaces, so of two writers one fails and reads again.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tests.harness.accounts.stores import Store
from tests.harness.stacks import CREDENTIALS

# A run that has not renewed its lease for this time is dead.
LEASE_SECONDS = 300
# Writers that meet: the janitors of an account, and the run itself.
_ATTEMPTS = 50
_SUFFIX = ".json"

RECORDED = "recorded"
"""The run may have created anything, or nothing."""
KEPT = "kept"
"""The run ended and left its stack on purpose, until it expires."""
DESTROYED = "destroyed"
"""Nothing of the run exists; this was verified."""


class LedgerError(RuntimeError):
    """A record is missing, exists already, or another process holds it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A run.

    Attributes:
        run: its id.
        cloud: ``aws`` or ``gcp``.
        place: the account or the project.
        region: where the stack is.
        owner: who runs it.
        created: seconds since 1970 UTC.
        expires: when everything must be gone, in seconds since 1970 UTC.
        stack: the name of the stack, which begins the names of its resources.
        folder: the folder that holds module, state and inputs.
        state: the URL prefix of a remote state; empty for a state in the folder.
        endpoint: the URL of a local cloud; empty for an account.
        zone: the DNS name of the hosted zone in which the run has a host; empty without one.
        inputs: of the stack, without credentials.
        phase: ``recorded``, ``kept`` or ``destroyed``.
        reserved: names that stay reserved after a destroy.
        holder: who holds the lease; empty if nobody does.
        held_until: when the lease ends, in seconds since 1970 UTC.
    """

    run: str
    cloud: str
    place: str
    region: str
    owner: str
    created: int
    expires: int
    stack: str
    folder: str = ""
    state: str = ""
    endpoint: str = ""
    zone: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    phase: str = RECORDED
    reserved: tuple[str, ...] = ()
    holder: str = ""
    held_until: int = 0

    def held(self, now: float) -> bool:
        """Whether a living process holds the lease."""
        return bool(self.holder) and now < self.held_until

    def outlived(self, now: float) -> bool:
        """Whether the stack has outlived its run, and nobody holds the lease."""
        if self.phase == DESTROYED or self.held(now):
            return False
        return self.phase == RECORDED or now >= self.expires


def without_credentials(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs without the values of credentials. ``provided_credentials`` still names them."""
    return {name: value for name, value in inputs.items() if name not in CREDENTIALS}


def new_holder() -> str:
    """The name of this process as a holder."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


class Ledger:
    """The records in a store."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock

    def open(self, record: Record) -> None:
        """Write the record of a new run. It is durable when this returns.

        Raises:
            LedgerError: the run has a record.
        """
        if not self.store.write(record.run + _SUFFIX, _document(record), None):
            raise LedgerError(f"the run {record.run} has a record already")

    def records(self) -> list[Record]:
        """Every record, oldest first."""
        names = [name for name in self.store.names() if name.endswith(_SUFFIX)]
        found = [self.store.read(name) for name in names]
        # A record can be removed between the two calls.
        return sorted((_record(item[0]) for item in found if item), key=lambda item: item.run)

    def record(self, run: str) -> Record:
        """The record of a run.

        Raises:
            LedgerError: there is none.
        """
        return self._read(run)[0]

    def _read(self, run: str) -> tuple[Record, str]:
        found = self.store.read(run + _SUFFIX)
        if found is None:
            raise LedgerError(f"the ledger has no run {run}")
        return _record(found[0]), found[1]

    def change(self, run: str, change: Callable[[Record], Record | None]) -> Record | None:
        """Replace a record; None if ``change`` returns None for the record as it is now.

        Raises:
            LedgerError: there is no record, or others write it all the time.
        """
        for attempt in range(_ATTEMPTS):
            record, version = self._read(run)
            wanted = change(record)
            if wanted is None or wanted == record:
                return wanted
            if self.store.write(run + _SUFFIX, _document(wanted), version):
                return wanted
            time.sleep(min(0.01 * 2**attempt, 0.5))
        raise LedgerError(f"the record of {run} changes all the time")

    def claim(self, run: str, holder: str, seconds: int = LEASE_SECONDS) -> Record | None:
        """Take or renew the lease; None if another living process holds it."""

        def taken(record: Record) -> Record | None:
            if record.held(self.clock()) and record.holder != holder:
                return None
            return replace(record, holder=holder, held_until=int(self.clock() + seconds))

        return self.change(run, taken)

    def renew(self, run: str, holder: str, seconds: int = LEASE_SECONDS) -> bool:
        """Renew the lease of a run until it expires; False if it is lost."""

        def renewed(record: Record) -> Record | None:
            if record.holder != holder or self.clock() >= record.expires:
                return None
            until = min(int(self.clock() + seconds), record.expires)
            return replace(record, held_until=until)

        return self.change(run, renewed) is not None

    def release(self, run: str, holder: str, **changes: Any) -> None:
        """Give the lease back, with changes of the record."""

        def released(record: Record) -> Record | None:
            if record.holder != holder:
                return None
            return replace(record, holder="", held_until=0, **changes)

        self.change(run, released)

    def prune(self, seconds: int) -> list[str]:
        """Remove the records of runs that expired before some time and are destroyed."""
        removed = []
        for record in self.records():
            if record.phase == DESTROYED and self.clock() > record.expires + seconds:
                found = self.store.read(record.run + _SUFFIX)
                if found and self.store.remove(record.run + _SUFFIX, found[1]):
                    removed.append(record.run)
        return removed


@contextlib.contextmanager
def renewing(
    renew: Callable[[], bool], seconds: float = LEASE_SECONDS / 3
) -> Iterator[threading.Event]:
    """Renew a lease until the block ends. The yielded event is set if the lease is lost.

    An error of the store is no loss: the next attempt may succeed before the lease ends.
    """
    ended, lost = threading.Event(), threading.Event()

    def work() -> None:
        while not ended.wait(seconds):
            with contextlib.suppress(OSError, LedgerError):
                if not renew():
                    lost.set()
                    return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        ended.set()
        thread.join(timeout=10)


def _document(record: Record) -> bytes:
    return json.dumps(asdict(record), indent=1, sort_keys=True).encode()


def _record(data: bytes) -> Record:
    document = json.loads(data)
    return Record(**{**document, "reserved": tuple(document["reserved"])})
