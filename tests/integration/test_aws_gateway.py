"""The planned gateway, run as a service of the AWS emulator, answers through its load balancer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from tests.harness.emulators.aws import cloud
from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.data_plane import reconciler, runners
from tests.harness.emulators.parts import redis
from tests.harness.litellm import release, server
from tests.harness.plan.view import Plan
from tests.harness.process.child import soon
from tests.harness.process.supervisor import supervising
from tests.harness.terraform import planning
from tests.integration.aws_resources import balancer, listener, network, target_group
from tests.integration.conftest import planned
from tests.integration.test_gateway import ANSWER, CHAT, INPUTS, KEY, with_key

# LiteLLM alone starts in about ten seconds.
START_SECONDS = 90


def prepared(aws: Cloud, plan: Plan) -> dict[str, Any]:
    """The planned container of the gateway, after creating the resources that it names."""
    (resource,) = (
        task_definition
        for task_definition in plan.of_type("aws_ecs_task_definition").values()
        if task_definition.index == "gateway"
    )
    container: dict[str, Any]
    (container,) = json.loads(resource.values["container_definitions"])
    variables = {entry["name"]: entry for entry in container["environment"]}
    secret = aws.client("secretsmanager").create_secret(Name="key", SecretString=KEY)["ARN"]
    for entry in container["secrets"]:
        entry["valueFrom"] = secret
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="config", CreateBucketConfiguration={"LocationConstraint": aws.region})
    key = variables["LITELLM_PROXY_CONFIG_S3_KEY"]["value"]
    s3.put_object(Bucket="config", Key=key, Body=server.configuration(plan).encode())
    variables["LITELLM_PROXY_CONFIG_S3_BUCKET"]["value"] = "config"
    replication_group = aws.client("elasticache").create_replication_group(
        ReplicationGroupId="redis",
        ReplicationGroupDescription="a",
        Engine="redis",
        NumCacheClusters=1,
        CacheNodeType="cache.t4g.small",
    )["ReplicationGroup"]
    variables["REDIS_HOST"]["value"] = replication_group["NodeGroups"][0]["PrimaryEndpoint"][
        "Address"
    ]
    return container


@pytest.fixture(scope="module")
def answers(resolved_session: planning.Session) -> Iterator[Mapping[str, requests.Response]]:
    """The answers to a chat with the master key, and without a key."""
    plan = planned(resolved_session, "aws", {**INPUTS, "create_redis": True})
    with supervising() as supervisor, requests.Session() as session:
        session.trust_env = False
        aws = cloud.start(supervisor)
        # This Redis has no TLS.
        hooks = runners.hooks(
            supervisor,
            release.installed(),
            lambda _: redis.start(supervisor),
            {
                "REDIS_SSL": "false",
                "AWS_ENDPOINT_URL_S3": aws.url,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
            },
        )
        with reconciler.reconciling(aws, supervisor, hooks) as data_plane:
            ecs, elb = aws.client("ecs"), aws.client("elbv2")
            vpc, subnets = network(aws)
            target = target_group(aws, "gateway", vpc, "/health/readiness")
            listener(aws, balancer(aws, "gateway", subnets, []), target)
            ecs.create_cluster(clusterName="gateway")
            definition = ecs.register_task_definition(
                family="gateway", containerDefinitions=[prepared(aws, plan)]
            )
            ecs.create_service(
                cluster="gateway",
                serviceName="gateway",
                taskDefinition=definition["taskDefinition"]["taskDefinitionArn"],
                desiredCount=1,
                loadBalancers=[
                    {"targetGroupArn": target, "containerName": "gateway", "containerPort": 4000}
                ],
            )

            def healthy() -> bool:
                answer = elb.describe_target_health(TargetGroupArn=target)
                states = [
                    description["TargetHealth"]["State"]
                    for description in answer["TargetHealthDescriptions"]
                ]
                return states == ["healthy"]

            assert soon(healthy, START_SECONDS), data_plane.problems
            url = f"http://127.0.0.1:{data_plane.balancers.proxies['gateway'].ports[80]}"
            chats = f"{url}/v1/chat/completions"
            yield {
                "key": session.post(chats, headers=with_key(KEY), json=CHAT, timeout=10),
                "none": session.post(chats, json=CHAT, timeout=10),
            }


def test_service_answers_a_chat(answers: Mapping[str, requests.Response]) -> None:
    answer = answers["key"]
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == ANSWER


def test_request_without_the_master_key_is_refused(
    answers: Mapping[str, requests.Response],
) -> None:
    assert answers["none"].status_code == 401
