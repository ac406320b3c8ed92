"""What goes wrong with a stack in its lifecycle, and the sentence with which the suite says so."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness import documents
from tests.harness.contracts import defects
from tests.harness.emulators import launch
from tests.harness.emulators.aws import target as aws
from tests.harness.emulators.gcp import target as google
from tests.harness.lifecycle.run import (
    Lifecycle,
    LifecycleError,
    apply,
    destroy,
    leftovers,
    outputs,
    planned_changes,
    reconfigured,
)
from tests.harness.lifecycle.target import Target
from tests.harness.paths import SCENARIOS
from tests.harness.stacks import STACKS
from tests.harness.terraform import roots
from tests.integration import on_account
from tests.integration.conftest import Emulators, Lifecycles, Options
from tests.integration.google_api import Api
from tests.plugins.accounts import LOCAL

BY_NAME = {
    entry["name"]: {**entry, "group": group}
    for group, entries in documents.read(SCENARIOS).items()
    for entry in entries
}
# More than one for each task of a service.
_REQUESTS = 8


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where the scenarios of a stack run.

    ``options`` are those of the emulator, ``target`` returns its target from (URL, folder).
    ``inputs`` are inputs of every scenario, ``bucket`` is the output with the data bucket,
    ``entry`` those with the address of the load balancer and its URL.
    """

    options: Options
    target: Callable[[str, Path], Target]
    inputs: Mapping[str, Any]
    bucket: str
    entry: tuple[str, str]


# Failures of LiteLLM are no part of these scenarios, so a stand-in answers for every container.
CLOUDS: Mapping[str, Cloud] = {
    "gcp": Cloud(
        launch.GcpOptions(startup_seconds=3, producer_seconds=300),
        google.target,
        {
            "cloudsql_deletion_protection": False,
            "gcs_force_destroy": True,
            "skip_final_snapshot": True,
            # A scenario enables the slow resources that it needs.
            "create_database": False,
            "create_redis": False,
            "run_migrations": False,
        },
        "gcs_bucket",
        ("lb_ip", "lb_url"),
    ),
    "aws": Cloud(
        launch.AwsOptions(unhealthy_seconds=3),
        aws.target,
        {
            "db_deletion_protection": False,
            "s3_force_destroy": True,
            "skip_final_snapshot": True,
            # A scenario enables the slow resources that it needs.
            "create_database": False,
            "create_redis": False,
            "enable_access_logs": False,
            "enable_flow_logs": False,
            "run_migrations": False,
            "gateway_desired_count": 1,
            "gateway_min_capacity": 1,
        },
        "s3_bucket",
        ("alb_dns_name", "alb_url"),
    ),
}


def _again(lifecycle: Lifecycle, _: Mapping[str, Any]) -> None:
    destroy(lifecycle)
    apply(lifecycle)


def _twice(lifecycle: Lifecycle, inputs: Mapping[str, Any]) -> None:
    _again(lifecycle, inputs)
    destroy(lifecycle)


# With the lifecycle and the inputs of the scenario, which only the change applies.
STAGES: Mapping[str, Callable[[Lifecycle, Mapping[str, Any]], Any]] = {
    "apply": lambda lifecycle, _: apply(lifecycle),
    "change": apply,
    "destroy": lambda lifecycle, _: destroy(lifecycle),
    "again": _again,
    "twice": _twice,
}


ENDS_IN_DESTROY = ("destroy", "twice")


def _serves(lifecycle: Lifecycle, cloud: Cloud) -> list[int]:
    """The statuses of requests to the gateway."""
    address, url = (outputs(lifecycle)[name] for name in cloud.entry)
    with lifecycle.target.web(address) as session:
        return [session.get(f"{url}/v1/models", timeout=30).status_code for _ in range(_REQUESTS)]


def _store(lifecycle: Lifecycle, bucket: str) -> None:
    """Leave one noncurrent version in the bucket."""
    for data in (b"data of a user", None):
        lifecycle.target.control.store(outputs(lifecycle)[bucket], "a/file.txt", data)


def _parameter(name: str) -> Any:
    """The group of a scenario and its name; a scenario of the local clouds has no mark.

    The scheduler gives the tests of a group, which is the start of their names, to one worker.
    """
    scenario = BY_NAME[name]
    group, minutes = scenario["group"], scenario.get("account")
    needs = pytest.mark.account(_stack(group), minutes=minutes)
    return pytest.param(group, name, marks=[needs] if minutes else [], id=f"{group}: {name}")


def _stack(group: str) -> str:
    return group.partition("-")[0]


def _serving(
    config: pytest.Config, emulators: Emulators, cloud: Cloud
) -> AbstractContextManager[Any]:
    """The local cloud of a group, or nothing for an account."""
    if config.getoption("target") != LOCAL:
        return contextlib.nullcontext()
    return emulators(cloud.options)


