"""Both stacks plan in many cases, from several roots, with the oldest and newest providers."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Mapping

import pytest

from tests.harness.hcl import declarations
from tests.harness.plan.routing import path_rules
from tests.harness.plan.view import Plan, PlanResult
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning
from tests.harness.terraform.cases import Expected
from tests.harness.terraform.planning import Case

ALL = cases.load()
PLANNED = [expected for expected in ALL if not expected.refused]
REFUSED = [expected for expected in ALL if expected.refused]
SMALLEST = {e.case.stack: e.counts for e in ALL if e.case.name == "smallest"}


def by_id(expected: Expected) -> str:
    return expected.case.id


@pytest.fixture(params=["oldest", "newest"])
def release_session(
    request: pytest.FixtureRequest,
    session: planning.Session,
    newest_session: planning.Session,
) -> planning.Session:
    return session if request.param == "oldest" else newest_session


@pytest.fixture(scope="module")
def planned_by_newest(newest_session: planning.Session) -> Callable[[Case], PlanResult]:
    """The result of a case with the newest providers: a batch plans those of the module itself.

    A case with another root is planned alone, and with the oldest providers every case is.
    """

    @functools.cache
    def batch(stack: str) -> Mapping[str, PlanResult]:
        inputs = {
            expected.case.name: expected.case.inputs
            for expected in PLANNED
            if expected.case.stack == stack and expected.case.root == "module"
        }
        return planning.plan_batch(newest_session, STACKS[stack], inputs)

    def result(case: Case) -> PlanResult:
        return batch(case.stack).get(case.name) or planning.plan(newest_session, case)

    return result


def checked(result: object, plan: Plan | None) -> Plan:
    assert plan is not None, str(result)
    return plan


@pytest.mark.parametrize("release", ["oldest", "newest"])
@pytest.mark.parametrize("expected", PLANNED, ids=by_id)
def test_case_plans_exactly_its_resources(
    session: planning.Session,
    planned_by_newest: Callable[[Case], PlanResult],
    expected: Expected,
    release: str,
) -> None:
    if release == "oldest":
        result = planning.plan(session, expected.case)
    else:
        result = planned_by_newest(expected.case)
    plan = checked(result, result.plan)
    assert result.diagnostics == (), str(result)
    smallest = {t: n * expected.times for t, n in SMALLEST[expected.case.stack].items()}
    counts = {t: n for t, n in {**smallest, **expected.counts}.items() if n}
    assert dict(plan.counts) == counts, str(result)
    assert {r.actions for r in plan.resources.values()} <= {("create",)}


@pytest.mark.parametrize("expected", REFUSED, ids=by_id)
def test_invalid_case_is_refused_with_its_remedy(
    release_session: planning.Session, expected: Expected
) -> None:
    result = planning.plan(release_session, expected.case)
    messages = [" ".join(str(error).split()) for error in result.errors]
    assert any(re.search(expected.refused, message) for message in messages), str(result)


@pytest.mark.parametrize("name", sorted(STACKS))
def test_every_output_is_planned(session: planning.Session, name: str) -> None:
    stack = STACKS[name]
    result = planning.plan(session, planning.Case("smallest", name, stack.smallest))
    assert set(checked(result, result.plan).outputs) == set(declarations.outputs(stack.folder))


@pytest.mark.parametrize("name", sorted(STACKS))
def test_default_example_passes_every_output(session: planning.Session, name: str) -> None:
    stack = STACKS[name]
    case = planning.Case("example-default", name, stack.smallest, root="examples/default")
    result = planning.plan(session, case)
    assert set(declarations.outputs(stack.folder)) <= set(checked(result, result.plan).outputs)


@pytest.mark.parametrize("name", sorted(STACKS))
def test_load_balancer_rules_equal_the_output(session: planning.Session, name: str) -> None:
    inputs = {**STACKS[name].smallest, "extra_gateway_paths": ["/acme", "/acme/*"]}
    result = planning.plan(session, planning.Case("extra-paths", name, inputs))
    plan = checked(result, result.plan)
    routes = plan.outputs["routes"]
    assert {"/acme", "/acme/*", "/test", "/v1/chat/*", "/v1/videos"} <= set(routes["gateway"])
    assert {"/", "/ui/*", "/*.txt"} <= set(routes["ui"])
    planned = sorted(path for rule in path_rules(plan) for path in rule.paths)
    # /robots.txt has a rule before "/*.txt".
    assert planned == sorted([*itertools.chain(*routes.values()), "/robots.txt"])


# Source: Cloud Load Balancing, request distribution for external Application Load Balancers.
GOOGLE_KEEPALIVE_SECONDS = 600


@pytest.mark.parametrize("name", sorted(STACKS))
def test_server_keeps_idle_connections_longer_than_the_load_balancer(
    session: planning.Session, name: str
) -> None:
    inputs = {**STACKS[name].smallest, "request_timeout_seconds": 90}
    result = planning.plan(session, planning.Case("idle", name, inputs))
    plan = checked(result, result.plan)
    if name == "aws":
        assert plan.resources["aws_lb.this"].values["idle_timeout"] == 90
    least = {"aws": 90, "gcp": GOOGLE_KEEPALIVE_SECONDS}[name]
    for component in ("gateway", "backend"):
        command = " ".join(plan.outputs["containers"][component]["command"])
        match = re.search(r"--timeout-keep-alive (\d+)", command)
        assert match, command
        assert int(match[1]) > least


@pytest.mark.parametrize("name", sorted(STACKS))
def test_example_tfvars_plan_after_the_tls_choice(session: planning.Session, name: str) -> None:
    files = (STACKS[name].folder / "examples" / "default" / "terraform.tfvars.example",)
    switch = {"aws": "allow_plaintext_alb", "gcp": "allow_plaintext_lb"}[name]
    case = planning.Case("tfvars", name, {}, root="examples/default", files=files)
    (refusal,) = planning.plan(session, case).errors
    assert switch in refusal.detail
    result = planning.plan(session, dataclasses.replace(case, inputs={switch: True}))
    assert result.diagnostics == (), str(result)
