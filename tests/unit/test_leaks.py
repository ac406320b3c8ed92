"""The report of what is left of a run, from what a control plane lists."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from tests.harness.accounts import janitor, leaks
from tests.harness.accounts.identity import RUN_TAG
from tests.harness.accounts.ledger import Record
from tests.harness.lifecycle import naming
from tests.harness.lifecycle.target import ControlPlane, Existing, Listed

STACK = "t0123456-litellm-ci"
RUN = "20261127000000-0123456"
RECORD = Record(RUN, "gcp", "acme-prod-1", "us-central1", "me", 0, 1_800_000_000, STACK)
OWN = {RUN_TAG: RUN, "litellm-stack": STACK}


def item(kind: str, name: str, tags: dict[str, str], *, late: bool = False) -> Existing:
    return Existing(kind, name, (name,), tags, late)


def control(existing: list[Existing], listed: list[Listed] | None = None) -> ControlPlane:
    """A control plane that only lists."""
    functions: dict[str, Any] = dict.fromkeys(field.name for field in fields(ControlPlane))
    functions |= {
        "existing": lambda: existing,
        "named": lambda resource, stack: naming.named(resource.names, stack),
        "listed": lambda *_: listed or [],
    }
    return ControlPlane(**functions)


def test_leaks_are_what_has_the_tag_or_takes_none() -> None:
    report = leaks.report(
        control(
            [
                item("secret_manager secrets", "any", OWN),
                item("compute networks", STACK, {}, late=True),
                item("compute networks", f"{STACK}2", {}, late=True),
                item("secret_manager secrets", f"{STACK}-of-a-user", {}),
                item("logs LogGroups", f"{STACK}-x", {"litellm-stack": "another"}, late=True),
                item("s3 Buckets", f"{STACK}-y", {RUN_TAG: "another"}, late=True),
            ]
        ),
        RECORD,
    )
    assert report.leaks == ("secret_manager secrets: any", f"compute networks: {STACK}")
    assert [line.rpartition(": ")[2] for line in report.foreign] == [
        f"{STACK}-of-a-user",
        f"{STACK}-x",
        f"{STACK}-y",
    ]
    assert (
        report.lines()[-1]
        == f"{RUN}: 2 left, 3 of others, 0 listed after their end, 0 names reserved"
    )


def test_unknown_type_of_the_tagging_api_is_a_leak() -> None:
    listed = [
        Listed("arn:aws:new:eu-west-1:1:thing/a", True, "the suite does not know new thing"),
        Listed("arn:aws:ecs:eu-west-1:1:cluster/a", False, "ecs Clusters does not list it"),
    ]
    report = leaks.report(control([], listed), RECORD)
    assert report.leaks == ("arn:aws:new:eu-west-1:1:thing/a: the suite does not know new thing",)
    assert report.gone == ("arn:aws:ecs:eu-west-1:1:cluster/a: ecs Clusters does not list it",)


def test_names_of_databases_stay_reserved() -> None:
    plane = control([item("sql instances", f"{STACK}-db-1", OWN), item("sql instances", "b", {})])
    names = janitor.reserved(plane, replace(RECORD, reserved=(f"{STACK}-db-0",)))
    assert names == (f"{STACK}-db-0", f"{STACK}-db-1")
    report = leaks.report(control([]), replace(RECORD, reserved=names))
    assert report.leaks == ()
    assert [line for line in report.reserved if "until 2027-01-22" in line] == list(report.reserved)
    assert len(report.reserved) == 2
