"""The offline providers refuse and replace what the real plugins do, and the stored answers hold.

A probe is a recorded configuration with another value of one argument that the modules set.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.fidelity import CLOUDS, MIRROR, MIRRORED, none_of
from tests.harness.schemas import probes, rebuild, replay
from tests.harness.schemas.plugin import running

# At least this share of the probes is answered alike; the rest is listed with its reason.
AGREEMENT = 0.99


@pytest.mark.parametrize("provider", CLOUDS)
def test_real_plugin_answers_probes_alike(provider: str, tally: Counter[str]) -> None:
    recording = f"{provider}-{MIRRORED.get(provider, '')}"
    if recording not in replay.names():
        pytest.skip(none_of(provider))
    release = replay.provider(recording)
    with tempfile.TemporaryDirectory() as folder:
        _, binary = rebuild.dump(provider, MIRRORED[provider], MIRROR, Path(folder))
        with running(binary, release.schema, rebuild.SETTINGS[provider]) as plugin:
            _, answered, _ = probes.ask(plugin, release, recording)
    call = probes.offline(release)
    different = [p for p in answered if not probes.same(p, probes.seen(call, release, p))]
    tally[f"probes {provider}"] = len(answered)
    tally[f"probed otherwise {provider}"] = len(different)
    tally[f"crashes {provider}"] = sum(probe.seen == "crashed" for probe in answered)
    listed = replay.admitted().probes
    unlisted = [
        f"{p}: real {p.seen}"
        for p in different
        if replay.entry(listed, recording, p.base.type, p.dotted) is None
    ]
    assert unlisted == [], "\n".join(unlisted[:40])
    assert 1 - len(different) / len(answered) >= AGREEMENT
    if recording in probes.names():
        stored = [(str(p), p.seen) for p in probes.load(recording)]
        current = [(str(p), p.seen) for p in answered]
        assert current == stored, f"tox -e record -- {provider} {MIRRORED[provider]} --mirror DIR"
