"""The AWS emulator answers as AWS does, and its data plane follows the control plane."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.harness.emulators.aws import cloud
from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.data_plane import reconciler, runners
from tests.harness.emulators.aws.data_plane.reconciler import Finished, Hooks, Reconciler
from tests.harness.emulators.aws.data_plane.tasks import Work
from tests.harness.emulators.parts import postgres
from tests.harness.lifecycle import aws_inventory
from tests.harness.litellm import migrations
from tests.harness.plan.view import Plan
from tests.harness.process import child
from tests.harness.process.child import alive
from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import Command, Supervisor, supervising
from tests.harness.sdk import aws as clients
from tests.harness.terraform import binary, planning, providers
from tests.harness.terraform.command import Terraform
from tests.harness.terraform.providers import Choice
from tests.integration.aws_resources import (
    balancer,
    forward,
    group,
    listener,
    network,
    target_group,
)
from tests.integration.conftest import planned

# A look takes a call through two processes, and the data plane takes 0.4 s to follow.
soon = partial(child.soon, pause=0.2)


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    """The supervisor of an AWS API; its folder ends with it."""
    with supervising() as running:
        yield running
    assert not running.folder.exists()


@pytest.fixture(scope="module")
def aws(supervisor: Supervisor) -> Cloud:
    """An AWS API without a data plane."""
    return cloud.start(supervisor)


def refused(call: Callable[..., Any], **parameters: Any) -> str:
    """The error code of a refused call."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])


