"""The trial of the AWS example: apply, then destroy, and nothing is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hcl2

from tests.harness.emulators import launch
from tests.harness.lifecycle.run import apply, destroy, leftovers
from tests.harness.process.daemon import observed
from tests.harness.sdk import aws
from tests.harness.stacks import STACKS
from tests.integration.conftest import Lifecycles
from tests.integration.test_failure_scenarios import CLOUDS

EXAMPLE = STACKS["aws"].folder / "examples" / "default" / "terraform.tfvars.example"


def trial() -> dict[str, Any]:
    """The inputs that the example sets for a trial, which are comments in the file."""
    _, _, block = EXAMPLE.read_text().partition("# For a trial")
    lines = [line.removeprefix("# ") for line in block.splitlines() if " = " in line]
    values: dict[str, Any] = hcl2.loads("\n".join(lines) + "\n")
    return values


def test_trial_leaves_nothing_behind(lifecycles: Lifecycles, tmp_path: Path) -> None:
    cloud = CLOUDS["aws"]
    # Of its own: the account has no other log group.
    with launch.serving(launch.AwsOptions(), tmp_path / "cloud.log") as running:
        target = cloud.target(running.url, tmp_path)
        inputs = {**trial(), "allow_plaintext_alb": True, "run_migrations": False}
        lifecycle = lifecycles(target, inputs)
        apply(lifecycle)
        logs = aws.client(observed(running.url, "cloud")["url"], "logs", aws.REGION)
        groups = {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}
        assert "/aws/ecs/containerinsights/acme-litellm-dev/performance" in groups
        destroy(lifecycle)
        assert leftovers(lifecycle) == []
        # The group of enhanced monitoring carries no name of a stack.
        assert logs.describe_log_groups()["logGroups"] == []
