"""The local AWS answers as AWS does, and what runs on loopback follows what it is told."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
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
from tests.harness.process.child import alive, soon
from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import Command, Supervisor, supervising
from tests.harness.sdk import aws as clients
from tests.harness.terraform import binary, planning, providers
from tests.harness.terraform.command import Terraform
from tests.harness.terraform.providers import Choice
from tests.integration.aws_made import balancer, forward, group, listener, network, target_group
from tests.integration.conftest import planned


@pytest.fixture(scope="module")
def aws() -> Iterator[Cloud]:
    """An AWS that nothing follows."""
    with supervising() as held:
        yield cloud.start(held)


def refused(call: Callable[..., Any], **given: Any) -> str:
    """The code that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    return str(caught.value.response["Error"]["Code"])


def paths(*values: str) -> list[dict[str, Any]]:
    return [{"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}]


# ---- The server ----


def listening(port: int) -> list[str]:
    text = "\n".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    return [line.split()[1] for line in text.splitlines() if f":{port:04X} " in line]


def test_emulator_uses_only_loopback_and_its_folder() -> None:
    with supervising() as held:
        aws = cloud.start(held)
        aws.client("s3").list_buckets()
        children = Path(f"/proc/{held.process.pid}/task/{held.process.pid}/children").read_text()
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
        assert all(path.is_relative_to(held.folder) for path in files), files
    assert not held.folder.exists()


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
    """A root that applies to a cloud, initialized."""
    (folder / "main.tf").write_text(ROOT + cloud.provider_block(aws.url, aws.region))
    with providers.environment(choice, folder) as environment:
        held = Terraform(
            folder, binary.find(folder).binary, {**environment, **cloud.environment(aws)}
        )
        held.execute_command("init", "-input=false", "-no-color")
        yield held


def test_provider_block_fits_the_schema(aws: Cloud, tmp_path: Path) -> None:
    # The oldest release's schema has each service's name; the newest's was cut without them.
    with root(aws, providers.choose("offline"), tmp_path) as held:
        held.execute_command("validate", "-no-color")


@pytest.mark.needs("aws_plugin")
def test_real_provider_applies_and_destroys(aws: Cloud, tmp_path: Path) -> None:
    choice = providers.choose(f"mirror:{os.environ[cloud.MIRROR]}")
    with root(aws, choice, tmp_path) as held:
        held.execute_command("apply", "-auto-approve", "-input=false", "-no-color")
        again = held.run("plan", "-detailed-exitcode", "-input=false", "-no-color")
        assert again.retcode == 0, again.out
        names = {"Name": "tag:Name", "Values": ["applied"]}
        assert len(aws.client("ec2").describe_vpcs(Filters=[names])["Vpcs"]) == 1
        held.execute_command("destroy", "-auto-approve", "-input=false", "-no-color")
        assert aws.client("ec2").describe_vpcs(Filters=[names])["Vpcs"] == []


def test_plugin_is_found_only_in_a_mirror(tmp_path: Path) -> None:
    assert cloud.plugin({}) is None
    assert cloud.plugin({cloud.MIRROR: str(tmp_path)}) is None
    held = tmp_path / "registry.terraform.io/hashicorp/aws"
    for version in ("5.99.1", "5.100.0"):
        (held / version).mkdir(parents=True)
    assert cloud.plugin({cloud.MIRROR: str(tmp_path)}) == held / "5.100.0"


# ---- Refusals: the network ----


def test_referenced_security_group_is_not_deleted(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    vpc, _ = network(aws, 0)
    named, naming = group(aws, vpc, "named"), group(aws, vpc, "naming")
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 80,
        "UserIdGroupPairs": [{"GroupId": named}],
    }
    ec2.authorize_security_group_ingress(GroupId=naming, IpPermissions=[permission])
    assert refused(ec2.delete_security_group, GroupId=named) == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=naming, IpPermissions=[permission])
    ec2.delete_security_group(GroupId=named)


def test_load_balancer_dependencies_are_not_deleted(aws: Cloud) -> None:
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    vpc, subnets = network(aws)
    guard = group(aws, vpc)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    where = {"InternetGatewayId": gateway, "VpcId": vpc}
    ec2.attach_internet_gateway(**where)
    arn = balancer(aws, "uses", subnets, [guard])
    violation = "DependencyViolation"
    assert refused(ec2.delete_security_group, GroupId=guard) == violation
    assert refused(ec2.delete_subnet, SubnetId=subnets[0]) == violation
    assert refused(ec2.detach_internet_gateway, **where) == violation
    assert refused(ec2.delete_vpc, VpcId=vpc) == violation
    elb.delete_load_balancer(LoadBalancerArn=arn)
    ec2.delete_security_group(GroupId=guard)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    assert refused(ec2.delete_internet_gateway, InternetGatewayId=gateway) == violation
    assert refused(ec2.delete_vpc, VpcId=vpc) == violation
    ec2.detach_internet_gateway(**where)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)