def paths(*values: str) -> list[dict[str, Any]]:
    return [{"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}]


# ---- The server ----


def listening(port: int) -> list[str]:
    text = "\n".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    return [line.split()[1] for line in text.splitlines() if f":{port:04X} " in line]


def test_emulator_uses_only_loopback_and_its_folder(aws: Cloud, supervisor: Supervisor) -> None:
    aws.client("s3").list_buckets()
    children = Path(
        f"/proc/{supervisor.process.pid}/task/{supervisor.process.pid}/children"
    ).read_text()
    inodes = {
        link.readlink().name.removeprefix("socket:[").removesuffix("]")
        for pid in children.split()
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink() and link.readlink().name.startswith("socket:")
    }
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    bound = {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}
    assert bound == {"0100007F"}
    written = [
        link.readlink()
        for pid in children.split()
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink() and link.readlink().is_absolute()
    ]
    files = [path for path in written if not path.is_relative_to("/dev")]
    assert all(path.is_relative_to(supervisor.folder) for path in files), files


def test_object_is_returned_unchanged(aws: Cloud) -> None:
    s3 = aws.client("s3")
    place = {"LocationConstraint": aws.region}
    s3.create_bucket(Bucket="round-trip", CreateBucketConfiguration=place)
    s3.put_object(Bucket="round-trip", Key="a b/ä", Body=b"xyz" * 1000)
    assert s3.head_object(Bucket="round-trip", Key="a b/ä")["ContentLength"] == 3000
    assert s3.get_object(Bucket="round-trip", Key="a b/ä")["Body"].read() == b"xyz" * 1000


def test_provider_block_names_only_the_emulator() -> None:
    text = cloud.provider_block("http://127.0.0.1:1", "eu-west-1")
    assert text.count("http://127.0.0.1:1") == len(cloud.SERVICES) + 2
    assert "s3_use_path_style           = true" in text


ROOT = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

resource "aws_vpc" "this" {
  cidr_block = "10.9.0.0/16"
  tags       = { Name = "applied" }
}

resource "aws_s3_bucket" "this" {
  bucket = "applied-by-the-provider"
  tags   = { Name = "applied" }
}
"""


@contextlib.contextmanager
def root(aws: Cloud, choice: Choice, folder: Path) -> Iterator[Terraform]:
    """An initialized root that applies to the emulator."""
    (folder / "main.tf").write_text(ROOT + cloud.provider_block(aws.url, aws.region))
    with providers.environment(choice, folder) as environment:
        terraform = Terraform(
            folder, binary.find(folder).binary, {**environment, **cloud.environment(aws)}
        )
        terraform.execute_command("init", "-input=false", "-no-color")
        yield terraform


def test_provider_block_fits_the_schema(aws: Cloud, tmp_path: Path) -> None:
    # Only the schema of the oldest release has the names of the services.
    with root(aws, providers.choose("offline"), tmp_path) as terraform:
        terraform.execute_command("validate", "-no-color")


@pytest.mark.needs("aws_plugin")
def test_real_provider_applies_and_destroys(aws: Cloud, tmp_path: Path) -> None:
    choice = providers.choose(f"mirror:{os.environ[providers.MIRROR]}")
    with root(aws, choice, tmp_path) as terraform:
        terraform.execute_command("apply", "-auto-approve", "-input=false", "-no-color")
        replan = terraform.run("plan", "-detailed-exitcode", "-input=false", "-no-color")
        assert replan.retcode == 0, replan.out
        names = {"Name": "tag:Name", "Values": ["applied"]}
        assert len(aws.client("ec2").describe_vpcs(Filters=[names])["Vpcs"]) == 1
        terraform.execute_command("destroy", "-auto-approve", "-input=false", "-no-color")
        assert aws.client("ec2").describe_vpcs(Filters=[names])["Vpcs"] == []


def test_plugin_is_found_only_in_a_mirror(tmp_path: Path) -> None:
    assert providers.plugin("aws", {}) is None
    assert providers.plugin("aws", {providers.MIRROR: str(tmp_path)}) is None
    plugins = tmp_path / "registry.terraform.io/hashicorp/aws"
    for version in ("5.99.1", "5.100.0"):
        (plugins / version).mkdir(parents=True)
    assert providers.plugin("aws", {providers.MIRROR: str(tmp_path)}) == plugins / "5.100.0"


# ---- Refusals: the network ----


def test_referenced_security_group_is_not_deleted(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    vpc, _ = network(aws, 0)
    referenced, referencing = group(aws, vpc, "named"), group(aws, vpc, "naming")
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 80,
        "UserIdGroupPairs": [{"GroupId": referenced}],
    }
    ec2.authorize_security_group_ingress(GroupId=referencing, IpPermissions=[permission])
    assert refused(ec2.delete_security_group, GroupId=referenced) == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=referencing, IpPermissions=[permission])
    ec2.delete_security_group(GroupId=referenced)


def test_load_balancer_dependencies_are_not_deleted(aws: Cloud) -> None:
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    vpc, subnets = network(aws)
    guard = group(aws, vpc)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    attachment = {"InternetGatewayId": gateway, "VpcId": vpc}
    ec2.attach_internet_gateway(**attachment)
    arn = balancer(aws, "uses", subnets, [guard])
    violation = "DependencyViolation"
    assert refused(ec2.delete_security_group, GroupId=guard) == violation
    assert refused(ec2.delete_subnet, SubnetId=subnets[0]) == violation
    assert refused(ec2.detach_internet_gateway, **attachment) == violation
    assert refused(ec2.delete_vpc, VpcId=vpc) == violation
    elb.delete_load_balancer(LoadBalancerArn=arn)
    ec2.delete_security_group(GroupId=guard)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    assert refused(ec2.delete_internet_gateway, InternetGatewayId=gateway) == violation
    assert refused(ec2.delete_vpc, VpcId=vpc) == violation
    ec2.detach_internet_gateway(**attachment)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)


def test_network_with_a_nat_gateway_is_not_deleted(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    vpc, (subnet,) = network(aws, 1)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    link = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert refused(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    assert refused(ec2.delete_route_table, RouteTableId=table) == "DependencyViolation"
    ec2.disassociate_route_table(AssociationId=link)
    ec2.delete_nat_gateway(NatGatewayId=gateway["NatGateway"]["NatGatewayId"])
    ec2.delete_subnet(SubnetId=subnet)
    assert refused(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_vpc(VpcId=vpc)


# ---- Refusals: load balancers ----


def test_invalid_listener_rule_is_refused(aws: Cloud) -> None:
    elb = aws.client("elbv2")
    vpc, subnets = network(aws)
    arn = balancer(aws, "rules", subnets, [group(aws, vpc)])
    target = target_group(aws, "rules", vpc)
    arguments = {"ListenerArn": listener(aws, arn, target), "Actions": forward(target)}
    rule = elb.create_rule(**arguments, Priority=1, Conditions=paths(*"abcde"))["Rules"][0][
        "RuleArn"
    ]
    assert (
        refused(elb.create_rule, **arguments, Priority=1, Conditions=paths("/b")) == "PriorityInUse"
    )
    six = paths(*"abcdef")
    assert refused(elb.create_rule, **arguments, Priority=2, Conditions=six) == "ValidationError"
    methods = {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}}
    six = [*paths(*"abcde"), methods]
    assert refused(elb.create_rule, **arguments, Priority=2, Conditions=six) == "ValidationError"
    assert refused(elb.modify_rule, RuleArn=rule, Conditions=six) == "ValidationError"
    elb.delete_rule(RuleArn=rule)
    for priority in range(1, 101):
        elb.create_rule(**arguments, Priority=priority, Conditions=paths("/b"))
    excess = {**arguments, "Priority": 101, "Conditions": paths("/b")}
    assert refused(elb.create_rule, **excess) == "TooManyRules"
    rules = elb.describe_rules(ListenerArn=arguments["ListenerArn"])["Rules"]
    elb.delete_rule(RuleArn=rules[-1]["RuleArn"])
    elb.create_rule(**excess)


def test_used_target_group_is_not_deleted(aws: Cloud) -> None:
    elb = aws.client("elbv2")
    vpc, subnets = network(aws)
    arn = balancer(aws, "in-use", subnets, [group(aws, vpc)])
    default, other = target_group(aws, "default", vpc), target_group(aws, "named", vpc)
    listener_arn = listener(aws, arn, default)
    forwarding = {"ListenerArn": listener_arn, "Actions": forward(other)}
    rule = elb.create_rule(**forwarding, Priority=1, Conditions=paths("/a"))["Rules"][0]["RuleArn"]
    for arn_in_use in (default, other):
        assert refused(elb.delete_target_group, TargetGroupArn=arn_in_use) == "ResourceInUse"
    elb.delete_rule(RuleArn=rule)
    elb.delete_target_group(TargetGroupArn=other)
    elb.delete_listener(ListenerArn=listener_arn)
    elb.delete_target_group(TargetGroupArn=default)


def test_load_balancer_deletion_obeys_protection(
    aws: Cloud,
) -> None:
    elb = aws.client("elbv2")
    vpc, subnets = network(aws)
    arn = balancer(aws, "protected", subnets, [group(aws, vpc)])
    listener_arn = listener(aws, arn, target_group(aws, "protected", vpc))
    for value in ("true", "false"):
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=arn,
            Attributes=[{"Key": "deletion_protection.enabled", "Value": value}],
        )
        if value == "true":
            code = refused(elb.delete_load_balancer, LoadBalancerArn=arn)
            assert code == "OperationNotPermitted"
    elb.delete_load_balancer(LoadBalancerArn=arn)
    assert listener_arn not in {
        described["ListenerArn"] for described in elb.describe_listeners()["Listeners"]
    }


# ---- Refusals: stores ----


def cluster(aws: Cloud, name: str, **arguments: Any) -> dict[str, Any]:
    answer = aws.client("rds").create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="main",
        ManageMasterUserPassword=True,
        DatabaseName="litellm",
        **arguments,
    )
    return dict(answer["DBCluster"])


def test_database_deletion_takes_a_new_snapshot_name(aws: Cloud) -> None:
    rds = aws.client("rds")
    cluster(aws, "first", DeletionProtection=True)
    cluster(aws, "second")
    final = {"FinalDBSnapshotIdentifier": "final"}
    code = refused(rds.delete_db_cluster, DBClusterIdentifier="first", **final)
    assert code == "InvalidParameterCombination"
    rds.modify_db_cluster(DBClusterIdentifier="first", DeletionProtection=False)
    code = refused(rds.delete_db_cluster, DBClusterIdentifier="first")
    assert code == "InvalidParameterCombination"
    rds.delete_db_cluster(DBClusterIdentifier="first", **final)
    code = refused(rds.delete_db_cluster, DBClusterIdentifier="second", **final)
    assert code == "DBClusterSnapshotAlreadyExistsFault"
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="final")
    rds.delete_db_cluster(DBClusterIdentifier="second", **final)


def test_store_dependencies_are_not_deleted(aws: Cloud) -> None:
    ec2, rds, cache = (aws.client(name) for name in ("ec2", "rds", "elasticache"))
    vpc, subnets = network(aws)
    guard = group(aws, vpc)
    subnet_group = {"DBSubnetGroupName": "store"}
    rds.create_db_subnet_group(**subnet_group, DBSubnetGroupDescription="a", SubnetIds=subnets)
    parameters = {"DBClusterParameterGroupName": "store"}
    rds.create_db_cluster_parameter_group(
        **parameters, DBParameterGroupFamily="aurora-postgresql16", Description="a"
    )
    cluster(aws, "store", **subnet_group, **parameters, VpcSecurityGroupIds=[guard])
    instance = {"DBInstanceIdentifier": "writer"}
    rds.create_db_instance(
        **instance,
        DBClusterIdentifier="store",
        Engine="aurora-postgresql",
        DBInstanceClass="db.t4g.medium",
    )
    caches = {"CacheSubnetGroupName": "store"}
    cache.create_cache_subnet_group(
        **caches, CacheSubnetGroupDescription="a", SubnetIds=subnets[:1]
    )
    replicas = {"ReplicationGroupId": "store"}
    cache.create_replication_group(
        **replicas,
        **caches,
        ReplicationGroupDescription="a",
        Engine="redis",
        NumCacheClusters=1,
        CacheNodeType="cache.t4g.small",
        SecurityGroupIds=[guard],
    )
    assert refused(ec2.delete_security_group, GroupId=guard) == "DependencyViolation"
    assert refused(ec2.delete_subnet, SubnetId=subnets[1]) == "DependencyViolation"
    assert refused(rds.delete_db_subnet_group, **subnet_group) == "InvalidDBSubnetGroupStateFault"
    code = refused(rds.delete_db_cluster_parameter_group, **parameters)
    assert code == "InvalidDBParameterGroupState"
    assert refused(cache.delete_cache_subnet_group, **caches) == "CacheSubnetGroupInUse"
    rds.delete_db_instance(**instance, SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier="store", SkipFinalSnapshot=True)
    rds.delete_db_subnet_group(**subnet_group)
    rds.delete_db_cluster_parameter_group(**parameters)
    assert refused(ec2.delete_security_group, GroupId=guard) == "DependencyViolation"
    cache.delete_replication_group(**replicas)
    cache.delete_cache_subnet_group(**caches)
    ec2.delete_security_group(GroupId=guard)
    ec2.delete_subnet(SubnetId=subnets[1])


def test_secret_name_is_taken_in_its_recovery_window(aws: Cloud) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name="taken", SecretString="a")
    assert refused(secrets.create_secret, Name="taken") == "ResourceExistsException"
    secrets.delete_secret(SecretId="taken", RecoveryWindowInDays=7)
    assert refused(secrets.create_secret, Name="taken") == "InvalidRequestException"
    secrets.restore_secret(SecretId="taken")
    secrets.delete_secret(SecretId="taken", ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name="taken", SecretString="a")


def test_bucket_with_a_version_is_not_deleted(aws: Cloud) -> None:
    s3 = aws.client("s3")
    bucket = {"Bucket": "versions"}
    s3.create_bucket(**bucket, CreateBucketConfiguration={"LocationConstraint": aws.region})
    s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(**bucket, Key="a", Body=b"a")
    assert refused(s3.delete_bucket, **bucket) == "BucketNotEmpty"
    s3.delete_object(**bucket, Key="a")
    assert refused(s3.delete_bucket, **bucket) == "BucketNotEmpty"
    answer = s3.list_object_versions(**bucket)
    for version in (*answer["Versions"], *answer["DeleteMarkers"]):
        s3.delete_object(**bucket, Key="a", VersionId=version["VersionId"])
    s3.delete_bucket(**bucket)


# ---- Application Auto Scaling ----


def definition(aws: Cloud, family: str, **container: Any) -> str:
    answer = aws.client("ecs").register_task_definition(
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "stand-in", "essential": True, **container}],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def test_scaling_target_and_policy_are_returned(aws: Cloud) -> None:
    ecs, scaling = aws.client("ecs"), aws.client("application-autoscaling")
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/scaled/app",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    sizes = {"MinCapacity": 1, "MaxCapacity": 4}
    assert refused(scaling.register_scalable_target, **target, **sizes) == "ValidationException"
    ecs.create_cluster(clusterName="scaled")
    service = {"cluster": "scaled", "serviceName": "app", "launchType": "FARGATE"}
    ecs.create_service(**service, taskDefinition=definition(aws, "scaled"), desiredCount=1)
    code = refused(ecs.delete_cluster, cluster="scaled")
    assert code == "ClusterContainsServicesException"
    policy = {"PolicyName": "cpu", **target}
    tracking = {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
        },
    }
    configuration = {"TargetTrackingScalingPolicyConfiguration": tracking}
    code = refused(
        scaling.put_scaling_policy, **policy, PolicyType="TargetTrackingScaling", **configuration
    )
    assert code == "ObjectNotFoundException"
    arn = scaling.register_scalable_target(**target, **sizes, Tags={"a": "b"})["ScalableTargetARN"]
    scaling.put_scaling_policy(**policy, PolicyType="TargetTrackingScaling", **configuration)
    scaling.register_scalable_target(**target, MaxCapacity=6)
    (returned_target,) = scaling.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[target["ResourceId"]]
    )["ScalableTargets"]
    assert (
        returned_target["MinCapacity"],
        returned_target["MaxCapacity"],
        returned_target["ScalableTargetARN"],
    ) == (1, 6, arn)
    (returned_policy,) = scaling.describe_scaling_policies(**target)["ScalingPolicies"]
    assert returned_policy["TargetTrackingScalingPolicyConfiguration"] == tracking
    scaling.tag_resource(ResourceARN=arn, Tags={"c": "d"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"c": "d"}
    scaling.delete_scaling_policy(**policy)
    assert refused(scaling.delete_scaling_policy, **policy) == "ObjectNotFoundException"
    scaling.deregister_scalable_target(**target)
    assert refused(scaling.deregister_scalable_target, **target) == "ObjectNotFoundException"


# ---- Completions ----


def test_arguments_are_returned_as_set(aws: Cloud) -> None:
    ec2, rds = aws.client("ec2"), aws.client("rds")
    vpc, (subnet,) = network(aws, 1)
    tags = [{"Key": "a", "Value": "b"}]
    (flow,) = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::logs/flow/",
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tags}],
    )["FlowLogIds"]
    (returned,) = ec2.describe_flow_logs(FlowLogIds=[flow])["FlowLogs"]
    assert returned["Tags"] == tags
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    created = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    (returned,) = ec2.describe_nat_gateways(NatGatewayIds=[created["NatGatewayId"]])["NatGateways"]
    for gateway in (created, returned):
        assert [part["AllocationId"] for part in gateway["NatGatewayAddresses"]] == [address]
    identifier = {"DBClusterIdentifier": "exports"}
    assert cluster(aws, "exports", EnableCloudwatchLogsExports=["postgresql"])[
        "EnabledCloudwatchLogsExports"
    ] == ["postgresql"]
    change = {"DisableLogTypes": ["postgresql"]}
    rds.modify_db_cluster(**identifier, CloudwatchLogsExportConfiguration=change)
    (returned,) = rds.describe_db_clusters(**identifier)["DBClusters"]
    assert returned.get("EnabledCloudwatchLogsExports", []) == []
    _, subnets = network(aws)
    arn = balancer(aws, "capacity", subnets, [])
    aws.client("elbv2").describe_capacity_reservation(LoadBalancerArn=arn)


def test_s3_control_returns_bucket_tags_through_the_proxy(aws: Cloud) -> None:
    place = {"LocationConstraint": aws.region}
    aws.client("s3").create_bucket(Bucket="controlled", CreateBucketConfiguration=place)
    config = Config(proxies={"http": aws.url})
    control = clients.session().client("s3control", endpoint_url=aws.url, config=config)
    resource = {"AccountId": "123456789012", "ResourceArn": "arn:aws:s3:::controlled"}
    control.tag_resource(**resource, Tags=[{"Key": "a", "Value": "b"}])
    assert control.list_tags_for_resource(**resource)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_proxy_refuses_other_hosts(aws: Cloud) -> None:
    with requests.Session() as session:
        session.trust_env = False
        proxies = {"http": aws.url, "https": aws.url}
        answer = session.get("http://nowhere.invalid/a", proxies=proxies, timeout=5)
        assert answer.status_code == 403
        with pytest.raises(requests.exceptions.ProxyError):
            session.get("https://nowhere.invalid/a", proxies=proxies, timeout=5)


# ---- The data plane ----

SERVER = """
import http.server, json, os, sys, time
started = time.monotonic()
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        healthy = time.monotonic() - started > float(os.environ.get("SICK_SECONDS", 0))
        self.send_response(200 if healthy or self.path != "/health" else 503)
        body = json.dumps({"name": os.environ["NAME"], "path": self.path}).encode()
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@dataclasses.dataclass(frozen=True, slots=True)
class StandIn:
    """A process in place of a container, which answers with its name."""

    pid: int
    port: int
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Emulator:
    """An AWS API with a data plane, and the programs that it started."""

    aws: Cloud
    reconciler: Reconciler
    started: list[StandIn]
    works: list[Work]

    def running(self, name: str) -> list[StandIn]:
        """The running stand-ins with a name."""
        return [
            stand_in for stand_in in self.started if stand_in.name == name and alive(stand_in.pid)
        ]

    def health(self, target: str) -> list[str]:
        """The states of the targets of a target group."""
        answer = self.aws.client("elbv2").describe_target_health(TargetGroupArn=target)
        return sorted(
            target_health["TargetHealth"]["State"]
            for target_health in answer["TargetHealthDescriptions"]
        )

    def service(self, cluster_name: str) -> dict[str, Any]:
        """The service ``app`` of a cluster, as ECS returns it."""
        answer = self.aws.client("ecs").describe_services(cluster=cluster_name, services=["app"])
        return dict(answer["services"][0])


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """An AWS API with a data plane: processes, Envoys and PostgreSQL servers."""
    started: list[StandIn] = []
    works: list[Work] = []

    def start(supervisor: Supervisor, work: Work) -> StandIn:
        if "BROKEN" in work.environment:
            raise RuntimeError("the container does not start")
        works.append(work)
        port, log = free_port(), supervisor.folder / f"{work.name}.log"
        environment = {**work.environment, "NAME": work.environment["NAME"]}
        command = Command([sys.executable, "-c", SERVER, str(port)], str(log), environment)
        stand_in = StandIn(supervisor.start(command), port, work.environment["NAME"])
        started.append(stand_in)
        return stand_in

    def run(work: Work) -> Finished:
        works.append(work)
        return Finished(int(work.environment["CODE"]), "one line\nanother")

    with supervising() as supervisor:
        aws = cloud.start(supervisor)
        hooks = Hooks(lambda work: start(supervisor, work), run)
        with reconciler.reconciling(aws, supervisor, hooks) as running:
            yield Emulator(aws, running, started, works)


def variables_of(name: str, **variables: str) -> list[dict[str, str]]:
    return [{"name": key, "value": value} for key, value in {"NAME": name, **variables}.items()]


def serve(emulator: Emulator, name: str, count: int, **arguments: Any) -> tuple[str, str]:
    """Create a service in its own cluster behind a load balancer; returns listener and group."""
    aws = emulator.aws
    vpc, subnets = network(aws)
    target = target_group(aws, name, vpc)
    listener_arn = listener(aws, balancer(aws, name, subnets, [group(aws, vpc)]), target)
    aws.client("ecs").create_cluster(clusterName=name)
    aws.client("ecs").create_service(
        cluster=name,
        serviceName="app",
        taskDefinition=definition(aws, name, environment=variables_of(name)),
        desiredCount=count,
        launchType="FARGATE",
        loadBalancers=[{"targetGroupArn": target, "containerName": "app", "containerPort": 4000}],
        **arguments,
    )
    return listener_arn, target


def test_service_runs_rolls_scales_and_stops(emulator: Emulator) -> None:
    ecs = emulator.aws.client("ecs")
    _, target = serve(emulator, "rolls", 2)
    assert soon(lambda: emulator.health(target) == ["healthy"] * 2), emulator.reconciler.problems
    assert soon(lambda: emulator.service("rolls")["deployments"][0]["rolloutState"] == "COMPLETED")
    assert emulator.service("rolls")["runningCount"] == 2

    # The old tasks run until the new ones are healthy, which takes a second.
    new = definition(emulator.aws, "rolls", environment=variables_of("rolled", SICK_SECONDS="1"))
    ecs.update_service(cluster="rolls", service="app", taskDefinition=new)
    assert soon(lambda: len(emulator.running("rolled")) == 2)
    assert len(emulator.running("rolls")) == 2
    service = emulator.service("rolls")
    assert service["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert [deployment["status"] for deployment in service["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert soon(lambda: emulator.running("rolls") == [])
    assert soon(lambda: emulator.health(target) == ["healthy"] * 2)
    assert soon(lambda: len(emulator.service("rolls")["deployments"]) == 1)
    assert emulator.service("rolls")["deployments"][0]["rolloutState"] == "COMPLETED"

    ecs.update_service(cluster="rolls", service="app", desiredCount=3)
    assert emulator.service("rolls")["runningCount"] == 2
    assert soon(lambda: emulator.service("rolls")["runningCount"] == 3)
    assert soon(lambda: emulator.health(target) == ["healthy"] * 3)

    ecs.update_service(cluster="rolls", service="app", desiredCount=1)
    assert soon(lambda: len(emulator.running("rolled")) == 1)
    ecs.delete_service(cluster="rolls", service="app", force=True)
    assert emulator.service("rolls")["status"] == "DRAINING"
    code = refused(
        ecs.create_service, cluster="rolls", serviceName="app", taskDefinition=new, desiredCount=1
    )
    assert code == "InvalidParameterException"
    assert soon(lambda: emulator.service("rolls")["status"] == "INACTIVE")
    assert emulator.running("rolled") == []
    assert emulator.health(target) == []


def test_ended_task_is_restarted(emulator: Emulator) -> None:
    _, target = serve(emulator, "again", 1)
    assert soon(lambda: emulator.health(target) == ["healthy"])
    (first,) = emulator.running("again")
    os.kill(first.pid, signal.SIGKILL)
    assert soon(
        lambda: [stand_in.pid for stand_in in emulator.running("again")] not in ([], [first.pid])
    )
    assert soon(lambda: emulator.health(target) == ["healthy"])


def test_failed_deployment_is_rolled_back(emulator: Emulator) -> None:
    ecs = emulator.aws.client("ecs")
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    _, target = serve(emulator, "back", 1, deploymentConfiguration=breaker)
    assert soon(lambda: emulator.service("back")["deployments"][0]["rolloutState"] == "COMPLETED")
    before = emulator.service("back")["taskDefinition"]
    broken = definition(emulator.aws, "back", environment=variables_of("back", BROKEN="1"))
    ecs.update_service(cluster="back", service="app", taskDefinition=broken)
    assert soon(lambda: emulator.service("back")["taskDefinition"] == before)
    assert emulator.health(target) == ["healthy"]
    assert soon(lambda: emulator.service("back")["deployments"][0]["rolloutState"] == "COMPLETED")


def test_container_gets_secrets_and_command(emulator: Emulator) -> None:
    aws = emulator.aws
    secrets = aws.client("secretsmanager")
    arn = secrets.create_secret(Name="whole", SecretString="word")["ARN"]
    part = secrets.create_secret(Name="part", SecretString=json.dumps({"password": "p"}))["ARN"]
    environment = variables_of("inputs", CODE="0")
    references = [
        {"name": "WHOLE", "valueFrom": arn},
        {"name": "PART", "valueFrom": f"{part}:password::"},
    ]
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="inputs")
    task_definition = definition(
        aws,
        "inputs",
        environment=environment,
        secrets=references,
        entryPoint=["sh"],
        command=["-c", "true"],
    )
    ecs.run_task(cluster="inputs", taskDefinition=task_definition, launchType="FARGATE")
    assert soon(lambda: any(work.environment["NAME"] == "inputs" for work in emulator.works))
    (work,) = (work for work in emulator.works if work.environment["NAME"] == "inputs")
    assert (work.environment["WHOLE"], work.environment["PART"]) == ("word", "p")
    assert work.command == ("sh", "-c", "true")
    assert "word" not in repr(work)


@pytest.mark.parametrize("code", [0, 3])
def test_job_reports_its_exit_code_and_log(emulator: Emulator, code: int) -> None:
    ecs, logs = emulator.aws.client("ecs"), emulator.aws.client("logs")
    name = f"job-{code}"
    ecs.create_cluster(clusterName=name)
    logs.create_log_group(logGroupName=name)
    options = {"awslogs-group": name, "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "app"}
    task_definition = definition(
        emulator.aws,
        name,
        environment=variables_of(name, CODE=str(code)),
        logConfiguration={"logDriver": "awslogs", "options": options},
    )
    (task,) = ecs.run_task(cluster=name, taskDefinition=task_definition, launchType="FARGATE")[
        "tasks"
    ]
    arn = task["taskArn"]

    def described() -> dict[str, Any]:
        return dict(ecs.describe_tasks(cluster=name, tasks=[arn])["tasks"][0])

    assert task["lastStatus"] == "PENDING"
    assert soon(lambda: described()["lastStatus"] == "STOPPED")
    assert described()["containers"][0]["exitCode"] == code
    stream = f"app/app/{arn.rpartition('/')[2]}"
    events = logs.get_log_events(logGroupName=name, logStreamName=stream)["events"]
    assert [event["message"] for event in events] == ["one line", "another"]
    ecs.delete_cluster(cluster=name)


def test_job_without_its_secret_does_not_run(emulator: Emulator) -> None:
    ecs = emulator.aws.client("ecs")
    ecs.create_cluster(clusterName="lost")
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lost-abcdef"
    task_definition = definition(
        emulator.aws,
        "lost",
        environment=variables_of("lost"),
        secrets=[{"name": "A", "valueFrom": arn}],
    )
    (task,) = ecs.run_task(cluster="lost", taskDefinition=task_definition)["tasks"]

    def described() -> dict[str, Any]:
        return dict(ecs.describe_tasks(cluster="lost", tasks=[task["taskArn"]])["tasks"][0])

    assert soon(lambda: described()["lastStatus"] == "STOPPED")
    assert "exitCode" not in described()["containers"][0]
    assert described()["stoppedReason"].startswith(
        "ResourceInitializationError: unable to pull secret"
    )


# ---- Load balancers ----


def get(emulator: Emulator, name: str, path: str, method: str = "GET") -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        port = emulator.reconciler.balancers.proxies[name].ports[80]
        url = f"http://127.0.0.1:{port}{path}"
        return session.request(method, url, timeout=5, allow_redirects=False)


def answers(emulator: Emulator, name: str, path: str, expected: str) -> bool:
    try:
        answer = get(emulator, name, path)
    except (KeyError, requests.ConnectionError):
        return False
    return answer.status_code == 200 and answer.json()["name"] == expected


def test_listener_rules_route_requests(emulator: Emulator) -> None:
    elb = emulator.aws.client("elbv2")
    listener_arn, target = serve(emulator, "routes", 1)
    assert soon(lambda: answers(emulator, "routes", "/", "routes"))
    # The other group has no targets.
    vpc, _ = network(emulator.aws, 0)
    other = target_group(emulator.aws, "routes-other", vpc)
    rule = elb.create_rule(
        ListenerArn=listener_arn, Priority=10, Conditions=paths("/none/*"), Actions=forward(other)
    )["Rules"][0]["RuleArn"]
    assert soon(lambda: get(emulator, "routes", "/none/a").status_code == 503)
    assert answers(emulator, "routes", "/none", "routes")
    # The lower priority is evaluated first.
    elb.create_rule(
        ListenerArn=listener_arn, Priority=5, Conditions=paths("/none/a?c"), Actions=forward(target)
    )
    assert soon(lambda: answers(emulator, "routes", "/none/abc", "routes"))
    assert get(emulator, "routes", "/none/abbc").status_code == 503
    elb.delete_rule(RuleArn=rule)
    assert soon(lambda: answers(emulator, "routes", "/none/abbc", "routes"))
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    elb.modify_listener(
        ListenerArn=listener_arn, DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}]
    )
    assert soon(lambda: get(emulator, "routes", "/x").status_code == 301)
    assert get(emulator, "routes", "/x").headers["location"].startswith("https://127.0.0.1")


def test_rolling_service_fails_no_request(emulator: Emulator) -> None:
    serve(emulator, "steady", 1)
    assert soon(lambda: answers(emulator, "steady", "/", "steady"))
    new = definition(emulator.aws, "steady", environment=variables_of("steadier"))
    emulator.aws.client("ecs").update_service(cluster="steady", service="app", taskDefinition=new)
    statuses: list[str] = []

    def rolled() -> bool:
        answer = get(emulator, "steady", "/")
        statuses.append(str(answer.status_code))
        return answer.status_code == 200 and answer.json()["name"] == "steadier"

    assert soon(lambda: rolled() and emulator.running("steady") == [], pause=0.05)
    assert set(statuses) == {"200"}


# ---- Stores ----


def test_master_user_signs_in_to_postgres(emulator: Emulator) -> None:
    database = cluster(emulator.aws, "real")
    stores = emulator.reconciler.stores
    assert soon(lambda: stores.database(database["Endpoint"]) is not None), (
        emulator.reconciler.problems
    )
    server = stores.database(database["Endpoint"])
    assert isinstance(server, postgres.Server)
    arn = database["MasterUserSecret"]["SecretArn"]
    secrets = emulator.aws.client("secretsmanager")
    password = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])["password"]
    with server.connect("litellm", "main", password) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("main",)

    # A container with the endpoint in its environment gets the loopback address.
    ecs = emulator.aws.client("ecs")
    ecs.create_cluster(clusterName="stores")
    environment = variables_of(
        "stores", CODE="0", DATABASE_HOST=database["Endpoint"], DATABASE_PORT="5432"
    )
    ecs.run_task(
        cluster="stores", taskDefinition=definition(emulator.aws, "stores", environment=environment)
    )
    assert soon(lambda: any(work.environment["NAME"] == "stores" for work in emulator.works))
    (work,) = (work for work in emulator.works if work.environment["NAME"] == "stores")
    assert work.environment["DATABASE_HOST"] == "127.0.0.1"
    assert work.environment["DATABASE_PORT"] == str(server.port)

    emulator.aws.client("rds").delete_db_cluster(DBClusterIdentifier="real", SkipFinalSnapshot=True)
    assert soon(lambda: not alive(server.pid))


