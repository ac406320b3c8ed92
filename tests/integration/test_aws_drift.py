"""The next plan of the AWS stack shows a change that was made outside Terraform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.emulators import launch
from tests.harness.emulators.aws import target
from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.lifecycle.run import Lifecycle, apply, changes, destroy, leftovers, outputs, plan
from tests.harness.process import daemon
from tests.integration.conftest import Emulators, Lifecycles
from tests.integration.test_failure_scenarios import CLOUDS


@pytest.fixture
def stack(
    lifecycles: Lifecycles, emulators: Emulators, tmp_path: Path
) -> Iterator[tuple[Lifecycle, Cloud]]:
    with emulators(launch.AwsOptions()) as running:
        endpoint = daemon.observed(running.url, "cloud")
        lifecycle = lifecycles(target.target(running.url, tmp_path), CLOUDS["aws"].inputs)
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
    apply(lifecycle)
    assert changes(plan(lifecycle)) == {}
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
    assert changes(plan(lifecycle)) == {}
    destroy(lifecycle)
    assert leftovers(lifecycle) == []
