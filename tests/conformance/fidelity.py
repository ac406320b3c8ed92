"""What the conformance tests share: the mirror, and the comparison of two plans."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.offline import catalogue
from tests.harness.plan.diff import Difference, compare
from tests.harness.schemas import replay
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning, providers

MIRROR = os.environ.get("LITELLM_PROVIDER_MIRROR", "")
# The plugins of the mirror that have a stored release.
MIRRORED = {
    name: version
    for name, version in (providers.mirrored(Path(MIRROR)) if MIRROR else {}).items()
    if version in catalogue.releases(name)
}
CLOUDS = sorted({stack.provider for stack in STACKS.values()})
LISTED = replay.admitted().differences
TALLY: pytest.StashKey[Counter[str]] = pytest.StashKey()


def none_of(provider: str) -> str:
    """Why nothing runs with a provider."""
    known = ", ".join(catalogue.releases(provider))
    return f"not run: LITELLM_PROVIDER_MIRROR has none of {provider} {known}"


@dataclass(frozen=True, slots=True)
class Sessions:
    """A session with the real plugins, and one with the offline providers of the same releases."""

    real: planning.Session
    offline: planning.Session


def _is_listed(difference: Difference) -> bool:
    provider = difference.type.split("_")[0]
    release = f"{provider}-{MIRRORED[provider]}"
    return replay.entry(LISTED, release, difference.type, difference.path) is not None


def unlisted(sessions: Sessions, case: planning.Case, tally: Counter[str]) -> list[str]:
    """The differences between the two plans of a case that are not listed, diagnostics included."""
    offline, real = (planning.plan(s, case) for s in (sessions.offline, sessions.real))
    if offline.plan is None or real.plan is None or offline.diagnostics or real.diagnostics:
        # The texts of the two differ. Both must refuse the same resources.
        refused = [{d.address for d in result.errors} for result in (offline, real)]
        same = refused[0] == refused[1] != set() and not (offline.warnings or real.warnings)
        return [] if same else [f"the real provider: {real}", f"the offline provider: {offline}"]
    if offline.plan.resources.keys() != real.plan.resources.keys():
        return [f"resources: {sorted(offline.plan.resources.keys() ^ real.plan.resources.keys())}"]
    provider = STACKS[case.stack].provider
    compared, differences = compare(offline.plan, real.plan, f"{provider}_")
    tally[f"compared {provider}"] += compared
    tally[f"different {provider}"] += len(differences)
    return [str(difference) for difference in differences if not _is_listed(difference)]
