"""The offline AWS provider plans as the real plugin does, apart from listed differences.

The plugin comes from the filesystem mirror in LITELLM_PROVIDER_MIRROR. It needs no account and no
network.
"""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.harness.plan.diff import Difference, compare
from tests.harness.schemas import replay
from tests.harness.terraform import cases, planning, providers
from tests.harness.terraform.cases import Expected

MIRROR = os.environ.get("LITELLM_PROVIDER_MIRROR", "")
MIRRORED = providers.mirrored(Path(MIRROR)) if MIRROR else {}
DIFFERENCES = replay.admitted().differences
AWS = [e for e in cases.load() if e.case.stack == "aws"]
PLANNED = [e for e in AWS if not e.refused]
REFUSED = [e for e in AWS if e.refused]

pytestmark = pytest.mark.skipif(
    "aws" not in MIRRORED,
    reason="not run: LITELLM_PROVIDER_MIRROR names no mirror that has the AWS provider",
)


def by_id(expected: Expected) -> str:
    return expected.case.id


@pytest.fixture(scope="session")
def offline_provider() -> Iterator[planning.Session]:
    with planning.session(providers.choose("offline", {"aws": MIRRORED["aws"]})) as session:
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


def entry(difference: Difference) -> dict[str, str] | None:
    for listed in DIFFERENCES:
        if fnmatch.fnmatch(difference.type, listed["type"]) and fnmatch.fnmatch(
            difference.path, listed["path"]
        ):
            return listed
    return None


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
    compared, differences = compare(offline.plan, real.plan, "aws_")
    tally["compared"] += compared
    tally["different"] += len(differences)
    for difference in differences:
        listed = entry(difference)
        if listed:
            tally[f"listed {listed['type']} {listed['path']}"] += 1
    unlisted = [str(d) for d in differences if entry(d) is None]
    assert unlisted == [], "\n".join(unlisted[:40])


@pytest.mark.parametrize("expected", REFUSED, ids=by_id)
def test_both_providers_refuse_the_same(
    offline_provider: planning.Session, real_provider: planning.Session, expected: Expected
) -> None:
    def errors(session: planning.Session) -> list[Any]:
        return sorted((d.summary, d.detail) for d in planning.plan(session, expected.case).errors)

    assert errors(offline_provider) == errors(real_provider) != []


def test_every_listed_difference_exists(tally: Counter[str]) -> None:
    if not tally["compared"]:
        pytest.fail("no case was compared before; run the whole file")
    unused = [d for d in DIFFERENCES if not tally[f"listed {d['type']} {d['path']}"]]
    assert unused == []