def never(name: str) -> Any:
    raise AssertionError(f"{name}: the test must start no cache")


def job(aws: Cloud, plan: Plan, name: str, **replacements: str) -> tuple[int, str]:
    """Run a planned job with replaced variables; returns the exit code and the reason."""
    ecs = aws.client("ecs")
    (resource,) = (r for r in plan.of_type("aws_ecs_task_definition").values() if r.index == name)
    (container,) = json.loads(resource.values["container_definitions"])
    for entry in container["environment"]:
        entry["value"] = replacements.get(entry["name"], entry["value"])
    for entry in container["secrets"]:
        entry["valueFrom"] = replacements[entry["name"]]
    answer = ecs.register_task_definition(family=name, containerDefinitions=[container])
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    (task,) = ecs.run_task(cluster="jobs", taskDefinition=arn)["tasks"]
    selection = {"cluster": "jobs", "tasks": [task["taskArn"]]}
    ecs.get_waiter("tasks_stopped").wait(**selection, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    (described,) = ecs.describe_tasks(**selection)["tasks"]
    return described["containers"][0].get("exitCode", -1), described["stoppedReason"]


def test_planned_jobs_prepare_the_planned_database(
    resolved_session: planning.Session,
) -> None:
    plan = planned(resolved_session, "aws")
    (expected,) = (resource.values for resource in plan.of_type("aws_rds_cluster").values())
    with supervising() as supervisor:
        aws = cloud.start(supervisor)
        with reconciler.reconciling(
            aws, supervisor, runners.hooks(supervisor, Path(), never)
        ) as data_plane:
            database = aws.client("rds").create_db_cluster(
                DBClusterIdentifier=expected["cluster_identifier"],
                Engine=expected["engine"],
                MasterUsername=expected["master_username"],
                ManageMasterUserPassword=True,
                DatabaseName=expected["database_name"],
            )["DBCluster"]
            aws.client("ecs").create_cluster(clusterName="jobs")
            secret = f"{database['MasterUserSecret']['SecretArn']}:password::"
            endpoint = database["Endpoint"]
            code, _ = job(aws, plan, "migrations", DATABASE_HOST=endpoint)
            assert code == 1
            code, reason = job(aws, plan, "bootstrap", PGHOST=endpoint, PGPASSWORD=secret)
            assert code == 0, (reason, data_plane.problems)
            code, reason = job(aws, plan, "migrations", DATABASE_HOST=endpoint)
            assert code == 0, (reason, data_plane.problems)
            server = data_plane.stores.database(endpoint)
            assert server is not None
            with server.connect(expected["database_name"]) as connection:
                rows = connection.execute("SELECT tablename FROM pg_tables").fetchall()
            assert {str(row[0]) for row in rows} >= migrations.models()


def test_caches_have_distinct_host_names(aws: Cloud) -> None:
    cache = aws.client("elasticache")
    hosts = set()
    for name in ("one", "two"):
        cache.create_replication_group(
            ReplicationGroupId=name,
            ReplicationGroupDescription="a",
            Engine="redis",
            NumCacheClusters=2,
            CacheNodeType="cache.t4g.small",
        )
    for replication_group in cache.describe_replication_groups()["ReplicationGroups"]:
        (node,) = replication_group["NodeGroups"]
        hosts |= {node["PrimaryEndpoint"]["Address"], node["ReaderEndpoint"]["Address"]}
    assert len(hosts) == 4


# ---- Leftovers ----

STACK = "acme-litellm-test"
TAGS: Mapping[str, str] = {aws_inventory.TAG: STACK}


def test_leftovers_query_every_service(aws: Cloud) -> None:
    """The resources of a stack that the test below does not create."""
    name, tags = "acme-litellm-more", [{"Key": aws_inventory.TAG, "Value": "acme-litellm-more"}]
    ec2, rds, cache = (aws.client(service) for service in ("ec2", "rds", "elasticache"))
    vpc, subnets = network(aws)

    def tagged(kind: str) -> dict[str, Any]:
        return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}

    ec2.create_internet_gateway(**tagged("internet-gateway"))
    address = ec2.allocate_address(Domain="vpc", **tagged("elastic-ip"))["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address, **tagged("natgateway"))
    ec2.create_route_table(VpcId=vpc, **tagged("route-table"))
    ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::logs",
        **tagged("vpc-flow-log"),
    )
    guard = group(aws, vpc, f"{name}-alb")
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    ec2.authorize_security_group_ingress(
        GroupId=guard,
        IpPermissions=[{**permission, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        **tagged("security-group-rule"),
    )
    balancer(aws, name, subnets, [guard])
    ecs, scaling = aws.client("ecs"), aws.client("application-autoscaling")
    ecs.create_cluster(clusterName=name)
    arguments = {"cluster": name, "serviceName": f"{name}-ui", "launchType": "FARGATE"}
    ecs.create_service(**arguments, taskDefinition=definition(aws, f"{name}-ui"), desiredCount=1)
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{name}/{name}-ui",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(**target, PolicyName=f"{name}-ui-cpu")
    subnet_group = {"DBSubnetGroupName": f"{name}-db", "DBSubnetGroupDescription": "a"}
    rds.create_db_subnet_group(**subnet_group, SubnetIds=subnets)
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=f"{name}-pg16",
        DBParameterGroupFamily="aurora-postgresql16",
        Description="a",
    )
    cluster(aws, f"{name}-db")
    rds.create_db_instance(
        DBInstanceIdentifier=f"{name}-writer",
        DBClusterIdentifier=f"{name}-db",
        Engine="aurora-postgresql",
        DBInstanceClass="db.t4g.medium",
    )
    cache.create_cache_subnet_group(
        CacheSubnetGroupName=f"{name}-redis", CacheSubnetGroupDescription="a", SubnetIds=subnets
    )
    cache.create_replication_group(
        ReplicationGroupId=f"{name}-redis",
        ReplicationGroupDescription="a",
        Engine="redis",
        NumCacheClusters=1,
        CacheNodeType="cache.t4g.small",
    )
    kinds = sorted({line.partition(": ")[0] for line in aws_inventory.leftovers(aws.client, name)})
    assert kinds == [
        "autoscaling ScalableTargets",
        "autoscaling ScalingPolicies",
        "ec2 Addresses",
        "ec2 FlowLogs",
        "ec2 InternetGateways",
        "ec2 NatGateways",
        "ec2 RouteTables",
        "ec2 SecurityGroupRules",
        "ec2 SecurityGroups",
        "ecs Clusters",
        "ecs Services",
        "ecs TaskDefinitions",
        "ecs Tasks",
        "elasticache CacheClusters",
        "elasticache CacheSubnetGroups",
        "elasticache ReplicationGroups",
        "elbv2 LoadBalancers",
        "rds DBClusterParameterGroups",
        "rds DBClusters",
        "rds DBInstances",
        "rds DBSubnetGroups",
    ]


def test_leftovers_are_listed_until_deleted(aws: Cloud) -> None:
    upper = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    lower = [{"key": key, "value": value} for key, value in TAGS.items()]
    ec2, iam, logs = aws.client("ec2"), aws.client("iam"), aws.client("logs")
    ecs, s3, secrets = aws.client("ecs"), aws.client("s3"), aws.client("secretsmanager")
    assert aws_inventory.leftovers(aws.client, STACK) == []
    vpc, _ = network(aws, 0)
    ec2.create_tags(Resources=[vpc], Tags=upper)
    guard = group(aws, vpc, f"{STACK}-alb")
    target = target_group(aws, STACK, vpc)
    ecs.create_cluster(clusterName=STACK, tags=lower)
    task = definition(aws, f"{STACK}-ui")
    place = {"LocationConstraint": aws.region}
    s3.create_bucket(Bucket=f"{STACK}-data-0a1b", CreateBucketConfiguration=place)
    secret = secrets.create_secret(Name=f"{STACK}-master-key", SecretString="a", Tags=upper)["ARN"]
    role = f"{STACK}-eu-west-1-ui-task"
    iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}", Tags=upper)
    logs.create_log_group(logGroupName=f"/ecs/{STACK}/ui")
    cluster(aws, f"{STACK}-db", Tags=upper)
    # A name that is truncated as the module does.
    truncated = "acme-0" + hashlib.sha256(STACK.encode()).hexdigest()[:8] + "-ui-task"
    iam.create_role(RoleName=truncated, AssumeRolePolicyDocument="{}")
    # A resource of another stack.
    iam.create_role(RoleName=f"{STACK}ing-ui", AssumeRolePolicyDocument="{}")

    kinds = [line.partition(": ")[0] for line in aws_inventory.leftovers(aws.client, STACK)]
    assert kinds == [
        "ec2 SecurityGroups",
        "ec2 Vpcs",
        "ecs Clusters",
        "ecs TaskDefinitions",
        "elbv2 TargetGroups",
        "iam Roles",
        "iam Roles",
        "logs LogGroups",
        "rds DBClusters",
        "s3 Buckets",
        "secretsmanager Secrets",
    ]

    ec2.delete_security_group(GroupId=guard)
    ec2.delete_vpc(VpcId=vpc)
    aws.client("elbv2").delete_target_group(TargetGroupArn=target)
    ecs.delete_cluster(cluster=STACK)
    ecs.deregister_task_definition(taskDefinition=task)
    s3.delete_bucket(Bucket=f"{STACK}-data-0a1b")
    for role_name in (role, truncated):
        iam.delete_role(RoleName=role_name)
    logs.delete_log_group(logGroupName=f"/ecs/{STACK}/ui")
    deletion = {"DBClusterIdentifier": f"{STACK}-db", "FinalDBSnapshotIdentifier": f"{STACK}-final"}
    aws.client("rds").delete_db_cluster(**deletion)
    # Resources that reserve a name or cost money are leftovers.
    secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    kinds = [line.partition(": ")[0] for line in aws_inventory.leftovers(aws.client, STACK)]
    assert kinds == ["rds DBClusterSnapshots", "secretsmanager Secrets"]
    aws.client("rds").delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=f"{STACK}-final")
    secrets.restore_secret(SecretId=secret)
    secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    assert aws_inventory.leftovers(aws.client, STACK) == []


