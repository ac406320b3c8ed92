"""The offline provider refuses and replaces what the real plugin does.

A probe is a recorded configuration with another value of one argument that the modules set. The
stored probes have the answers of a real plugin.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

import pytest

from tests.harness.offline.catalogue import releases
from tests.harness.offline.protocol import cty
from tests.harness.schemas import probes, replay
from tests.harness.schemas.probes import Probe
from tests.harness.unknown import UNKNOWN

LISTED = replay.admitted().probes
RECORDINGS = probes.names()
# At least this share of the probes is answered alike; the rest is listed with its reason.
AGREEMENT = 0.99


@functools.cache
def by_type(recording: str) -> Mapping[str, Sequence[Probe]]:
    grouped: dict[str, list[Probe]] = {}
    for probe in probes.load(recording):
        grouped.setdefault(probe.base.type, []).append(probe)
    return grouped


@functools.cache
def different(recording: str, type_name: str) -> Sequence[tuple[Probe, object]]:
    release = replay.provider(recording)
    call = probes.offline(release)
    answers = [(p, probes.seen(call, release, p)) for p in by_type(recording)[type_name]]
    return [(probe, ours) for probe, ours in answers if not probes.same(probe, ours)]


def is_listed(recording: str, probe: Probe) -> bool:
    return replay.entry(LISTED, recording, probe.base.type, probe.dotted) is not None


@pytest.mark.parametrize(
    ("recording", "type_name"), [(r, t) for r in RECORDINGS for t in by_type(r)]
)
def test_probe_is_answered_as_by_the_plugin(recording: str, type_name: str) -> None:
    unlisted = [
        f"{probe}: real {probe.seen}, offline {ours}; "
        f"python -m {probes.__name__} {recording.replace('-', ' ', 1)}"
        for probe, ours in different(recording, type_name)
        if not is_listed(recording, probe)
    ]
    assert unlisted == [], "\n".join(unlisted[:40])


@pytest.mark.parametrize("recording", RECORDINGS)
def test_nearly_all_probes_are_answered_alike(recording: str) -> None:
    grouped = by_type(recording)
    differences = sum(len(different(recording, name)) for name in grouped)
    assert 1 - differences / sum(map(len, grouped.values())) >= AGREEMENT


def test_every_listed_probe_differs() -> None:
    found = [(r, p) for r in RECORDINGS for t in by_type(r) for p, _ in different(r, t)]
    unused = [
        listed
        for listed in LISTED
        if not any(replay.entry([listed], r, p.base.type, p.dotted) for r, p in found)
    ]
    assert unused == []


def proposals(recording: str) -> Iterator[tuple[str, object, object]]:
    """The type, the new state that Terraform proposed, and the one that a probe proposes."""
    release = replay.provider(recording)
    for exchange in replay.load(recording):
        if exchange.method == "PlanResourceChange" and replay.is_served(release, exchange):
            config, prior, theirs = (
                cty.decode(getattr(exchange.request, field).msgpack)
                for field in ("config", "prior_state", "proposed_new_state")
            )
            block = release.schema.resources[exchange.type_name].block
            yield exchange.type_name, theirs, probes.proposed(block, config, prior)


@pytest.mark.parametrize("recording", RECORDINGS)
def test_probe_proposes_the_state_that_terraform_proposes(recording: str) -> None:
    compared = list(proposals(recording))
    assert compared
    assert [(name, theirs) for name, theirs, ours in compared if ours != theirs] == []


def changes(recording: str) -> Iterator[Probe]:
    """A change of each argument that the modules set, without an answer of a plugin."""
    release = replay.provider(recording)
    configs = probes.configurations(recording, release.schema)
    recorded = probes.recorded_values(configs, release.schema)
    chosen = probes.bases(configs, release.schema)
    for probe in probes.probes_of(release.schema, chosen, {}, recorded):
        if probe.kind == "replaces" and probe.value is not UNKNOWN:
            yield probe


@pytest.mark.parametrize("recording", [f"google-{version}" for version in releases("google")])
def test_change_replaces_as_the_behaviour_says(recording: str) -> None:
    release = replay.provider(recording)
    call = probes.offline(release)
    wrong = []
    for probe in changes(recording):
        rules = release.rules.get(probe.base.type, {})
        forces = bool(rules.get(probe.dotted, {}).get("force_new"))
        answer = probes.seen(call, release, probe)
        if answer != "refused" and (str(probe.path[0]) in answer) is not forces:
            wrong.append(f"{probe}: {answer}")
    assert wrong == []


@pytest.mark.parametrize(
    ("recording", "type_name", "path", "replaces"),
    [
        ("aws-5.100.0", "aws_ecs_task_definition", "tags", False),
        ("aws-5.100.0", "aws_ecs_task_definition", "cpu", True),
        ("google-8.0.0", "google_storage_bucket", "labels", False),
        ("google-8.0.0", "google_storage_bucket", "location", True),
    ],
)
def test_only_what_replaces_has_the_mark(
    recording: str, type_name: str, path: str, replaces: bool
) -> None:
    rules = replay.provider(recording).rules[type_name]
    assert bool(rules.get(path, {}).get("force_new")) is replaces