def test_network_with_a_nat_gateway_is_not_deleted(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    vpc, (subnet,) = network(aws, 1)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    link = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert refused(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    assert refused(ec2.delete_route_table, RouteTableId=table) == "DependencyViolation"
    ec2.disassociate_route_table(AssociationId=link)
    ec2.delete_nat_gateway(NatGatewayId=made["NatGateway"]["NatGatewayId"])
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
    on = {"ListenerArn": listener(aws, arn, target), "Actions": forward(target)}
    held = elb.create_rule(**on, Priority=1, Conditions=paths(*"abcde"))["Rules"][0]["RuleArn"]
    assert refused(elb.create_rule, **on, Priority=1, Conditions=paths("/b")) == "PriorityInUse"
    six = paths(*"abcdef")
    assert refused(elb.create_rule, **on, Priority=2, Conditions=six) == "ValidationError"
    methods = {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}}
    six = [*paths(*"abcde"), methods]
    assert refused(elb.create_rule, **on, Priority=2, Conditions=six) == "ValidationError"
    assert refused(elb.modify_rule, RuleArn=held, Conditions=six) == "ValidationError"
    elb.delete_rule(RuleArn=held)
    for priority in range(1, 101):
        elb.create_rule(**on, Priority=priority, Conditions=paths("/b"))
    over = {**on, "Priority": 101, "Conditions": paths("/b")}
    assert refused(elb.create_rule, **over) == "TooManyRules"
    rules = elb.describe_rules(ListenerArn=on["ListenerArn"])["Rules"]
    elb.delete_rule(RuleArn=rules[-1]["RuleArn"])
    elb.create_rule(**over)


def test_used_target_group_is_not_deleted(aws: Cloud) -> None:
    elb = aws.client("elbv2")
    vpc, subnets = network(aws)
    arn = balancer(aws, "in-use", subnets, [group(aws, vpc)])
    default, named = target_group(aws, "default", vpc), target_group(aws, "named", vpc)
    on = listener(aws, arn, default)
    given = {"ListenerArn": on, "Actions": forward(named)}
    rule = elb.create_rule(**given, Priority=1, Conditions=paths("/a"))["Rules"][0]["RuleArn"]
    for one in (default, named):
        assert refused(elb.delete_target_group, TargetGroupArn=one) == "ResourceInUse"
    elb.delete_rule(RuleArn=rule)
    elb.delete_target_group(TargetGroupArn=named)
    elb.delete_listener(ListenerArn=on)
    elb.delete_target_group(TargetGroupArn=default)


def test_load_balancer_deletion_obeys_protection(
    aws: Cloud,
) -> None:
    elb = aws.client("elbv2")
    vpc, subnets = network(aws)
    arn = balancer(aws, "protected", subnets, [group(aws, vpc)])
    on = listener(aws, arn, target_group(aws, "protected", vpc))
    for value in ("true", "false"):
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=arn,
            Attributes=[{"Key": "deletion_protection.enabled", "Value": value}],
        )
        if value == "true":
            code = refused(elb.delete_load_balancer, LoadBalancerArn=arn)
            assert code == "OperationNotPermitted"
    elb.delete_load_balancer(LoadBalancerArn=arn)
    assert on not in {one["ListenerArn"] for one in elb.describe_listeners()["Listeners"]}


# ---- Refusals: stores ----


