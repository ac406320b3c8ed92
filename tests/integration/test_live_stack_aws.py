"""The trial of the AWS example: it shows drift, survives a failed migration, and leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import hcl2
import pytest

from tests.harness.emulators import launch
from tests.harness.emulators.aws import target
from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.lifecycle.run import (
    Lifecycle,
    LifecycleError,
    apply,
    changes,
    destroy,
    leftovers,
    outputs,
    plan,
    planned_changes,
    ready,
)
from tests.harness.process import daemon
from tests.harness.stacks import STACKS
from tests.integration.conftest import Lifecycles

EXAMPLE = STACKS["aws"].folder / "examples" / "default" / "terraform.tfvars.example"
# The services and the migrations get another task definition.
UPGRADE = {"image_tag": "next", "secrets_version": 2}
BROKEN = {"migrations_image": "docker.io/litellm/litellm-backend:broken"}


def trial() -> dict[str, Any]:
    """The inputs that the example sets for a trial, which are comments in the file."""
    _, _, block = EXAMPLE.read_text().partition("# For a trial")
    lines = [line.removeprefix("# ") for line in block.splitlines() if " = " in line]
    values: dict[str, Any] = hcl2.loads("\n".join(lines) + "\n")
    return values


@pytest.fixture(scope="module")
def stack(
    lifecycles: Lifecycles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lifecycle, Cloud]]:
    """The trial in an account with no other log group; each test leaves it without a change."""
    folder = tmp_path_factory.mktemp("live")
    with launch.serving(launch.AwsOptions(), folder / "cloud.log") as running:
        endpoint = daemon.observed(running.url, "cloud")
        one = {"gateway_desired_count": 1, "gateway_min_capacity": 1}
        inputs = {**trial(), **one, "allow_plaintext_alb": True}
        lifecycle = lifecycles(target.target(running.url, folder), inputs)
        apply(lifecycle)
        yield lifecycle, Cloud(endpoint["url"], endpoint["region"])


WIDE = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


def ingress_of(aws: Cloud, name: str) -> tuple[str, str]:
    """The id of a security group, and the id of its only ingress rule."""
    ec2 = aws.client("ec2")
    name_filter = [{"Name": "group-name", "Values": [name]}]
    (group,) = ec2.describe_security_groups(Filters=name_filter)["SecurityGroups"]
    group_filter = [{"Name": "group-id", "Values": [group["GroupId"]]}]
    rules = ec2.describe_security_group_rules(Filters=group_filter)["SecurityGroupRules"]
    (rule,) = (described["SecurityGroupRuleId"] for described in rules if not described["IsEgress"])
    return group["GroupId"], rule


def test_drift_is_planned_and_corrected(
    stack: tuple[Lifecycle, Cloud],
) -> None:
    lifecycle, aws = stack
    bucket = outputs(lifecycle)["s3_bucket"]
    aws.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    aws.client("s3").put_bucket_tagging(
        Bucket=bucket, Tagging={"TagSet": [{"Key": "litellm:stack", "Value": lifecycle.name}]}
    )
    aws.client("logs").put_retention_policy(
        logGroupName=f"/ecs/{lifecycle.name}/ui", retentionInDays=1
    )
    aws.client("logs").delete_log_group(logGroupName=f"/ecs/{lifecycle.name}/gateway")
    aws.client("iam").put_role_policy(
        RoleName=f"{lifecycle.name}-eu-west-1-backend-task",
        PolicyName="task-litellm_app",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [WIDE]}),
    )
    group, rule = ingress_of(aws, f"{lifecycle.name}-ui")
    aws.client("ec2").revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
    aws.client("ecs").update_service(
        cluster=lifecycle.name, service=f"{lifecycle.name}-ui-fixed", desiredCount=3
    )
    assert changes(plan(lifecycle)) == {
        'aws_cloudwatch_log_group.this["gateway"]': "create",
        'aws_cloudwatch_log_group.this["ui"]': "update",
        'aws_ecs_service.fixed["ui"]': "update",
        'aws_iam_role_policy.task["backend"]': "update",
        'aws_s3_bucket.this["data"]': "update",
        'aws_s3_bucket_versioning.this["data"]': "update",
        'aws_vpc_security_group_ingress_rule.this["ui-alb"]': "create",
    }
    apply(lifecycle)
    assert planned_changes(lifecycle) == {}


def task_definitions(ecs: Any, cluster: str) -> Mapping[str, tuple[str, str]]:
    """The task definition of each service, with its status."""
    arns = ecs.list_services(cluster=cluster)["serviceArns"]
    services = ecs.describe_services(cluster=cluster, services=arns)["services"]
    found = {}
    for service in services:
        arn = service["taskDefinition"]
        described = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        found[service["serviceName"]] = (arn, described["status"])
    return found


def test_failed_migration_keeps_what_the_services_run(stack: tuple[Lifecycle, Cloud]) -> None:
    lifecycle, aws = stack
    ready(lifecycle)
    ecs = aws.client("ecs")
    before = task_definitions(ecs, lifecycle.name)
    assert {status for _, status in before.values()} == {"ACTIVE"}

    with pytest.raises(LifecycleError, match="migrations"):
        apply(lifecycle, {**UPGRADE, **BROKEN})
    assert task_definitions(ecs, lifecycle.name) == before
    ready(lifecycle)

    apply(lifecycle, dict.fromkeys(BROKEN))
    ready(lifecycle)
    after = task_definitions(ecs, lifecycle.name)
    assert {status for _, status in after.values()} == {"ACTIVE"}
    assert {name for name, (arn, _) in after.items() if arn == before[name][0]} == set()
    assert planned_changes(lifecycle) == {}


# The last one: it ends the stack.
def test_trial_leaves_nothing_behind(stack: tuple[Lifecycle, Cloud]) -> None:
    lifecycle, aws = stack
    logs = aws.client("logs")
    groups = {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}
    assert f"/aws/ecs/containerinsights/{lifecycle.name}/performance" in groups
    destroy(lifecycle)
    assert leftovers(lifecycle) == []
    # The group of enhanced monitoring carries no name of a stack.
    assert logs.describe_log_groups()["logGroups"] == []
