"""The stages of a lifecycle, the same for both clouds: the tests of ``test_lifecycle_*.py``.

Such a module imports all of them, and has a ``CASE`` with the values of its cloud.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness import stacks
from tests.harness.accounts.targets import DOMAIN_VARIABLE, IMAGE_VARIABLE
from tests.harness.lifecycle import web
from tests.harness.lifecycle.run import (
    Lifecycle,
    addresses,
    apply,
    changes,
    clean,
    destroy,
    leftovers,
    outputs,
    plan,
    planned_changes,
    ready,
)
from tests.harness.litellm import migrations, ownership, release
from tests.harness.process.child import soon
from tests.integration.conftest import Lifecycles, stage
from tests.integration.probing import PROBES, Client, failures, watching
from tests.plugins.stages import LACKING

KEY = "sk-a-master-key-of-the-test-0123456789"
NEXT_WORD = "the-next-password-of-the-dashboard"
DOMAIN = os.environ.get(DOMAIN_VARIABLE) or "litellm.example.com"
ANSWER = "the mocked answer"
# The longest duration of a job.
JOB_SECONDS = 1800
# A resolver keeps that a name does not exist for some minutes.
DNS_SECONDS = 900
NEXT_IMAGE = os.environ.get(IMAGE_VARIABLE) or "docker.io/litellm/litellm-gateway:next"


def model(name: str) -> dict[str, object]:
    """A model that answers without a provider."""
    params = {"model": "openai/gpt-4o-mini", "api_key": "none", "mock_response": ANSWER}
    return {"model_name": name, "litellm_params": params}


# LiteLLM uses Redis as a cache only with these settings, and does not start without the module of
# the callback.
SETTINGS = {
    "litellm_settings": {
        "cache": True,
        "cache_params": {"type": "redis"},
        "callbacks": ["hooks.marker.handler"],
        # The S3 of the emulator; an account needs no endpoint.
        "s3_callback_params": {"s3_endpoint_url": "os.environ/AWS_ENDPOINT_URL_S3"},
    }
}
MODULE = "from litellm.integrations.custom_logger import CustomLogger\nhandler = CustomLogger()\n"
INPUTS: Mapping[str, Any] = {
    "proxy_config_files": {"hooks/marker.py": MODULE},
    "litellm_master_key": KEY,
    "provided_credentials": ["litellm_master_key"],
    "proxy_config": {"model_list": [model("mock")], **SETTINGS},
}
# The changes of every cloud; each cloud has its own expected plan.
CONFIGURATION = {
    "proxy_config": {"model_list": [model("mock"), model("second")], **SETTINGS},
    "ui_password": NEXT_WORD,
    "provided_credentials": ["litellm_master_key", "ui_password"],
    "secrets_version": 2,
}
IMAGE = {"gateway_image": NEXT_IMAGE}
_IMAGE_AND = "image and "


@dataclass(frozen=True, slots=True)
class Case:
    """The values of a cloud in its lifecycle.

    Attributes:
        stack: the stack to apply; its target is the fixture ``STACK_target``.
        inputs: override the inputs of every cloud.
        entry: the outputs with the address of the load balancer, the URL and the data bucket.
        labels: the tags or labels of every taggable resource.
        jobs: the number of jobs that the apply runs.
        secrets: the number of secrets of the stack.
        changes: changed inputs with the expected plan, by name. A name that begins with "image and"
            changes the image too.
        without_image: the expected plans of those without the image, by the rest of the name.
    """

    stack: str
    inputs: Mapping[str, Any]
    entry: tuple[str, str, str]
    labels: Mapping[str, str]
    jobs: int
    secrets: int
    changes: Mapping[str, tuple[Mapping[str, Any], Mapping[str, str]]] = field(default_factory=dict)
    without_image: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize the test of changes with the changes of the cloud.

    Where there is no second image, the rest of a change runs without it.
    """
    if not {"inputs", "expected"} <= set(metafunc.fixturenames):
        return
    case: Case = metafunc.module.CASE
    parameters = []
    for name, (inputs, expected) in case.changes.items():
        rest = name.removeprefix(_IMAGE_AND)
        marks = [pytest.mark.needs("image")] if rest != name else []
        parameters.append(pytest.param(inputs, expected, id=name, marks=marks))
        if marks and "image" in metafunc.config.stash.get(LACKING, {}):
            own = {key: value for key, value in inputs.items() if key not in IMAGE}
            parameters.append(pytest.param(own, case.without_image[rest], id=rest))
    metafunc.parametrize(("inputs", "expected"), parameters)


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    module_case: Case = request.module.CASE
    return module_case