def cluster(aws: Cloud, name: str, **given: Any) -> dict[str, Any]:
    made = aws.client("rds").create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="main",
        ManageMasterUserPassword=True,
        DatabaseName="litellm",
        **given,
    )
    return dict(made["DBCluster"])


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
    named = {"DBSubnetGroupName": "store"}
    rds.create_db_subnet_group(**named, DBSubnetGroupDescription="a", SubnetIds=subnets)
    parameters = {"DBClusterParameterGroupName": "store"}
    rds.create_db_cluster_parameter_group(
        **parameters, DBParameterGroupFamily="aurora-postgresql16", Description="a"
    )
    cluster(aws, "store", **named, **parameters, VpcSecurityGroupIds=[guard])
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
    assert refused(rds.delete_db_subnet_group, **named) == "InvalidDBSubnetGroupStateFault"
    code = refused(rds.delete_db_cluster_parameter_group, **parameters)
    assert code == "InvalidDBParameterGroupState"
    assert refused(cache.delete_cache_subnet_group, **caches) == "CacheSubnetGroupInUse"
    rds.delete_db_instance(**instance, SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier="store", SkipFinalSnapshot=True)
    rds.delete_db_subnet_group(**named)
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
    named = {"Bucket": "versions"}
    s3.create_bucket(**named, CreateBucketConfiguration={"LocationConstraint": aws.region})
    s3.put_bucket_versioning(**named, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(**named, Key="a", Body=b"a")
    assert refused(s3.delete_bucket, **named) == "BucketNotEmpty"
    s3.delete_object(**named, Key="a")
    assert refused(s3.delete_bucket, **named) == "BucketNotEmpty"
    held = s3.list_object_versions(**named)
    for one in (*held["Versions"], *held["DeleteMarkers"]):
        s3.delete_object(**named, Key="a", VersionId=one["VersionId"])
    s3.delete_bucket(**named)


# ---- Application Auto Scaling ----


def definition(aws: Cloud, family: str, **container: Any) -> str:
    made = aws.client("ecs").register_task_definition(
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "stand-in", "essential": True, **container}],
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


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
    on = {"cluster": "scaled", "serviceName": "app", "launchType": "FARGATE"}
    ecs.create_service(**on, taskDefinition=definition(aws, "scaled"), desiredCount=1)
    code = refused(ecs.delete_cluster, cluster="scaled")
    assert code == "ClusterContainsServicesException"
    policy = {"PolicyName": "cpu", **target}
    tracking = {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
        },
    }
    given = {"TargetTrackingScalingPolicyConfiguration": tracking}
    code = refused(
        scaling.put_scaling_policy, **policy, PolicyType="TargetTrackingScaling", **given
    )
    assert code == "ObjectNotFoundException"
    arn = scaling.register_scalable_target(**target, **sizes, Tags={"a": "b"})["ScalableTargetARN"]
    scaling.put_scaling_policy(**policy, PolicyType="TargetTrackingScaling", **given)
    scaling.register_scalable_target(**target, MaxCapacity=6)
    (held,) = scaling.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[target["ResourceId"]]
    )["ScalableTargets"]
    assert (held["MinCapacity"], held["MaxCapacity"], held["ScalableTargetARN"]) == (1, 6, arn)
    (told,) = scaling.describe_scaling_policies(**target)["ScalingPolicies"]
    assert told["TargetTrackingScalingPolicyConfiguration"] == tracking
    scaling.tag_resource(ResourceARN=arn, Tags={"c": "d"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"c": "d"}
    scaling.delete_scaling_policy(**policy)
    assert refused(scaling.delete_scaling_policy, **policy) == "ObjectNotFoundException"
    scaling.deregister_scalable_target(**target)
    assert refused(scaling.deregister_scalable_target, **target) == "ObjectNotFoundException"


# ---- What the emulator forgets ----


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
    (told,) = ec2.describe_flow_logs(FlowLogIds=[flow])["FlowLogs"]
    assert told["Tags"] == tags
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    (told,) = ec2.describe_nat_gateways(NatGatewayIds=[made["NatGatewayId"]])["NatGateways"]
    for one in (made, told):
        assert [part["AllocationId"] for part in one["NatGatewayAddresses"]] == [address]
    named = {"DBClusterIdentifier": "exports"}
    assert cluster(aws, "exports", EnableCloudwatchLogsExports=["postgresql"])[
        "EnabledCloudwatchLogsExports"
    ] == ["postgresql"]
    change = {"DisableLogTypes": ["postgresql"]}
    rds.modify_db_cluster(**named, CloudwatchLogsExportConfiguration=change)
    (told,) = rds.describe_db_clusters(**named)["DBClusters"]
    assert told.get("EnabledCloudwatchLogsExports", []) == []
    _, subnets = network(aws)
    arn = balancer(aws, "capacity", subnets, [])
    aws.client("elbv2").describe_capacity_reservation(LoadBalancerArn=arn)


def test_s3_control_returns_bucket_tags_through_the_proxy(aws: Cloud) -> None:
    place = {"LocationConstraint": aws.region}
    aws.client("s3").create_bucket(Bucket="controlled", CreateBucketConfiguration=place)
    config = Config(proxies={"http": aws.url})
    control = clients.session().client("s3control", endpoint_url=aws.url, config=config)
    of = {"AccountId": "123456789012", "ResourceArn": "arn:aws:s3:::controlled"}
    control.tag_resource(**of, Tags=[{"Key": "a", "Value": "b"}])
    assert control.list_tags_for_resource(**of)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_proxy_refuses_other_hosts(aws: Cloud) -> None:
    with requests.Session() as session:
        session.trust_env = False
        proxies = {"http": aws.url, "https": aws.url}
        answer = session.get("http://nowhere.invalid/a", proxies=proxies, timeout=5)
        assert answer.status_code == 403
        with pytest.raises(requests.exceptions.ProxyError):
            session.get("https://nowhere.invalid/a", proxies=proxies, timeout=5)


# ---- What runs ----

SERVER = """
import http.server, json, os, sys, time
begun = time.monotonic()
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        well = time.monotonic() - begun > float(os.environ.get("SICK_SECONDS", 0))
        self.send_response(200 if well or self.path != "/health" else 503)
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
    """What stands in for a container: a process that says its name."""

    pid: int
    port: int
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A cloud that is followed, with what was started for it."""

    aws: Cloud
    following: Reconciler
    started: list[StandIn]
    works: list[Work]

    def running(self, name: str) -> list[StandIn]:
        """The stand-ins of a name that run."""
        return [one for one in self.started if one.name == name and alive(one.pid)]

    def health(self, target: str) -> list[str]:
        """The states of a target group's targets."""
        told = self.aws.client("elbv2").describe_target_health(TargetGroupArn=target)
        return sorted(one["TargetHealth"]["State"] for one in told["TargetHealthDescriptions"])

    def service(self, where: str) -> dict[str, Any]:
        """What ECS says of the service ``app`` of a cluster."""
        told = self.aws.client("ecs").describe_services(cluster=where, services=["app"])
        return dict(told["services"][0])


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    """An AWS whose tasks are processes, load balancers Envoys and clusters PostgreSQLs."""
    started: list[StandIn] = []
    works: list[Work] = []

    def start(held: Supervisor, work: Work) -> StandIn:
        if "BROKEN" in work.environment:
            raise RuntimeError("it does not start")
        works.append(work)
        port, log = free_port(), held.folder / f"{work.name}.log"
        environment = {**work.environment, "NAME": work.environment["NAME"]}
        command = Command([sys.executable, "-c", SERVER, str(port)], str(log), environment)
        made = StandIn(held.start(command), port, work.environment["NAME"])
        started.append(made)
        return made

    def run(work: Work) -> Finished:
        works.append(work)
        return Finished(int(work.environment["CODE"]), "one line\nanother")

    with supervising() as held:
        aws = cloud.start(held)
        hooks = Hooks(lambda work: start(held, work), run)
        with reconciler.following(aws, held, hooks) as following:
            yield Kept(aws, following, started, works)


def named(name: str, **more: str) -> list[dict[str, str]]:
    return [{"name": key, "value": value} for key, value in {"NAME": name, **more}.items()]


def serve(kept: Kept, name: str, count: int, **more: Any) -> tuple[str, str]:
    """A load balancer before a service of a cluster of its own; gives listener and group."""
    aws = kept.aws
    vpc, subnets = network(aws)
    target = target_group(aws, name, vpc)
    on = listener(aws, balancer(aws, name, subnets, [group(aws, vpc)]), target)
    aws.client("ecs").create_cluster(clusterName=name)
    aws.client("ecs").create_service(
        cluster=name,
        serviceName="app",
        taskDefinition=definition(aws, name, environment=named(name)),
        desiredCount=count,
        launchType="FARGATE",
        loadBalancers=[{"targetGroupArn": target, "containerName": "app", "containerPort": 4000}],
        **more,
    )
    return on, target


def test_service_runs_rolls_scales_and_stops(kept: Kept) -> None:
    ecs = kept.aws.client("ecs")
    _, target = serve(kept, "rolls", 2)
    assert soon(lambda: kept.health(target) == ["healthy"] * 2), kept.following.problems
    assert soon(lambda: kept.service("rolls")["deployments"][0]["rolloutState"] == "COMPLETED")
    assert kept.service("rolls")["runningCount"] == 2

    # An update: the old ones stay until the new ones are well, which takes a second.
    new = definition(kept.aws, "rolls", environment=named("rolled", SICK_SECONDS="1"))
    ecs.update_service(cluster="rolls", service="app", taskDefinition=new)
    assert soon(lambda: len(kept.running("rolled")) == 2)
    assert len(kept.running("rolls")) == 2
    told = kept.service("rolls")
    assert told["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert [one["status"] for one in told["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert soon(lambda: kept.running("rolls") == [])
    assert soon(lambda: kept.health(target) == ["healthy"] * 2)
    assert soon(lambda: len(kept.service("rolls")["deployments"]) == 1)
    assert kept.service("rolls")["deployments"][0]["rolloutState"] == "COMPLETED"

    ecs.update_service(cluster="rolls", service="app", desiredCount=3)
    assert kept.service("rolls")["runningCount"] == 2
    assert soon(lambda: kept.service("rolls")["runningCount"] == 3)
    assert soon(lambda: kept.health(target) == ["healthy"] * 3)

    ecs.update_service(cluster="rolls", service="app", desiredCount=1)
    assert soon(lambda: len(kept.running("rolled")) == 1)
    ecs.delete_service(cluster="rolls", service="app", force=True)
    assert kept.service("rolls")["status"] == "DRAINING"
    code = refused(
        ecs.create_service, cluster="rolls", serviceName="app", taskDefinition=new, desiredCount=1
    )
    assert code == "InvalidParameterException"
    assert soon(lambda: kept.service("rolls")["status"] == "INACTIVE")
    assert kept.running("rolled") == []
    assert kept.health(target) == []


def test_ended_task_is_restarted(kept: Kept) -> None:
    _, target = serve(kept, "again", 1)
    assert soon(lambda: kept.health(target) == ["healthy"])
    (first,) = kept.running("again")
    os.kill(first.pid, signal.SIGKILL)
    assert soon(lambda: [one.pid for one in kept.running("again")] not in ([], [first.pid]))
    assert soon(lambda: kept.health(target) == ["healthy"])


def test_failed_deployment_is_rolled_back(kept: Kept) -> None:
    ecs = kept.aws.client("ecs")
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    _, target = serve(kept, "back", 1, deploymentConfiguration=breaker)
    assert soon(lambda: kept.service("back")["deployments"][0]["rolloutState"] == "COMPLETED")
    before = kept.service("back")["taskDefinition"]
    broken = definition(kept.aws, "back", environment=named("back", BROKEN="1"))
    ecs.update_service(cluster="back", service="app", taskDefinition=broken)
    assert soon(lambda: kept.service("back")["taskDefinition"] == before)
    assert kept.health(target) == ["healthy"]
    assert soon(lambda: kept.service("back")["deployments"][0]["rolloutState"] == "COMPLETED")


def test_container_gets_secrets_files_and_command(kept: Kept) -> None:
    aws = kept.aws
    s3, secrets = aws.client("s3"), aws.client("secretsmanager")
    s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": aws.region})
    s3.put_object(Bucket="files", Key="config.yaml", Body=b"a: 1")
    arn = secrets.create_secret(Name="whole", SecretString="word")["ARN"]
    part = secrets.create_secret(Name="part", SecretString=json.dumps({"password": "p"}))["ARN"]
    environment = named(
        "given",
        CODE="0",
        CONFIG_FILE_PATH="/tmp/config.yaml",  # noqa: S108
        LITELLM_PROXY_CONFIG_S3_BUCKET="files",
        LITELLM_PROXY_CONFIG_S3_KEY="config.yaml",
    )
    references = [
        {"name": "WHOLE", "valueFrom": arn},
        {"name": "PART", "valueFrom": f"{part}:password::"},
    ]
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="given")
    given = definition(
        aws,
        "given",
        environment=environment,
        secrets=references,
        entryPoint=["sh"],
        command=["-c", "true"],
    )
    ecs.run_task(cluster="given", taskDefinition=given, launchType="FARGATE")
    assert soon(lambda: any(work.environment["NAME"] == "given" for work in kept.works))
    (work,) = (work for work in kept.works if work.environment["NAME"] == "given")
    assert (work.environment["WHOLE"], work.environment["PART"]) == ("word", "p")
    assert work.files == {"/tmp/config.yaml": "a: 1"}  # noqa: S108
    assert work.command == ("sh", "-c", "true")
    assert "word" not in repr(work)


@pytest.mark.parametrize("code", [0, 3])
def test_job_reports_its_exit_code_and_log(kept: Kept, code: int) -> None:
    ecs, logs = kept.aws.client("ecs"), kept.aws.client("logs")
    name = f"job-{code}"
    ecs.create_cluster(clusterName=name)
    logs.create_log_group(logGroupName=name)
    options = {"awslogs-group": name, "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "app"}
    given = definition(
        kept.aws,
        name,
        environment=named(name, CODE=str(code)),
        logConfiguration={"logDriver": "awslogs", "options": options},
    )
    (task,) = ecs.run_task(cluster=name, taskDefinition=given, launchType="FARGATE")["tasks"]
    arn = task["taskArn"]

    def told() -> dict[str, Any]:
        return dict(ecs.describe_tasks(cluster=name, tasks=[arn])["tasks"][0])

    assert task["lastStatus"] == "PENDING"
    assert soon(lambda: told()["lastStatus"] == "STOPPED")
    assert told()["containers"][0]["exitCode"] == code
    stream = f"app/app/{arn.rpartition('/')[2]}"
    events = logs.get_log_events(logGroupName=name, logStreamName=stream)["events"]
    assert [one["message"] for one in events] == ["one line", "another"]
    ecs.delete_cluster(cluster=name)


def test_job_without_its_secret_does_not_run(kept: Kept) -> None:
    ecs = kept.aws.client("ecs")
    ecs.create_cluster(clusterName="lost")
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lost-abcdef"
    given = definition(
        kept.aws,
        "lost",
        environment=named("lost"),
        secrets=[{"name": "A", "valueFrom": arn}],
    )
    (task,) = ecs.run_task(cluster="lost", taskDefinition=given)["tasks"]

    def told() -> dict[str, Any]:
        return dict(ecs.describe_tasks(cluster="lost", tasks=[task["taskArn"]])["tasks"][0])

    assert soon(lambda: told()["lastStatus"] == "STOPPED")
    assert "exitCode" not in told()["containers"][0]
    assert told()["stoppedReason"].startswith("ResourceInitializationError: unable to pull secret")


# ---- Load balancers ----


def get(kept: Kept, name: str, path: str, method: str = "GET") -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        port = kept.following.balancers.proxies[name].ports[80]
        url = f"http://127.0.0.1:{port}{path}"
        return session.request(method, url, timeout=5, allow_redirects=False)


def answers(kept: Kept, name: str, path: str, wanted: str) -> bool:
    try:
        answer = get(kept, name, path)
    except (KeyError, requests.ConnectionError):
        return False
    return answer.status_code == 200 and answer.json()["name"] == wanted


def test_listener_rules_route_requests(kept: Kept) -> None:
    elb = kept.aws.client("elbv2")
    on, target = serve(kept, "routes", 1)
    assert soon(lambda: answers(kept, "routes", "/", "routes"))
    # Nobody is registered with the other group.
    vpc, _ = network(kept.aws, 0)
    other = target_group(kept.aws, "routes-other", vpc)
    rule = elb.create_rule(
        ListenerArn=on, Priority=10, Conditions=paths("/none/*"), Actions=forward(other)
    )["Rules"][0]["RuleArn"]
    assert soon(lambda: get(kept, "routes", "/none/a").status_code == 503)
    assert answers(kept, "routes", "/none", "routes")
    # A lower number comes first.
    elb.create_rule(
        ListenerArn=on, Priority=5, Conditions=paths("/none/a?c"), Actions=forward(target)
    )
    assert soon(lambda: answers(kept, "routes", "/none/abc", "routes"))
    assert get(kept, "routes", "/none/abbc").status_code == 503
    elb.delete_rule(RuleArn=rule)
    assert soon(lambda: answers(kept, "routes", "/none/abbc", "routes"))
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    elb.modify_listener(
        ListenerArn=on, DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}]
    )
    assert soon(lambda: get(kept, "routes", "/x").status_code == 301)
    assert get(kept, "routes", "/x").headers["location"].startswith("https://127.0.0.1")


