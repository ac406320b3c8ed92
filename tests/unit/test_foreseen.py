"""What the offline providers foresee of an apply: everything is known, and nothing else differs."""

from __future__ import annotations

import json

import pytest

from tests.harness.offline.providers.google import MADE_UP_SECRET
from tests.harness.plan.containers import containers
from tests.harness.plan.view import Plan
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning, providers

BOTH = pytest.mark.parametrize("name", sorted(STACKS))


def planned(held: planning.Session, name: str) -> Plan:
    result = planning.plan(held, cases.find(name, "everything"))
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan


@BOTH
def test_resolved_plan_has_the_same_resources_and_containers(
    session: planning.Session, foreseen_session: planning.Session, name: str
) -> None:
    plan, foreseen = planned(session, name), planned(foreseen_session, name)
    assert set(plan.resources) == set(foreseen.resources)
    assert len(containers(foreseen)) >= 4
    # What Terraform itself makes known late is no provider's.
    unknown = {
        resource.type
        for resource in foreseen.resources.values()
        if "UNKNOWN" in repr(dict(resource.values))
    }
    assert unknown <= {"terraform_data"}


def test_secret_data_source_is_in_no_plan(foreseen_session: planning.Session) -> None:
    document = planned(foreseen_session, "gcp").document
    assert MADE_UP_SECRET not in json.dumps(document)


def test_only_offline_providers_resolve_a_plan() -> None:
    with pytest.raises(providers.ProviderError, match="offline"):
        providers.as_applied(providers.choose("registry"))