@pytest.fixture(scope="module")
def lifecycle(lifecycles: Lifecycles, case: Case, request: pytest.FixtureRequest) -> Lifecycle:
    target = request.getfixturevalue(f"{case.stack}_target")
    return lifecycles(target, {**INPUTS, **case.inputs}, named=True)


@pytest.fixture
def client(lifecycle: Lifecycle, case: Case) -> Iterator[Client]:
    values = outputs(lifecycle)
    address, url, _ = case.entry
    with lifecycle.target.web(values[address]) as session:
        yield Client(values[url], session, lifecycle.inputs()["litellm_master_key"])


@stage("init")
def test_cleanup_of_an_earlier_run_leaves_nothing(
    lifecycle: Lifecycle,
) -> None:
    for left in clean(lifecycle):
        print(f"cleaned up: {left}")
    assert leftovers(lifecycle) == []


@stage("apply")
def test_apply_creates_the_stack(lifecycle: Lifecycle) -> None:
    apply(lifecycle)
    assert addresses(lifecycle)


@stage("migrate")
def test_migrations_ran_and_printed_command_repeats_them(lifecycle: Lifecycle, case: Case) -> None:
    def runs() -> list[bool]:
        return [run.succeeded for run in lifecycle.target.control.runs(lifecycle.name)]

    assert runs() == [True] * case.jobs
    command = outputs(lifecycle)["migration_run_command"]
    subprocess.run(command, shell=True, env=lifecycle.terraform.env, check=True)  # noqa: S602
    assert soon(lambda: runs() == [True] * (case.jobs + 1), JOB_SECONDS, 0.5), runs()


@stage("migrate")
@pytest.mark.needs("tables")
def test_migrations_created_every_table(lifecycle: Lifecycle) -> None:
    # A job can succeed and do nothing.
    assert lifecycle.target.tables() >= len(migrations.models())


@stage("migrate")
def test_every_service_becomes_ready(lifecycle: Lifecycle) -> None:
    ready(lifecycle)
    services = lifecycle.target.control.services(lifecycle.name).values()
    # None where the cloud does not report the number of healthy targets.
    assert [service for service in services if service.healthy == 0] == []


@stage("verify")
@pytest.mark.parametrize("name", list(PROBES))
def test_stack_answers_probe(client: Client, name: str) -> None:
    assert failures(client, PROBES[name]) == []


@stage("verify")
def test_dashboard_pages_find_their_assets(client: Client) -> None:
    page = client.request("/").text
    assets = sorted(set(re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css|ico|svg|png))"', page)))
    assert len(assets) > 5
    missing = [asset for asset in assets if client.request(asset).status_code != 200]
    assert missing == []


@stage("verify")
@pytest.mark.needs("tls")
def test_http_redirects_to_https_with_path_and_query(client: Client) -> None:
    host = urlsplit(client.url).hostname
    answer = client.session.get(
        f"http://{host}/v1/models?limit=1", timeout=30, allow_redirects=False
    )
    assert answer.status_code == 301
    # An ALB names the port.
    where = answer.headers["Location"].replace(f"{host}:443/", f"{host}/")
    assert where == f"https://{host}/v1/models?limit=1"


@stage("verify")
@pytest.mark.needs("zone")
def test_public_name_of_the_zone_reaches_the_stack(client: Client) -> None:
    # By the resolver of this machine, and not by the address of the load balancer.
    assert soon(lambda: _resolves(client.url), DNS_SECONDS, 5), client.url
    with web.session() as session:
        answer = Client(client.url, session, client.key).request("/v1/models", key="master")
    assert answer.status_code == 200


def _resolves(url: str) -> bool:
    try:
        return bool(socket.getaddrinfo(urlsplit(url).hostname, 443))
    except OSError:
        return False


