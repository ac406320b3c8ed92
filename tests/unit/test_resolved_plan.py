"""A resolved plan knows every value of an apply, and differs in nothing else."""

from __future__ import annotations

import json

import pytest

from tests.harness.offline.providers.google import MADE_UP_SECRET
from tests.harness.plan.containers import containers
from tests.harness.plan.view import Plan
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning, providers

BOTH = pytest.mark.parametrize("name", sorted(STACKS))


def planned(session: planning.Session, name: str) -> Plan:
    result = planning.plan(session, cases.find(name, "everything"))
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan


@BOTH
def test_resolved_plan_has_the_same_resources_and_containers(
    session: planning.Session, resolved_session: planning.Session, name: str
) -> None:
    plan, resolved = planned(session, name), planned(resolved_session, name)
    assert set(plan.resources) == set(resolved.resources)
    assert len(containers(resolved)) >= 4
    # What Terraform itself makes known late is no provider's.
    unknown = {
        resource.type
        for resource in resolved.resources.values()
        if "UNKNOWN" in repr(dict(resource.values))
    }
    assert unknown <= {"terraform_data"}


def test_secret_data_source_is_in_no_plan(resolved_session: planning.Session) -> None:
    document = planned(resolved_session, "gcp").document
    assert MADE_UP_SECRET not in json.dumps(document)


def test_only_offline_providers_resolve_a_plan() -> None:
    with pytest.raises(providers.ProviderError, match="offline"):
        providers.resolved_choice(providers.choose("registry"))