# ---- Values that the real plugin reads back: without them its second plan is not empty ----


def test_flow_log_returns_its_aggregation_interval(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    options = {"ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL"}
    options |= {"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::logs"}
    seconds = {}
    for chosen in ({"MaxAggregationInterval": 60}, {}):
        (created,) = ec2.create_flow_logs(**options, **chosen)["FlowLogIds"]
        (described,) = ec2.describe_flow_logs(FlowLogIds=[created])["FlowLogs"]
        seconds[str(chosen)] = described["MaxAggregationInterval"]
    assert list(seconds.values()) == [60, 600]


def test_default_egress_rule_is_revoked_with_ports(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    created = ec2.create_security_group(GroupName="egress", Description="a", VpcId=vpc)["GroupId"]
    every = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0}
    rule = {**every, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=created, IpPermissions=[rule])
    within = [{"Name": "group-id", "Values": [created]}]
    assert ec2.describe_security_group_rules(Filters=within)["SecurityGroupRules"] == []


def test_service_returns_its_zone_rebalancing(aws: Cloud) -> None:
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="rebalanced")
    container = {"name": "a", "image": "a", "essential": True}
    ecs.register_task_definition(family="rebalanced", containerDefinitions=[container])
    options = {"cluster": "rebalanced", "taskDefinition": "rebalanced", "desiredCount": 0}
    ecs.create_service(serviceName="a", availabilityZoneRebalancing="DISABLED", **options)
    ecs.create_service(serviceName="b", **options)

    def rebalancing() -> list[str]:
        found = ecs.describe_services(cluster="rebalanced", services=["a", "b"])["services"]
        return [service["availabilityZoneRebalancing"] for service in found]

    assert rebalancing() == ["DISABLED", "ENABLED"]
    changed = {"service": "a", "availabilityZoneRebalancing": "ENABLED"}
    ecs.update_service(cluster="rebalanced", **changed)
    assert rebalancing() == ["ENABLED", "ENABLED"]


def test_cache_parameters_are_those_of_the_source(aws: Cloud) -> None:
    cache = aws.client("elasticache")
    group_name = {"CacheParameterGroupName": "own"}
    cache.create_cache_parameter_group(
        CacheParameterGroupFamily="valkey8", Description="a", **group_name
    )
    value = {"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}
    cache.modify_cache_parameter_group(ParameterNameValues=[value], **group_name)
    own = cache.describe_cache_parameters(Source="user", **group_name)["Parameters"]
    assert [(p["ParameterName"], p["ParameterValue"]) for p in own] == [tuple(value.values())]
    assert len(cache.describe_cache_parameters(**group_name)["Parameters"]) > 1
