"""What somebody changed behind Terraform's back stands in the next plan of the AWS stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.emulators import launch
from tests.harness.emulators.aws import target
from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.lifecycle.life import Life, apply, changes, destroy, outputs, plan, remains
from tests.harness.process import daemon as owned
from tests.integration.conftest import Lives
from tests.integration.test_stories import CLOUDS


@pytest.fixture
def there(lives: Lives, tmp_path: Path) -> Iterator[tuple[Life, Cloud]]:
    with launch.serving(launch.AwsOptions(), tmp_path / "cloud.log") as running:
        told = owned.told(running.url, "cloud")
        life = lives(target.target(running.url, tmp_path), CLOUDS["aws"].inputs)
        yield life, Cloud(told["url"], told["region"])


WIDE = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


def ingress_of(aws: Cloud, name: str) -> tuple[str, str]:
    """The id of a security group, and of its one rule of what comes in."""
    ec2 = aws.client("ec2")
    named = [{"Name": "group-name", "Values": [name]}]
    (group,) = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    within = [{"Name": "group-id", "Values": [group["GroupId"]]}]
    held = ec2.describe_security_group_rules(Filters=within)["SecurityGroupRules"]
    (rule,) = (one["SecurityGroupRuleId"] for one in held if not one["IsEgress"])
    return group["GroupId"], rule


def test_what_was_changed_by_hand_is_planned_back_and_applied(there: tuple[Life, Cloud]) -> None:
    life, aws = there
    apply(life)
    assert changes(plan(life)) == {}
    bucket = outputs(life)["s3_bucket"]
    aws.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    aws.client("s3").put_bucket_tagging(
        Bucket=bucket, Tagging={"TagSet": [{"Key": "litellm:stack", "Value": life.name}]}
    )
    aws.client("logs").put_retention_policy(logGroupName=f"/ecs/{life.name}/ui", retentionInDays=1)
    aws.client("logs").delete_log_group(logGroupName=f"/ecs/{life.name}/gateway")
    aws.client("iam").put_role_policy(
        RoleName=f"{life.name}-eu-west-1-backend-task",
        PolicyName="task",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [WIDE]}),
    )
    group, rule = ingress_of(aws, f"{life.name}-ui")
    aws.client("ec2").revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
    aws.client("ecs").update_service(
        cluster=life.name, service=f"{life.name}-ui-fixed", desiredCount=3
    )
    assert changes(plan(life)) == {
        'aws_cloudwatch_log_group.this["gateway"]': "create",
        'aws_cloudwatch_log_group.this["ui"]': "update",
        'aws_ecs_service.fixed["ui"]': "update",
        'aws_iam_role_policy.task["backend"]': "update",
        'aws_s3_bucket.this["data"]': "update",
        'aws_s3_bucket_versioning.this["data"]': "update",
        'aws_vpc_security_group_ingress_rule.this["ui-alb"]': "create",
    }
    apply(life)
    assert changes(plan(life)) == {}
    destroy(life)
    assert remains(life) == []
