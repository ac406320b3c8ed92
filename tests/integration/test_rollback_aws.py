"""A failed migration leaves an AWS stack that still runs, scales and can roll back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.emulators import launch
from tests.harness.lifecycle.run import (
    LifecycleError,
    apply,
    changes,
    destroy,
    leftovers,
    plan,
    ready,
    reconfigured,
)
from tests.harness.process.daemon import observed
from tests.harness.sdk import aws
from tests.integration.conftest import Emulators, Lifecycles
from tests.integration.test_failure_scenarios import CLOUDS

CLOUD = CLOUDS["aws"]
CLUSTER = "acme-litellm-dev"
INPUTS = {**CLOUD.inputs, "create_database": True, "run_migrations": True}
# The services and the migrations get another task definition.
UPGRADE = {"image_tag": "next", "secrets_version": 2}
BROKEN = {"migrations_image": "docker.io/litellm/litellm-backend:broken"}


def task_definitions(ecs: Any) -> Mapping[str, tuple[str, str]]:
    """The task definition of each service, with its status."""
    arns = ecs.list_services(cluster=CLUSTER)["serviceArns"]
    services = ecs.describe_services(cluster=CLUSTER, services=arns)["services"]
    found = {}
    for service in services:
        arn = service["taskDefinition"]
        described = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        found[service["serviceName"]] = (arn, described["status"])
    return found


def test_failed_migration_keeps_what_the_services_run(
    lifecycles: Lifecycles, emulators: Emulators, tmp_path: Path
) -> None:
    with emulators(launch.AwsOptions()) as running:
        target = CLOUD.target(running.url, tmp_path)
        lifecycle = lifecycles(target, INPUTS)
        apply(lifecycle)
        ready(lifecycle)
        ecs = aws.client(observed(running.url, "cloud")["url"], "ecs", aws.REGION)
        before = task_definitions(ecs)
        assert {status for _, status in before.values()} == {"ACTIVE"}

        broken = reconfigured(lifecycle, {**INPUTS, **UPGRADE, **BROKEN})
        with pytest.raises(LifecycleError, match="migrations"):
            apply(broken)
        assert task_definitions(ecs) == before
        ready(broken)

        corrected = reconfigured(broken, {**INPUTS, **UPGRADE})
        apply(corrected)
        ready(corrected)
        after = task_definitions(ecs)
        assert {status for _, status in after.values()} == {"ACTIVE"}
        assert {name for name, (arn, _) in after.items() if arn == before[name][0]} == set()
        assert changes(plan(corrected)) == {}
        destroy(corrected)
        assert leftovers(corrected) == []
