"""A run on a target: recorded before its first call, and restored by any later process."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.harness.accounts.identity import (
    EXPIRES_TAG,
    OWNER_TAG,
    RUN_TAG,
    STACK_TAG,
    Identity,
)
from tests.harness.accounts.ledger import (
    DESTROYED,
    KEPT,
    LEASE_SECONDS,
    RECORDED,
    Ledger,
    LedgerError,
    Record,
    new_holder,
    renewing,
    without_credentials,
)
from tests.harness.accounts.ownership import owned
from tests.harness.lifecycle import run
from tests.harness.lifecycle.backends import backend
from tests.harness.lifecycle.run import Lifecycle, Retry
from tests.harness.lifecycle.target import Domain, Target, ZoneError
from tests.harness.terraform import binary, providers

# A destroy sends no credential, but the module requires those that its inputs declare.
_PLACEHOLDER = "sk-removed-from-the-ledger-0123456789"
# The limit of the common name of a certificate. Source: RFC 5280, ub-common-name.
_MOST_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run creates its stack; see :class:`tests.harness.accounts.ledger.Record`."""

    cloud: str
    place: str
    region: str
    endpoint: str = ""
    state: str = ""
    zone: str = ""


@contextlib.contextmanager
def recorded(
    ledger: Ledger,
    place: Place,
    identity: Identity,
    folder: Path,
    inputs: Mapping[str, Any],
    lease_seconds: int = LEASE_SECONDS,
) -> Iterator[Record]:
    """Record a run, and hold its lease until the block ends.

    The record is durable before the block begins. After the block the run is to be cleaned up,
    unless :func:`close` or :func:`keep` was called.
    """
    holder = new_holder()
    now = int(ledger.clock())
    record = Record(
        run=identity.run,
        cloud=place.cloud,
        place=place.place,
        region=place.region,
        owner=identity.owner,
        created=now,
        expires=identity.expires,
        stack=identity.stack,
        folder=str(folder),
        state=f"{place.state}/{identity.run}" if place.state else "",
        endpoint=place.endpoint,
        zone=place.zone,
        inputs=without_credentials(inputs),
        holder=holder,
        held_until=now + lease_seconds,
    )
    try:
        ledger.open(record)
    except LedgerError:
        # A later process continues a run that was kept.
        if ledger.claim(record.run, holder, lease_seconds) is None:
            raise
        begin(ledger, record.run)
    try:
        with renewing(lambda: ledger.renew(record.run, holder, lease_seconds), lease_seconds / 3):
            yield record
    finally:
        ledger.release(record.run, holder)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a run is recorded and what it may cost.

    ``check`` raises an error for a plan that must not be applied. ``retry`` runs every apply and
    destroy. A ``kept`` run leaves its stack until it expires.
    """

    ledger: Ledger
    place: Place
    identity: Identity
    core: str = ""
    lease_seconds: int = LEASE_SECONDS
    kept: bool = False
    check: Callable[[Lifecycle], None] = lambda _: None
    retry: Retry | None = None


@contextlib.contextmanager
def begun(
    terms: Terms,
    target: Target,
    folder: Path,
    inputs: Mapping[str, Any],
    source: Path | None = None,
) -> Iterator[Lifecycle]:
    """The lifecycle of a recorded run. Its record is closed if nothing of it exists at the end.

    Args:
        terms: how it is recorded.
        target: where it is applied.
        folder: holds module, state and inputs until everything is destroyed.
        inputs: of the stack, with the identity of the run.
        source: a module to use instead of the checkout's.
    """
    merged = {**target.stack.smallest, **target.inputs, **inputs}
    ledger, run_id = terms.ledger, terms.identity.run
    with (
        tempfile.TemporaryDirectory() as temporary,
        recorded(
            ledger, terms.place, terms.identity, folder, merged, terms.lease_seconds
        ) as record,
        providers.environment(target.choice, Path(temporary)) as environment,
    ):
        domain = domain_of(record)
        lifecycle = run.prepare(
            target,
            folder,
            binary.find(Path(temporary), terms.core).binary,
            environment,
            merged,
            source,
            _backend(record),
        )
        if terms.retry:
            lifecycle = replace(lifecycle, retry=terms.retry)
        terms.check(lifecycle)
        if domain:
            # After the check, so that a refused run has created nothing.
            run.override(lifecycle, target.control.certify(domain))
            known = without_credentials(lifecycle.inputs())
            ledger.change(run_id, lambda record: replace(record, inputs=known))
            point = functools.partial(target.control.point, domain)
            lifecycle = replace(lifecycle, applied=point)
        yield lifecycle
        # Not after an error: the janitor verifies what is left then.
        if not run.leftovers(lifecycle):
            if domain:
                belongs = owned(target.control, record)
                target.control.remove(lambda item: item.outside and belongs(item))
            close(ledger, run_id)
            shutil.rmtree(folder, ignore_errors=True)
        elif terms.kept:
            keep(ledger, run_id)


def domain_of(record: Record) -> Domain | None:
    """The domain of a run in the zone of its record; None without a zone.

    Raises:
        ZoneError: no certificate can have such a long name.
    """
    if not record.zone:
        return None
    host = f"{record.stack}.{record.zone}"
    if len(host) > _MOST_CHARACTERS:
        raise ZoneError(
            f"the host {host} must have at most {_MOST_CHARACTERS} characters; got {len(host)}. "
            "Name a shorter zone."
        )
    tags = {
        RUN_TAG: record.run,
        OWNER_TAG: record.owner,
        EXPIRES_TAG: str(record.expires),
        STACK_TAG[record.cloud]: record.stack,
    }
    return Domain(record.zone, host, tags)


def keep(ledger: Ledger, run_id: str) -> None:
    """Leave the stack of a run until it expires."""
    ledger.change(run_id, lambda record: replace(record, phase=KEPT))


def begin(ledger: Ledger, run_id: str) -> None:
    """Mark that a run may have created anything again."""
    ledger.change(run_id, lambda record: replace(record, phase=RECORDED))


def close(ledger: Ledger, run_id: str) -> None:
    """Mark that nothing of a run exists, which the caller has verified."""
    ledger.change(run_id, lambda record: replace(record, phase=DESTROYED))


def _backend(record: Record) -> Mapping[str, Any] | None:
    """The backend of the state of a run. A bucket of S3 must be in the region of the run."""
    return backend(record.state, record.region, record.endpoint)


def state_resources(record: Record) -> int:
    """The number of resources in the state of a folder; 0 without a state that can be read."""
    state = Path(record.folder) / record.cloud / "terraform.tfstate"
    try:
        return len(json.loads(state.read_text())["resources"])
    except (OSError, ValueError, KeyError):
        return 0


def _inputs(record: Record) -> dict[str, Any]:
    """The inputs that the run applied last; those of the record if the folder is elsewhere."""
    try:
        kept: dict[str, Any] = json.loads((Path(record.folder) / "inputs.json").read_text())
    except (OSError, ValueError):
        given = record.inputs.get("provided_credentials", [])
        return {**record.inputs, **dict.fromkeys(given, _PLACEHOLDER)}
    return kept


def has_state(record: Record) -> bool:
    """Whether a state may exist for a run."""
    return bool(record.state) or (Path(record.folder) / record.cloud).is_dir()


@contextlib.contextmanager
def restored(record: Record, target: Target, core: str) -> Iterator[Lifecycle]:
    """The lifecycle of a run, with its state.

    Raises:
        LifecycleError: init failed, or another process uses the state.
    """
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        with providers.environment(target.choice, scratch) as environment:
            folder = Path(record.folder)
            if not folder.is_dir():
                folder = scratch / "run"
            yield run.prepare(
                target,
                folder,
                binary.find(scratch, core).binary,
                environment,
                _inputs(record),
                backend=_backend(record),
            )
