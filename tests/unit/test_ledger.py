"""The ledger of runs: atomic, safe for many writers, and without credentials."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.accounts import identity
from tests.harness.accounts.ledger import (
    DESTROYED,
    KEPT,
    Ledger,
    LedgerError,
    Record,
    renewing,
    without_credentials,
)
from tests.harness.accounts.stores import Folder
from tests.harness.process.child import soon
from tests.harness.stacks import CREDENTIALS, STACKS, Stack
from tests.harness.terraform import planning
from tests.harness.terraform.planning import Session

RECORD = Record("20261127000000-0123456", "aws", "123456789012", "eu-west-1", "me", 0, 100, "t-x")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Folder(tmp_path), clock=lambda: 10)


def at_once(work: Callable[[int], object], count: int) -> None:
    """Run a function in threads that begin together."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> None:
        barrier.wait()
        work(number)

    threads = [threading.Thread(target=begin, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_record_is_read_as_it_was_written(ledger: Ledger) -> None:
    record = replace(RECORD, inputs={"tenant": "t", "azs": ["a"]}, reserved=("a", "b"))
    ledger.open(record)
    assert ledger.records() == [record]


def test_second_record_of_a_run_is_refused(ledger: Ledger) -> None:
    ledger.open(RECORD)
    with pytest.raises(LedgerError, match="has a record already"):
        ledger.open(RECORD)


def test_many_runs_at_once_lose_no_record(ledger: Ledger) -> None:
    at_once(lambda number: ledger.open(replace(RECORD, run=f"run-{number}")), 16)
    assert len(ledger.records()) == 16


def test_many_writers_of_a_record_lose_no_change(ledger: Ledger) -> None:
    ledger.open(RECORD)
    at_once(
        lambda number: ledger.change(
            RECORD.run, lambda record: replace(record, reserved=(*record.reserved, str(number)))
        ),
        8,
    )
    assert sorted(ledger.record(RECORD.run).reserved) == [str(number) for number in range(8)]


def test_one_of_many_janitors_takes_the_lease(ledger: Ledger) -> None:
    ledger.open(RECORD)
    taken: list[str] = []
    at_once(
        lambda number: taken.extend([str(number)] if ledger.claim(RECORD.run, str(number)) else []),
        8,
    )
    assert len(taken) == 1


def test_torn_write_leaves_the_old_record(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.open(RECORD)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        ledger.claim(RECORD.run, "me")
    assert ledger.records() == [RECORD]


@pytest.mark.parametrize(
    ("changes", "now", "outlived"),
    [
        ({"holder": "a", "held_until": 20}, 10, False),
        ({"holder": "a", "held_until": 20}, 21, True),
        ({}, 10, True),
        ({"phase": KEPT}, 10, False),
        ({"phase": KEPT}, 101, True),
        ({"phase": KEPT, "holder": "a", "held_until": 200}, 101, False),
        ({"phase": DESTROYED}, 1000, False),
    ],
)
def test_run_is_outlived_without_a_living_holder(
    changes: dict[str, object], now: int, outlived: bool
) -> None:
    assert replace(RECORD, **changes).outlived(now) is outlived  # type: ignore[arg-type]


def test_lease_never_outlasts_the_time_to_live(ledger: Ledger) -> None:
    ledger.open(replace(RECORD, holder="me", expires=12))
    assert ledger.renew(RECORD.run, "me", 300)
    assert ledger.record(RECORD.run).held_until == 12
    ledger.clock = lambda: 12
    assert not ledger.renew(RECORD.run, "me", 300)


def test_lost_lease_is_noticed(ledger: Ledger) -> None:
    ledger.open(replace(RECORD, holder="me"))
    with renewing(lambda: ledger.renew(RECORD.run, "me", 5), 0.01) as lost:
        assert soon(lambda: ledger.record(RECORD.run).held_until == 15)
        ledger.change(RECORD.run, lambda record: replace(record, holder="another"))
        assert lost.wait(5)


def test_closed_records_are_pruned_later(ledger: Ledger) -> None:
    ledger.open(replace(RECORD, phase=DESTROYED))
    ledger.open(replace(RECORD, run="open"))
    ledger.clock = lambda: 111
    assert ledger.prune(20) == []
    assert ledger.prune(10) == [RECORD.run]
    assert [record.run for record in ledger.records()] == ["open"]


def test_record_holds_no_credential() -> None:
    inputs = {**dict.fromkeys(CREDENTIALS, "sk-a"), "provided_credentials": list(CREDENTIALS)}
    assert "sk-a" not in str(without_credentials(inputs))


@pytest.mark.parametrize("stack", STACKS.values(), ids=list(STACKS))
def test_identity_tags_everything_and_keeps_names(session: Session, stack: Stack) -> None:
    new = identity.identity("Jane Doe <jane@example.com>", 3600)
    inputs = new.inputs(stack, stack.smallest)
    result = planning.plan(session, planning.Case("identity", stack.name, inputs))
    assert result.plan is not None, str(result)
    assert not result.errors, str(result)
    tagged = set()
    for address, resource in result.plan.resources.items():
        for name in ("tags_all", "effective_labels", "user_labels"):
            tags = resource.values.get(name)
            if tags:
                tagged.add(address)
                assert {key: tags.get(key) for key in new.tags} == dict(new.tags), address
    assert len(tagged) > 10
    # A shortened name has a digest after "-0".
    stack_name = f"{new.tenant}-litellm-{identity.ENV}"
    named = {a: str(r.values.get("name")) for a, r in result.plan.resources.items()}
    short = {a for a, name in named.items() if "-0" in name.replace(stack_name, "")}
    assert short <= {"google_vpc_access_connector.this[0]"}
    assert identity.generated(stack_name, new.run)


def test_foreign_names_are_not_generated() -> None:
    new = identity.identity("me", 60)
    assert not identity.generated("acme-litellm-dev", new.run)
    assert not identity.generated("t1234567-litellm-ci", "20261127000000-7654321")
