"""Names for all valid tenants and environments, from the table of names in the module.

The tests evaluate the table without Terraform. The contract on names compares the table with the
names in every plan.
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
from tests.harness.inputs.legal import Values
from tests.harness.inputs.rules import broken_rules, is_met
from tests.harness.offline.catalogue import load, releases
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning

BOTH = pytest.mark.parametrize("name", sorted(STACKS))

# Types with a name that is not in the table, each with the reason.
NOT_IN_THE_TABLE = {
    "aws_s3_bucket": "the name ends in random digits; a test checks its beginning and its length",
    "google_storage_bucket": "likewise",
    "google_sql_database_instance": "likewise",
    "google_sql_database": "the name is an input, and the instance belongs to the stack",
    "google_sql_user": "the name is an input, and the instance belongs to the stack",
    "google_storage_bucket_object": "the bucket belongs to the stack",
}

Roles = Callable[[str], Mapping[str, frozenset[str]]]


def names(stack: str, values: Mapping[str, Any]) -> dict[str, str]:
    module = handwritten.space(stack).module
    table = module.locals["names"]
    assert isinstance(table, Node), table
    evaluated: dict[str, str] = evaluate(table, module.scope({**STACKS[stack].smallest, **values}))
    return evaluated


@pytest.fixture(scope="module")
def roles(session: planning.Session) -> Roles:
    """The resource types of each row of the table, from a plan of a stack with long names."""

    @functools.cache
    def of(stack: str) -> Mapping[str, frozenset[str]]:
        inputs = {
            **cases.find(stack, "everything").inputs,
            "tenant": "abcdefghijklmnopqrstu",
            "env": "staging12",
        }
        by_role: dict[str, set[str]] = {}
        for fixed in (False, True):
            case_inputs = {
                **inputs,
                "gateway_autoscaling_enabled": fixed,
                "ui_autoscaling_enabled": True,
            }
            result = planning.plan(session, planning.Case("long", stack, case_inputs))
            assert result.plan is not None, str(result)
            by_name: dict[object, set[str]] = {}
            for _, type_name, name in contract.names(
                subject(session, STACKS[stack], case_inputs, result.plan)
            ):
                by_name.setdefault(name, set()).add(type_name)
            for role, name in names(stack, case_inputs).items():
                by_role.setdefault(role, set()).update(by_name.get(name, ()))
        return {role: frozenset(types) for role, types in by_role.items() if types}

    return of


def are_valid_names(stack: str, values: Mapping[str, Any]) -> bool:
    """Whether the inputs that name a stack meet their rules."""
    module = handwritten.space(stack).module
    scope = module.scope(values)
    owners = ("tenant", "env", "project", "region")
    return all(is_met(rule, scope) for rule in module.rules if rule.owner in owners)


@st.composite
def identities(draw: st.DrawFn, stack: str) -> dict[str, Any]:
    """A valid tenant and environment, and a valid project or region."""
    space = handwritten.space(stack)
    smallest: Values = STACKS[stack].smallest
    scope = space.module.scope(smallest)
    identifying = ("tenant", "env", {"aws": "region", "gcp": "project"}[stack])
    drawn = {input_: draw(space.handwritten[input_](scope.variables)) for input_ in identifying}
    if stack == "aws":
        drawn["azs"] = [f"{drawn['region']}a", f"{drawn['region']}b"]
    assume(are_valid_names(stack, {**smallest, **drawn}))
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
        planned_names = names(name, values)
        invalid = {
            role: planned_names[role]
            for role, patterns in forms.items()
            if not all(form.search(planned_names[role]) for form in patterns)
        }
        assert invalid == {}
        reserved = {
            role: planned_names[role]
            for role, types in roles(name).items()
            if any(planned_names[role].startswith(contract.RESERVED.get(t, "//")) for t in types)
        }
        assert reserved == {}
        for role, beginning in contract.beginnings(name, planned_names).items():
            most = contract.longest(role, values)
            assert len(beginning) + 1 + contract.RANDOM_DIGITS <= most, (role, beginning)

    obeys()


@BOTH
def test_stacks_of_one_account_share_no_name(name: str, roles: Roles) -> None:
    scope = {"aws": "region", "gcp": "project"}[name]

    def of(values: dict[str, Any]) -> set[tuple[str, str]]:
        planned_names = names(name, values)
        return {
            (kind, planned_names[role]) for role, types in roles(name).items() for kind in types
        }

    @given(identities(name), identities(name), st.sampled_from(["far", "shorter", "moved"]))
    def differ(left: dict[str, Any], right: dict[str, Any], variant: str) -> None:
        # The most similar stacks differ by one letter, or by the length of the tenant.
        if variant == "shorter":
            right = {**left, "env": left["env"][:-1] or "x"}
        if variant == "moved":
            right = {**left, "tenant": f"{left['tenant']}-litellm", "env": left["env"][-1:]}
            left = {**left, "env": f"litellm-{right['env']}"}
        place = {scope: left[scope], **({"azs": left["azs"]} if name == "aws" else {})}
        left, right = {**STACKS[name].smallest, **left}, {**STACKS[name].smallest, **right, **place}
        assume(are_valid_names(name, left) and are_valid_names(name, right))
        assume((left["tenant"], left["env"]) != (right["tenant"], right["env"]))
        assert of(left) & of(right) == set()

    differ()


@BOTH
def test_tenant_and_env_that_share_names_are_refused(name: str) -> None:
    module = handwritten.space(name).module
    (first, second), (third, fourth) = handwritten.SIMILAR_NAMES[:2]
    assert f"{first}-litellm-{second}" == f"{third}-litellm-{fourth}"
    inputs = {**STACKS[name].smallest, "tenant": first, "env": second}
    assert [rule.owner for rule in broken_rules(module, inputs)] == ["env"]


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
