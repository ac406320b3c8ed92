"""The offline provider answers each recorded request as the real plugin did.

The recordings are in ``tests/data/recordings``; no plugin takes part.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence

import pytest

from tests.harness.schemas import replay
from tests.harness.schemas.replay import Difference, Exchange

ADMITTED = replay.admitted()
RECORDINGS = replay.names()


@functools.cache
def exchanges(recording: str) -> Sequence[Exchange]:
    return replay.load(recording)


@functools.cache
def by_type(recording: str) -> Mapping[str, Sequence[Exchange]]:
    grouped: dict[str, list[Exchange]] = {}
    for exchange in exchanges(recording):
        grouped.setdefault(exchange.type_name, []).append(exchange)
    return grouped


def found(recording: str, type_name: str) -> list[Difference]:
    release = replay.provider(recording)
    chosen = by_type(recording)[type_name]
    return list(replay.differences(recording, release, exchanges(recording), chosen))


def is_listed(difference: Difference) -> bool:
    listed = replay.entry(
        ADMITTED.differences, difference.recording, difference.type, difference.path
    )
    return listed is not None


@pytest.mark.parametrize(
    ("recording", "type_name"),
    [(r, t) for r in RECORDINGS for t in by_type(r) if t not in ADMITTED.not_replayed],
)
def test_offline_provider_answers_as_recorded(recording: str, type_name: str) -> None:
    unlisted = [str(d) for d in found(recording, type_name) if not is_listed(d)]
    assert unlisted == [], "\n".join(unlisted[:40])


@pytest.mark.parametrize("recording", RECORDINGS)
def test_types_without_a_schema_are_listed(recording: str) -> None:
    release = replay.provider(recording)
    without = {e.type_name for e in exchanges(recording) if not replay.is_served(release, e)}
    assert without == set(by_type(recording)) & set(ADMITTED.not_replayed)


def test_every_listed_difference_occurs() -> None:
    occurring = [
        d
        for r in RECORDINGS
        for t in by_type(r)
        if t not in ADMITTED.not_replayed
        for d in found(r, t)
    ]
    unused = [
        listed
        for listed in ADMITTED.differences
        if not any(replay.entry([listed], d.recording, d.type, d.path) for d in occurring)
    ]
    assert unused == []


def test_changed_default_is_a_difference() -> None:
    recording = next(r for r in RECORDINGS if r.startswith("google-"))
    kind = "google_compute_firewall"
    release = replay.provider(recording)
    rules = copy.deepcopy(dict(release.rules[kind]))
    rules["deletion_policy"] = {"default": "ABANDON"}
    release.rules = {**release.rules, kind: rules}
    chosen = by_type(recording)[kind]
    first, *_ = replay.differences(recording, release, exchanges(recording), chosen)
    assert (first.path, first.real, first.offline) == ("deletion_policy", "DELETE", "ABANDON")
    assert f"--call {first.exchange}" in str(first)