def test_rolling_service_fails_no_request(kept: Kept) -> None:
    serve(kept, "steady", 1)
    assert soon(lambda: answers(kept, "steady", "/", "steady"))
    new = definition(kept.aws, "steady", environment=named("steadier"))
    kept.aws.client("ecs").update_service(cluster="steady", service="app", taskDefinition=new)
    seen: list[str] = []

    def rolled() -> bool:
        answer = get(kept, "steady", "/")
        seen.append(str(answer.status_code))
        return answer.status_code == 200 and answer.json()["name"] == "steadier"

    assert soon(lambda: rolled() and kept.running("steady") == [])
    assert set(seen) == {"200"}


# ---- Stores ----


def test_master_user_signs_in_to_postgres(kept: Kept) -> None:
    made = cluster(kept.aws, "real")
    stores = kept.following.stores
    assert soon(lambda: stores.database(made["Endpoint"]) is not None), kept.following.problems
    server = stores.database(made["Endpoint"])
    assert isinstance(server, postgres.Server)
    arn = made["MasterUserSecret"]["SecretArn"]
    secrets = kept.aws.client("secretsmanager")
    word = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])["password"]
    with server.connect("litellm", "main", word) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("main",)

    # A container that is given the endpoint is given what stands for it.
    ecs = kept.aws.client("ecs")
    ecs.create_cluster(clusterName="stores")
    environment = named("stores", CODE="0", DATABASE_HOST=made["Endpoint"], DATABASE_PORT="5432")
    ecs.run_task(
        cluster="stores", taskDefinition=definition(kept.aws, "stores", environment=environment)
    )
    assert soon(lambda: any(work.environment["NAME"] == "stores" for work in kept.works))
    (work,) = (work for work in kept.works if work.environment["NAME"] == "stores")
    assert work.environment["DATABASE_HOST"] == "127.0.0.1"
    assert work.environment["DATABASE_PORT"] == str(server.port)

    kept.aws.client("rds").delete_db_cluster(DBClusterIdentifier="real", SkipFinalSnapshot=True)
    assert soon(lambda: not alive(server.pid))


