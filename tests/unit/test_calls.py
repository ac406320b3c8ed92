"""The table of the offline AWS provider's calls agrees with the provider's schema."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.harness.offline import catalogue
from tests.harness.offline.live import codec
from tests.harness.offline.live.aws import codec as calls
from tests.harness.offline.live.aws import ecs, tags
from tests.harness.offline.live.aws.crud import Call, CallError
from tests.harness.offline.live.aws.special import SPECIAL
from tests.harness.plan.view import Resource
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.harness.terraform.planning import Case
from tests.unit.test_rest import dotted

TABLE = calls.table()
RELEASES = catalogue.releases("aws")
# Arguments that only a newer release has.
COMMON = {"region", "timeouts"}


def arguments_of(type_name: str) -> set[str]:
    """The arguments of a type in all releases: an entry serves every release."""
    return {
        name
        for release in RELEASES
        for name in dotted(catalogue.schema("aws", release).resources[type_name].block)
    }


@pytest.mark.parametrize("type_name", TABLE)
def test_entry_names_only_schema_arguments(type_name: str) -> None:
    entry = TABLE[type_name]
    triggers = {name for operation in entry.change for name in operation.when}
    names = {
        *entry.fields,
        *entry.sends,
        *entry.reads,
        *entry.local,
        *entry.kept,
        *entry.json,
        *entry.attributes,
        *triggers,
    }
    assert names - COMMON <= arguments_of(type_name)


@pytest.mark.parametrize("release", RELEASES)
def test_every_served_type_has_an_entry(release: str) -> None:
    assert set(catalogue.schema("aws", release).resources) == set(TABLE)


def test_every_special_type_is_in_the_table() -> None:
    assert set(SPECIAL) <= set(TABLE)


@pytest.mark.parametrize("type_name", TABLE)
def test_type_has_create_find_and_delete(type_name: str) -> None:
    entry, special = TABLE[type_name], SPECIAL.get(type_name)
    for name in ("create", "find", "delete"):
        assert getattr(entry, name) or (special and getattr(special, name)), name
    tagged = "tags" in catalogue.schema("aws", RELEASES[0]).resources[type_name].block.attributes
    assert bool(entry.tags) == tagged
    assert not entry.tags or tags.kind(entry.tags)


def test_entry_names_a_service_with_an_endpoint() -> None:
    schema = catalogue.schema("aws", RELEASES[0]).provider.block
    served = set(schema.blocks["endpoints"].block.attributes)
    services = {entry.service.replace("application-", "app") for entry in TABLE.values()}
    assert services <= served


# ---- Read ----

STATES = [
    ({"tags": {"a": "1"}}, {"a": "1", "b": "2"}, {}, {"a": "1", "b": "2"}),
    ({"tags": {"a": "1"}}, {"a": "1", "b": "2"}, {"b": "2"}, {"a": "1"}),
    ({"tags": {"a": "1"}}, {"b": "2"}, {"b": "2"}, {}),
    ({"tags": None}, {}, {}, None),
]


@pytest.mark.parametrize(("prior", "returned", "defaults", "expected"), STATES)
def test_tags_changed_outside_terraform_are_read(
    prior: Mapping[str, Any], returned: dict[str, str], defaults: dict[str, str], expected: Any
) -> None:
    assert tags.split(returned, prior["tags"], defaults) == (expected, returned)


def test_policy_rewording_is_no_drift_but_a_change_is() -> None:
    entry = TABLE["aws_iam_role_policy"]
    block = catalogue.schema("aws", RELEASES[0]).resources["aws_iam_role_policy"].block
    prior = {"id": "r:n", "name": "n", "role": "r", "policy": '{"Action": ["a", "b"]}'}
    same = {"PolicyName": "n", "RoleName": "r", "PolicyDocument": {"Action": ["b", "a"]}}
    assert calls.decode(entry, block, same, dict(prior))["policy"] == prior["policy"]
    other = {**same, "PolicyDocument": {"Action": ["a"]}}
    assert calls.decode(entry, block, other, dict(prior))["policy"] == '{"Action": ["a"]}'


def test_value_missing_from_an_answer_becomes_null() -> None:
    entry = TABLE["aws_ecs_service"]
    block = catalogue.schema("aws", RELEASES[0]).resources["aws_ecs_service"].block
    prior = {"id": "x", "desired_count": 2, "launch_type": "FARGATE", "name": "n"}
    state = calls.decode(entry, block, {"serviceName": "n", "desiredCount": 3}, dict(prior))
    assert (state["desired_count"], state["launch_type"], state["name"]) == (3, None, "n")


def test_completed_version_equals_the_requested_version() -> None:
    assert codec.value("string", "16.8", "16", calls.NOTATION) == "16"
    assert codec.value("string", "16.9", "16.8", calls.NOTATION) == "16.9"


# ---- The stack ----


def planned(session: planning.Session) -> Mapping[str, Resource]:
    inputs = {
        **STACKS["aws"].smallest,
        "allow_plaintext_alb": False,
        "acm_certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/a",
        "waf_web_acl_arn": "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/b",
        "proxy_config": {"model_list": []},
        "create_read_replica": True,
    }
    result = planning.plan(session, Case("calls", "aws", inputs))
    assert result.plan is not None, str(result)
    return result.plan.resources


def test_stack_has_no_type_without_an_entry(resolved_session: planning.Session) -> None:
    types = {
        resource.type
        for resource in planned(resolved_session).values()
        if resource.type.startswith("aws_")
    }
    assert types == set(TABLE)


# ---- The wait for a service ----

PRIMARY = {"id": "ecs-svc/2", "rolloutState": "IN_PROGRESS"}
NEVER_HEALTHY = {"deployments": [PRIMARY], "runningCount": 1, "desiredCount": 1}
FAILED_FIRST = {**NEVER_HEALTHY, "deployments": [{**PRIMARY, "rolloutState": "FAILED"}]}
ROLLED_BACK = {**NEVER_HEALTHY, "deployments": [{"id": "ecs-svc/3", "rolloutState": "COMPLETED"}]}
DONE = {**NEVER_HEALTHY, "deployments": [{**PRIMARY, "rolloutState": "COMPLETED"}]}


@pytest.mark.parametrize(
    ("release", "answers", "error"),
    [
        # An old release knows neither health nor rollback.
        (RELEASES[0], [NEVER_HEALTHY], ""),
        (RELEASES[0], [{**NEVER_HEALTHY, "runningCount": 0}, ROLLED_BACK], ""),
        (RELEASES[-1], [NEVER_HEALTHY, DONE], ""),
        (RELEASES[-1], [NEVER_HEALTHY, FAILED_FIRST], "circuit breaker"),
        (RELEASES[-1], [NEVER_HEALTHY, ROLLED_BACK], "circuit breaker"),
    ],
    ids=["unhealthy-old", "rollback-old", "done", "failed", "rollback"],
)
def test_wait_for_a_service_is_that_of_the_release(
    release: str, answers: list[dict[str, Any]], error: str
) -> None:
    remaining = list(answers)

    class Client:
        def describe_services(self, **_: Any) -> dict[str, Any]:
            return {"services": [remaining.pop(0)]}

    kind = "aws_ecs_service"
    block = catalogue.schema("aws", release).resources[kind].block
    call = SimpleNamespace(client=Client, block=block)
    state = {"cluster": "c", "id": "s", "wait_for_steady_state": True}
    wait = ecs.SPECIAL[kind].after_create
    assert wait is not None
    with pytest.raises(CallError, match=error) if error else contextlib.nullcontext():
        wait(cast(Call, call), state)
    assert remaining == []
