"""Names over all legal tenants and environments, by the module's own table of names.

The table is evaluated without Terraform; that Terraform gives the same names, every planned case of
the contract on names shows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.harness.contracts.base import subject
from tests.harness.contracts.properties import names as contract
from tests.harness.hcl.expressions import Node, evaluate
from tests.harness.hcl.functions import pattern
from tests.harness.inputs import handwritten
from tests.harness.inputs.legal import Known
from tests.harness.inputs.rules import broken, holds
from tests.harness.offline.catalogue import load, releases
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning

BOTH = pytest.mark.parametrize("name", sorted(STACKS))

# Types with a name that is in no table, and why.
NOT_IN_THE_TABLE = {
    "aws_s3_bucket": "its name ends in random digits; what begins it is checked with its length",
    "google_storage_bucket": "likewise",
    "google_sql_database_instance": "likewise",
    "google_cloud_run_v2_service_iam_member": "the name is the service's",
    "google_sql_database": "an input, inside the stack's own instance",
    "google_sql_user": "an input, inside the stack's own instance",
    "google_storage_bucket_object": "inside the stack's own bucket",
}

Roles = Callable[[str], Mapping[str, frozenset[str]]]


def names(stack: str, values: Mapping[str, Any]) -> dict[str, str]:
    module = handwritten.space(stack).module
    table = module.locals["names"]
    assert isinstance(table, Node), table
    found: dict[str, str] = evaluate(table, module.scope({**STACKS[stack].smallest, **values}))
    return found


@pytest.fixture(scope="module")
def roles(session: planning.Session) -> Roles:
    """The types that each row of the table names, as a planned stack with long names shows."""

    @functools.cache
    def of(stack: str) -> Mapping[str, frozenset[str]]:
        inputs = {
            **cases.find(stack, "everything").inputs,
            "tenant": "abcdefghijklmnopqrstu",
            "env": "staging12",
        }
        found: dict[str, set[str]] = {}
        for fixed in (False, True):
            given = {**inputs, "gateway_autoscaling_enabled": fixed, "ui_autoscaling_enabled": True}
            result = planning.plan(session, planning.Case("long", stack, given))
            assert result.plan is not None, str(result)
            by_name: dict[object, set[str]] = {}
            for _, type_name, name in contract.names(
                subject(session, STACKS[stack], given, result.plan)
            ):
                by_name.setdefault(name, set()).add(type_name)
            for role, name in names(stack, given).items():
                found.setdefault(role, set()).update(by_name.get(name, ()))
        return {role: frozenset(types) for role, types in found.items() if types}

    return of


def legal_names(stack: str, values: Mapping[str, Any]) -> bool:
    """Whether the rules on what names a stack hold."""
    module = handwritten.space(stack).module
    scope = module.scope(values)
    owners = ("tenant", "env", "project", "region")
    return all(holds(rule, scope) for rule in module.rules if rule.owner in owners)


@st.composite
def identities(draw: st.DrawFn, stack: str) -> dict[str, Any]:
    """Legal tenant, environment, and project or region."""
    space = handwritten.space(stack)
    known: Known = STACKS[stack].smallest
    wanted = ("tenant", "env", {"aws": "region", "gcp": "project"}[stack])
    drawn = {n: draw(space.by_hand[n](space.module.scope(known).variables)) for n in wanted}
    if stack == "aws":
        drawn["azs"] = [f"{drawn['region']}a", f"{drawn['region']}b"]
    assume(legal_names(stack, {**known, **drawn}))
    return drawn


@BOTH
def test_every_name_is_within_its_limit(name: str, roles: Roles) -> None:
    forms = {
        role: [pattern(contract.FORMS[name][type_name][1]) for type_name in types]
        for role, types in roles(name).items()
    }
    assert len(forms) > 20

    @given(identities(name))
    def obeys(values: dict[str, Any]) -> None:
        held = names(name, values)
        odd = {
            r: held[r]
            for r, several in forms.items()
            if not all(f.search(held[r]) for f in several)
        }
        assert odd == {}
        reserved = {
            role: held[role]
            for role, types in roles(name).items()
            if any(held[role].startswith(contract.RESERVED.get(t, "//")) for t in types)
        }
        assert reserved == {}
        for role, beginning in contract.beginnings(name, held).items():
            most = contract.longest(role, values)
            assert len(beginning) + 1 + contract.RANDOM_DIGITS <= most, (role, beginning)

    obeys()


@BOTH
def test_stacks_of_one_account_share_no_name(name: str, roles: Roles) -> None:
    scope = {"aws": "region", "gcp": "project"}[name]

    def of(values: dict[str, Any]) -> set[tuple[str, str]]:
        held = names(name, values)
        return {(kind, held[role]) for role, types in roles(name).items() for kind in types}

    @given(identities(name), identities(name), st.sampled_from(["far", "shorter", "moved"]))
    def differ(one: dict[str, Any], other: dict[str, Any], how: str) -> None:
        # Two that differ by a letter, or by where the tenant ends, are as alike as two can be.
        if how == "shorter":
            other = {**one, "env": one["env"][:-1] or "x"}
        if how == "moved":
            other = {**one, "tenant": f"{one['tenant']}-litellm", "env": one["env"][-1:]}
            one = {**one, "env": f"litellm-{other['env']}"}
        place = {scope: one[scope], **({"azs": one["azs"]} if name == "aws" else {})}
        one, other = {**STACKS[name].smallest, **one}, {**STACKS[name].smallest, **other, **place}
        assume(legal_names(name, one) and legal_names(name, other))
        assume((one["tenant"], one["env"]) != (other["tenant"], other["env"]))
        assert of(one) & of(other) == set()

    differ()


@BOTH
def test_tenant_and_env_that_share_names_are_refused(name: str) -> None:
    module = handwritten.space(name).module
    (first, second), (third, fourth) = handwritten.ALIKE[:2]
    assert f"{first}-litellm-{second}" == f"{third}-litellm-{fourth}"
    one = {**STACKS[name].smallest, "tenant": first, "env": second}
    assert [rule.owner for rule in broken(module, one)] == ["env"]


@BOTH
def test_every_named_type_is_in_the_table(name: str) -> None:
    provider = STACKS[name].provider
    for version in releases(provider):
        schema, _, _ = load(provider, version)
        named = {
            kind
            for kind, resource in schema.resources.items()
            for attribute in contract.NAMING
            if attribute in resource.block.attributes
            and (
                resource.block.attributes[attribute].required
                or resource.block.attributes[attribute].optional
            )
        }
        assert named - set(contract.FORMS[name]) - set(NOT_IN_THE_TABLE) == set(), version