def _named(text: str, lifecycle: Lifecycle) -> str:
    """The text of a scenario with the names of the stack and its project."""
    project = str(lifecycle.inputs().get("project", ""))
    return text.replace("acme-prod-1", project).replace("acme-litellm-dev", lifecycle.name)


def _gone(lifecycle: Lifecycle, keeps: Sequence[str] = ()) -> None:
    """Destroy a stack; only resources with names that start with ``keeps`` are left."""
    destroy(lifecycle)
    left = leftovers(lifecycle)
    assert [name for name in left if not name.startswith(tuple(keeps))] == []
    assert {start for start in keeps for name in left if name.startswith(start)} == set(keeps)
    if keeps:
        # The next scenario would find them.
        assert lifecycle.target.control.sweep(lifecycle.name)


@pytest.fixture(scope="module")
def standing(request: pytest.FixtureRequest, emulators: Emulators) -> Iterator[list[Lifecycle]]:
    """The corrected stack that one scenario of a group leaves to the next one, if any.

    The last one is destroyed when another group begins, which then reports what is left of it.
    """
    # Its providers end after the stack.
    request.getfixturevalue("lifecycles")
    stacks: list[Lifecycle] = []
    yield stacks
    if stacks:
        with _serving(request.config, emulators, CLOUDS[_stack(request.param)]):
            _gone(stacks.pop())


@pytest.mark.parametrize(
    ("standing", "name"),
    [_parameter(name) for name in BY_NAME],
    indirect=["standing"],
    scope="module",
)
def test_failure_has_a_diagnosis_that_fixes_it(
    standing: list[Lifecycle],
    name: str,
    lifecycles: Lifecycles,
    emulators: Emulators,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> None:
    scenario, config = BY_NAME[name], request.config
    stack, stage = _stack(scenario["group"]), scenario["fails"]
    cloud = CLOUDS[stack]
    failures = scenario.get("failures", [scenario])
    module = roots.copy_module(STACKS[stack], tmp_path / "source")
    for change in itertools.chain.from_iterable(entry.get("changes", []) for entry in failures):
        defects.change(module / change["file"], change["from"], change["to"])
    with _serving(config, emulators, cloud) as running:
        account = running is None
        inputs = {**cloud.inputs, **scenario.get("both", {})}
        changed = {k: v for entry in failures for k, v in entry.get("inputs", {}).items()}
        first = inputs if stage == "change" else {**inputs, **changed}
        if standing and stage == "apply":
            _gone(standing.pop())
        before = standing[0].inputs() if standing else {}
        if standing:
            lifecycle = reconfigured(standing.pop(), first, module)
        else:
            target = (
                on_account.target(config, stack)
                if account
                else cloud.target(running.url, tmp_path_factory.mktemp("target"))
            )
            lifecycle = lifecycles(target, first, module)
        # A corrected stack with the inputs of a change stands as it is.
        if stage != "apply" and not (stage == "change" and lifecycle.inputs() == before):
            apply(lifecycle)
        existing = scenario.get("existing", {})
        for path, body in existing.items():
            assert "error" not in Api(running.url).done("POST", path, body)
        if scenario.get("store"):
            _store(lifecycle, cloud.bucket)
        with pytest.raises(LifecycleError) as failure:
            STAGES[stage](lifecycle, changed)
        found = failure.value.diagnoses
        for entry in failures:
            start = _named(entry["diagnosis"], lifecycle)
            print(entry["name"], *[text for text in found if text.startswith(start)], sep=": ")
            assert any(text.startswith(start) for text in found), str(failure.value)
        if stage == "change":
            assert _serves(lifecycle, cloud) == [200] * _REQUESTS
        # The unchanged module has every remediation.
        # An account has the name of the run and not that of the data.
        own = {
            k: v for k, v in lifecycle.inputs().items() if k in ("tenant", "env", "tags", "labels")
        }
        corrected = reconfigured(lifecycle, {**inputs, **own})
        for path, body in existing.items():
            where, _, query = path.partition("?")
            resource = body.get("name") or query.rpartition("=")[2]
            assert "error" not in Api(running.url).done("DELETE", f"{where}/{resource}")
        if scenario.get("sweep"):
            assert lifecycle.target.control.sweep(lifecycle.name)
        apply(corrected, targets=scenario.get("targets", ()))
        if scenario.get("second"):
            assert planned_changes(corrected) == {}
        if account or stage in ENDS_IN_DESTROY:
            _gone(corrected, [_named(start, lifecycle) for start in scenario.get("keeps", [])])
        else:
            standing.append(corrected)
