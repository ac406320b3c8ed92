"""The offline providers plan as the real plugins do, apart from listed differences.

The plugins come from the filesystem mirror in LITELLM_PROVIDER_MIRROR. They need no account and no
network.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.conformance.fidelity import CLOUDS, MIRRORED, Sessions, none_of, unlisted
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning
from tests.harness.terraform.cases import Expected

CASES = [e for e in cases.load() if STACKS[e.case.stack].provider in MIRRORED]
PLANNED = [e for e in CASES if not e.refused]
REFUSED = [e for e in CASES if e.refused]


def by_id(expected: Expected) -> str:
    return expected.case.id


@pytest.mark.parametrize("provider", CLOUDS)
def test_mirror_has_a_stored_release(provider: str) -> None:
    if provider not in MIRRORED:
        pytest.skip(none_of(provider))
    assert any(STACKS[e.case.stack].provider == provider for e in PLANNED)


@pytest.mark.parametrize("expected", PLANNED, ids=by_id)
def test_both_providers_plan_the_same(
    real_and_offline: Sessions, tally: Counter[str], expected: Expected
) -> None:
    found = unlisted(real_and_offline, expected.case, tally)
    assert found == [], "\n".join([*found[:40], planning.replay_command(expected.case)])


@pytest.mark.parametrize("expected", REFUSED, ids=by_id)
def test_both_providers_refuse_the_same(real_and_offline: Sessions, expected: Expected) -> None:
    def errors(session: planning.Session) -> list[Any]:
        return sorted((d.summary, d.detail) for d in planning.plan(session, expected.case).errors)

    assert errors(real_and_offline.offline) == errors(real_and_offline.real) != []