@stage("verify")
def test_litellm_routes_reach_their_component(client: Client, case: Case) -> None:
    """Each component drops the routes of the other one, so a misrouted request gives 404.

    The request uses a method that no route of the path has, so a served path answers 405.
    """
    split = ownership.split(stacks.STACKS[case.stack].folder)
    methods: dict[str, set[str]] = {}
    for route in release.description().routes:
        if route.kind == "http":
            for path in route.paths:
                methods.setdefault(path, set()).update(route.methods)
    # One path for each component and first two segments.
    asked = {
        (split.component("POST", path), *path.split("/")[1:3]): path for path in sorted(methods)
    }
    lost = []
    for (component, *_), path in sorted(asked.items()):
        unused = next((m for m in ("PUT", "PATCH", "DELETE", "GET") if m not in methods[path]), "")
        if not unused or component == "ui":
            continue
        answer = client.request(path, unused)
        # The dashboard also answers 405 to such a method, but not in JSON.
        if answer.status_code == 404 or "json" not in answer.headers.get("content-type", ""):
            lost.append(path)
    assert len(asked) > 100
    assert lost == []


@stage("verify")
def test_taggable_resources_carry_the_stack_tags(lifecycle: Lifecycle, case: Case) -> None:
    tagged = lifecycle.target.control.tags(lifecycle.name)
    stack = {name: lifecycle.name for name in case.labels if name.endswith("stack")}
    expected = {**case.labels, **stack}
    assert len(tagged) > 10
    odd = {
        name: labels
        for name, labels in tagged.items()
        if {key: labels.get(key) for key in expected} != expected
    }
    assert odd == {}


@stage("verify")
def test_every_secret_has_a_current_version(lifecycle: Lifecycle, case: Case) -> None:
    current = lifecycle.target.control.secrets(lifecycle.name)
    assert len(current) == case.secrets
    assert all(current.values()), current


@stage("replan")
def test_second_plan_is_empty(lifecycle: Lifecycle) -> None:
    assert planned_changes(lifecycle) == {}


@stage("change")
def test_change_rolls_without_a_failed_request(
    lifecycle: Lifecycle, client: Client, inputs: Mapping[str, Any], expected: Mapping[str, str]
) -> None:
    assert changes(plan(lifecycle, inputs)) == expected
    watched = ["the configured models", "the dashboard", "the models of the backend"]
    with watching(client, watched) as seen:
        apply(lifecycle, inputs)
        # The rollout continues where the apply does not wait for it.
        ready(lifecycle)
    assert seen.failed == []
    assert seen.count > len(watched)
    assert planned_changes(lifecycle) == {}


@stage("change")
def test_changed_stack_answers(client: Client) -> None:
    assert "second" in client.request("/v1/models", key="master").text


@stage("change")
@pytest.mark.needs("image")
def test_changed_image_runs(lifecycle: Lifecycle) -> None:
    services = lifecycle.target.control.services(lifecycle.name)
    assert services["gateway"].image == NEXT_IMAGE


@stage("destroy")
def test_destroy_succeeds_with_data_in_every_store(lifecycle: Lifecycle, case: Case) -> None:
    # The database has the tables of LiteLLM, the secrets have versions, and LiteLLM wrote to Redis.
    bucket = outputs(lifecycle)[case.entry[2]]
    for text in ("a first version", "a second one"):
        lifecycle.target.control.store(bucket, "a/file.txt", text.encode())
    destroy(lifecycle)


@stage("leftovers")
def test_destroy_leaves_nothing_in_state_and_api(lifecycle: Lifecycle) -> None:
    assert leftovers(lifecycle) == []


@stage("again")
@pytest.mark.needs("second stack")
def test_same_name_applies_and_destroys_again(lifecycle: Lifecycle) -> None:
    apply(lifecycle)
    assert planned_changes(lifecycle) == {}
    destroy(lifecycle)
    assert leftovers(lifecycle) == []


__all__ = [
    "case",
    "client",
    "lifecycle",
    "pytest_generate_tests",
    "test_apply_creates_the_stack",
    "test_change_rolls_without_a_failed_request",
    "test_changed_image_runs",
    "test_changed_stack_answers",
    "test_cleanup_of_an_earlier_run_leaves_nothing",
    "test_dashboard_pages_find_their_assets",
    "test_destroy_leaves_nothing_in_state_and_api",
    "test_destroy_succeeds_with_data_in_every_store",
    "test_every_secret_has_a_current_version",
    "test_every_service_becomes_ready",
    "test_http_redirects_to_https_with_path_and_query",
    "test_litellm_routes_reach_their_component",
    "test_migrations_created_every_table",
    "test_migrations_ran_and_printed_command_repeats_them",
    "test_public_name_of_the_zone_reaches_the_stack",
    "test_same_name_applies_and_destroys_again",
    "test_second_plan_is_empty",
    "test_stack_answers_probe",
    "test_taggable_resources_carry_the_stack_tags",
]
