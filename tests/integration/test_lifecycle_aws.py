"""The lifecycle of the AWS stack: each stage needs the stages before it.

``--stages=apply,verify`` runs a subset, ``--run-folder=DIR`` keeps the state.
"""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from tests.harness.accounts import targets
from tests.harness.lifecycle.run import Lifecycle, outputs
from tests.harness.process.child import soon
from tests.harness.sdk import aws
from tests.integration import readme
from tests.integration.conftest import stage
from tests.integration.dashboard import *  # noqa: F403
from tests.integration.probing import Client
from tests.integration.stages import *  # noqa: F403 -- they are the tests of this module
from tests.integration.stages import CONFIGURATION, DOMAIN, IMAGE, Case
from tests.integration.story import *  # noqa: F403

pytestmark = pytest.mark.account("aws", minutes=90)
# Its zones a and b are those of the first apply.
REGION = targets.region("aws")
ZONE = f"{REGION}c"
ZONES_AND_SCALE = {
    'aws_appautoscaling_target.this["gateway"]': "update",
    f'aws_subnet.private["{ZONE}"]': "create",
    f'aws_subnet.public["{ZONE}"]': "create",
    f'aws_route_table_association.private["{ZONE}"]': "create",
    f'aws_route_table_association.public["{ZONE}"]': "create",
    "aws_db_subnet_group.this[0]": "update",
    "aws_elasticache_subnet_group.this[0]": "update",
    "aws_lb.this": "update",
    'aws_ecs_service.autoscaled["gateway"]': "update",
    'aws_ecs_service.autoscaled["backend"]': "update",
    'aws_ecs_service.fixed["ui"]': "update",
    "terraform_data.deployments[0]": "replace",
}
CASE = Case(
    stack="aws",
    inputs={
        "alb_domain_name": DOMAIN,
        # An ARN does not name the domain: the emulator has one certificate.
        "acm_certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/"
        "12345678-1234-1234-1234-123456789012",
        "allow_plaintext_alb": False,
        # Each LiteLLM process takes ten seconds of a core to start.
        "gateway_desired_count": 1,
        "gateway_min_capacity": 1,
        "db_deletion_protection": False,
        "skip_final_snapshot": True,
        "s3_force_destroy": True,
        "store_request_logs": True,
        "tags": {"team": "platform"},
    },
    entry=("alb_dns_name", "alb_url", "s3_bucket"),
    labels={"litellm:stack": "acme-litellm-dev", "managed-by": "terraform", "team": "platform"},
    jobs=2,
    secrets=2,
    changes={
        "configuration and password": (
            CONFIGURATION,
            {
                "aws_s3_object.proxy_config": "update",
                'aws_iam_role_policy.secrets["backend"]': "update",
                'aws_secretsmanager_secret.this["ui_password"]': "create",
                'aws_secretsmanager_secret_version.this["master_key"]': "replace",
                'aws_secretsmanager_secret_version.this["ui_password"]': "create",
                'aws_ecs_task_definition.service["gateway"]': "replace",
                'aws_ecs_task_definition.service["backend"]': "replace",
                'aws_ecs_service.autoscaled["gateway"]': "update",
                'aws_ecs_service.autoscaled["backend"]': "update",
                "terraform_data.deployments[0]": "replace",
            },
        ),
        "image and zones and scale": (
            {
                **IMAGE,
                "azs": [ZONE, f"{REGION}b", f"{REGION}a"],
                "gateway_desired_count": 2,
                "gateway_min_capacity": 2,
                "ui_desired_count": 2,
            },
            {**ZONES_AND_SCALE, 'aws_ecs_task_definition.service["gateway"]': "replace"},
        ),
    },
    without_image={"zones and scale": ZONES_AND_SCALE},
)


@stage("verify")
def test_command_of_the_readme_prints_the_master_key(lifecycle: Lifecycle, tmp_path: Path) -> None:
    (command,) = readme.blocks(lifecycle.target.stack, "aws")
    assert readme.output(lifecycle, command, tmp_path) == lifecycle.inputs()["litellm_master_key"]


@stage("verify")
def test_request_log_is_in_the_data_bucket(lifecycle: Lifecycle, client: Client) -> None:
    body = {"model": "mock", "messages": [{"role": "user", "content": "a prompt to find"}]}
    answer = client.request("/v1/chat/completions", "POST", json=body, key="master")
    assert answer.status_code == 200, answer.text
    url = lifecycle.target.environment.get("AWS_ENDPOINT_URL")
    s3 = aws.client(url, "s3") if url else boto3.client("s3", lifecycle.inputs()["region"])
    bucket = outputs(lifecycle)["s3_bucket"]

    def written() -> bool:
        objects = s3.list_objects_v2(Bucket=bucket, Prefix="request-logs/").get("Contents", [])
        bodies = (s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in objects)
        return any(b"a prompt to find" in body for body in bodies)

    # LiteLLM writes a batch every ten seconds.
    assert soon(written, 60, 1)
