"""Which resources a run of the suite created, so that the suite may delete them."""

from __future__ import annotations

from tests.harness.accounts.identity import RUN_TAG, STACK_TAGS
from tests.harness.accounts.ledger import Record
from tests.harness.lifecycle.target import Belongs, ControlPlane, Existing


def owned(control: ControlPlane, record: Record) -> Belongs:
    """Whether a resource is one that a run of the suite created, and the suite may delete."""

    def belongs(existing: Existing) -> bool:
        if RUN_TAG in existing.tags:
            return existing.tags[RUN_TAG] == record.run
        foreign = any(existing.tags.get(tag, record.stack) != record.stack for tag in STACK_TAGS)
        return existing.late and not foreign and control.named(existing, record.stack)

    return belongs
