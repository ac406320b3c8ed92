"""The offline AWS provider plans what the real one does, apart from a listed set of differences.

The real plugin is taken from a filesystem mirror that LITELLM_PROVIDER_MIRROR names; it needs no
account and no network.
"""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import paths
from tests.harness.plan.diff import Difference, compare
from tests.harness.terraform import cases, planning, providers
from tests.harness.terraform.cases import Expected

MIRROR = os.environ.get("LITELLM_PROVIDER_MIRROR", "")
HELD = providers.mirrored(Path(MIRROR)) if MIRROR else {}
DIFFERENCES: list[dict[str, str]] = yaml.safe_load(paths.DIFFERENCES.read_text())
AWS = [e for e in cases.load() if e.case.stack == "aws"]
PLANNED = [e for e in AWS if not e.refused]
REFUSED = [e for e in AWS if e.refused]

pytestmark = pytest.mark.skipif(
    "aws" not in HELD,
    reason="not run: LITELLM_PROVIDER_MIRROR names no folder that holds the AWS provider",
)


def by_id(expected: Expected) -> str:
    return expected.case.id


@pytest.fixture(scope="session")
def ours() -> Iterator[planning.Session]:
    with planning.session(providers.choose("offline", {"aws": HELD["aws"]})) as held:
        yield held


@pytest.fixture(scope="session")
def theirs() -> Iterator[planning.Session]:
    with planning.session(providers.choose(f"mirror:{MIRROR}")) as held:
        yield held


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
    ours: planning.Session, theirs: planning.Session, tally: Counter[str], expected: Expected
) -> None:
    mine, other = planning.plan(ours, expected.case), planning.plan(theirs, expected.case)
    assert other.diagnostics == (), f"the real provider: {other}"
    assert mine.diagnostics == (), f"the offline provider: {mine}"
    assert mine.plan is not None
    assert other.plan is not None
    assert mine.plan.resources.keys() == other.plan.resources.keys()
    compared, found = compare(mine.plan, other.plan, "aws_")
    tally["compared"] += compared
    tally["different"] += len(found)
    for difference in found:
        listed = entry(difference)
        if listed:
            tally[f"listed {listed['type']} {listed['path']}"] += 1
    unlisted = [str(d) for d in found if entry(d) is None]
    assert unlisted == [], "\n".join(unlisted[:40])


@pytest.mark.parametrize("expected", REFUSED, ids=by_id)
def test_both_providers_refuse_the_same(
    ours: planning.Session, theirs: planning.Session, expected: Expected
) -> None:
    def said(held: planning.Session) -> list[Any]:
        return sorted((d.summary, d.detail) for d in planning.plan(held, expected.case).errors)

    assert said(ours) == said(theirs) != []


def test_every_listed_difference_exists(tally: Counter[str]) -> None:
    if not tally["compared"]:
        pytest.fail("no case was compared before; run the whole file")
    unused = [d for d in DIFFERENCES if not tally[f"listed {d['type']} {d['path']}"]]
    assert unused == []