def never(name: str) -> Any:
    raise AssertionError(f"{name}: nobody asked for it")


def job(aws: Cloud, plan: Plan, name: str, **replaced: str) -> tuple[int, str]:
    """Run a planned job with parts of its definition replaced; gives exit code and reason."""
    ecs = aws.client("ecs")
    (resource,) = (r for r in plan.of_type("aws_ecs_task_definition").values() if r.index == name)
    (container,) = json.loads(resource.values["container_definitions"])
    for entry in container["environment"]:
        entry["value"] = replaced.get(entry["name"], entry["value"])
    for entry in container["secrets"]:
        entry["valueFrom"] = replaced[entry["name"]]
    made = ecs.register_task_definition(family=name, containerDefinitions=[container])
    arn = made["taskDefinition"]["taskDefinitionArn"]
    (task,) = ecs.run_task(cluster="jobs", taskDefinition=arn)["tasks"]
    asked = {"cluster": "jobs", "tasks": [task["taskArn"]]}
    ecs.get_waiter("tasks_stopped").wait(**asked, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    (told,) = ecs.describe_tasks(**asked)["tasks"]
    return told["containers"][0].get("exitCode", -1), told["stoppedReason"]


def test_planned_jobs_prepare_the_planned_database(
    resolved_session: planning.Session,
) -> None:
    plan = planned(resolved_session, "aws")
    (wanted,) = (resource.values for resource in plan.of_type("aws_rds_cluster").values())
    with supervising() as held:
        aws = cloud.start(held)
        with reconciler.following(aws, held, runners.hooks(held, Path(), never)) as following:
            made = aws.client("rds").create_db_cluster(
                DBClusterIdentifier=wanted["cluster_identifier"],
                Engine=wanted["engine"],
                MasterUsername=wanted["master_username"],
                ManageMasterUserPassword=True,
                DatabaseName=wanted["database_name"],
            )["DBCluster"]
            aws.client("ecs").create_cluster(clusterName="jobs")
            secret = f"{made['MasterUserSecret']['SecretArn']}:password::"
            endpoint = made["Endpoint"]
            code, _ = job(aws, plan, "migrations", DATABASE_HOST=endpoint)
            assert code == 1
            code, why = job(aws, plan, "bootstrap", PGHOST=endpoint, PGPASSWORD=secret)
            assert code == 0, (why, following.problems)
            code, why = job(aws, plan, "migrations", DATABASE_HOST=endpoint)
            assert code == 0, (why, following.problems)
            server = following.stores.database(endpoint)
            assert server is not None
            with server.connect(wanted["database_name"]) as connection:
                rows = connection.execute("SELECT tablename FROM pg_tables").fetchall()
            assert {str(row[0]) for row in rows} >= migrations.models()


def test_caches_have_distinct_host_names(aws: Cloud) -> None:
    cache = aws.client("elasticache")
    found = set()
    for name in ("one", "two"):
        cache.create_replication_group(
            ReplicationGroupId=name,
            ReplicationGroupDescription="a",
            Engine="redis",
            NumCacheClusters=2,
            CacheNodeType="cache.t4g.small",
        )
    for one in cache.describe_replication_groups()["ReplicationGroups"]:
        (node,) = one["NodeGroups"]
        found |= {node["PrimaryEndpoint"]["Address"], node["ReaderEndpoint"]["Address"]}
    assert len(found) == 4


# ---- What is left behind ----

STACK = "acme-litellm-test"
TAGS: Mapping[str, str] = {aws_inventory.TAG: STACK}


def test_leftovers_query_every_service(aws: Cloud) -> None:
    """What a lifecycle of a stack makes and the shorter test below does not."""
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
    on = {"cluster": name, "serviceName": f"{name}-ui", "launchType": "FARGATE"}
    ecs.create_service(**on, taskDefinition=definition(aws, f"{name}-ui"), desiredCount=1)
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{name}/{name}-ui",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(**target, PolicyName=f"{name}-ui-cpu")
    where = {"DBSubnetGroupName": f"{name}-db", "DBSubnetGroupDescription": "a"}
    rds.create_db_subnet_group(**where, SubnetIds=subnets)
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
    # A name that was cut, as the module cuts it.
    cut = "acme-0" + hashlib.sha256(STACK.encode()).hexdigest()[:8] + "-ui-task"
    iam.create_role(RoleName=cut, AssumeRolePolicyDocument="{}")
    # Of another stack.
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
    for one in (role, cut):
        iam.delete_role(RoleName=one)
    logs.delete_log_group(logGroupName=f"/ecs/{STACK}/ui")
    named = {"DBClusterIdentifier": f"{STACK}-db", "FinalDBSnapshotIdentifier": f"{STACK}-final"}
    aws.client("rds").delete_db_cluster(**named)
    # What takes a name, or costs money, is still there.
    secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    kinds = [line.partition(": ")[0] for line in aws_inventory.leftovers(aws.client, STACK)]
    assert kinds == ["rds DBClusterSnapshots", "secretsmanager Secrets"]
    aws.client("rds").delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=f"{STACK}-final")
    secrets.restore_secret(SecretId=secret)
    secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    assert aws_inventory.leftovers(aws.client, STACK) == []
