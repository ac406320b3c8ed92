"""The offline providers plan as the real plugins do, apart from listed differences.

The plugins come from the filesystem mirror in LITELLM_PROVIDER_MIRROR. They need no account and no
network.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.offline import catalogue
from tests.harness.plan.diff import Difference, compare
from tests.harness.schemas import replay
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning, providers
from tests.harness.terraform.cases import Expected

MIRROR = os.environ.get("LITELLM_PROVIDER_MIRROR", "")
MIRRORED = {
    name: version
    for name, version in (providers.mirrored(Path(MIRROR)) if MIRROR else {}).items()
    if version in catalogue.releases(name)
}
DIFFERENCES = replay.admitted().differences
CLOUDS = sorted({stack.provider for stack in STACKS.values()})
CASES = [e for e in cases.load() if STACKS[e.case.stack].provider in MIRRORED]
PLANNED = [e for e in CASES if not e.refused]
REFUSED = [e for e in CASES if e.refused]


@pytest.mark.parametrize("provider", CLOUDS)
def test_mirror_has_a_stored_release(provider: str) -> None:
    if provider not in MIRRORED:
        known = ", ".join(catalogue.releases(provider))
        pytest.skip(f"not run: LITELLM_PROVIDER_MIRROR has none of {provider} {known}")
    assert MIRRORED[provider] in catalogue.releases(provider)


def by_id(expected: Expected) -> str:
    return expected.case.id


@pytest.fixture(scope="session")
def offline_provider() -> Iterator[planning.Session]:
    with planning.session(providers.choose("offline", MIRRORED)) as session:
        yield session


@pytest.fixture(scope="session")
def real_provider() -> Iterator[planning.Session]:
    with planning.session(providers.choose(f"mirror:{MIRROR}")) as session:
        yield session


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Counter[str]:
    counter: Counter[str] = Counter()
    request.config.stash[TALLY] = counter
    return counter


TALLY: pytest.StashKey[Counter[str]] = pytest.StashKey()


def entry(difference: Difference) -> Mapping[str, str] | None:
    provider = difference.type.split("_")[0]
    release = f"{provider}-{MIRRORED[provider]}"
    return replay.entry(DIFFERENCES, release, difference.type, difference.path)


@pytest.mark.parametrize("expected", PLANNED, ids=by_id)
def test_both_providers_plan_the_same(
    offline_provider: planning.Session,
    real_provider: planning.Session,
    tally: Counter[str],
    expected: Expected,
) -> None:
    offline, real = (
        planning.plan(offline_provider, expected.case),
        planning.plan(real_provider, expected.case),
    )
    assert real.diagnostics == (), f"the real provider: {real}"
    assert offline.diagnostics == (), f"the offline provider: {offline}"
    assert offline.plan is not None
    assert real.plan is not None
    assert offline.plan.resources.keys() == real.plan.resources.keys()
    provider = STACKS[expected.case.stack].provider
    compared, differences = compare(offline.plan, real.plan, f"{provider}_")
    tally[f"compared {provider}"] += compared
    tally[f"different {provider}"] += len(differences)
    unlisted = [str(d) for d in differences if entry(d) is None]
    assert unlisted == [], "\n".join(unlisted[:40])


@pytest.mark.parametrize("expected", REFUSED, ids=by_id)
def test_both_providers_refuse_the_same(
    offline_provider: planning.Session, real_provider: planning.Session, expected: Expected
) -> None:
    def errors(session: planning.Session) -> list[Any]:
        return sorted((d.summary, d.detail) for d in planning.plan(session, expected.case).errors)

    assert errors(offline_provider) == errors(real_provider) != []
