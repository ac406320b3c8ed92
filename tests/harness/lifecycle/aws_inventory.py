"""What of a stack is still there, by the API of each service.

The tagging API is not asked: it goes on listing what is deleted, and what is inactive. A thing is a
stack's if its tag ``litellm:stack`` says so, or, without one, if its name begins with the stack's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.sdk.aws import paged

Client = Callable[[str], Any]
"""Gives a boto3 client by the service's name."""

TAG = "litellm:stack"


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing that is there, with its names; ``tags`` as the service tells them."""

    kind: str
    name: str
    names: tuple[str, ...]
    tags: Mapping[str, str]


def _tags(listed: Any) -> dict[str, str]:
    """Tags as a map, however a service writes them."""
    if isinstance(listed, Mapping):
        return {str(name): str(value) for name, value in listed.items()}
    return {
        str(one.get("Key") or one.get("key")): str(one.get("Value") or one.get("value") or "")
        for one in listed or ()
    }


# ---- EC2 ----

# The operation, the list's key, the id's, and what is not there any more though it is listed.
_EC2: tuple[tuple[str, str, str, frozenset[str]], ...] = (
    ("describe_vpcs", "Vpcs", "VpcId", frozenset()),
    ("describe_subnets", "Subnets", "SubnetId", frozenset()),
    ("describe_security_groups", "SecurityGroups", "GroupId", frozenset()),
    ("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId", frozenset()),
    ("describe_internet_gateways", "InternetGateways", "InternetGatewayId", frozenset()),
    ("describe_nat_gateways", "NatGateways", "NatGatewayId", frozenset({"deleted"})),
    ("describe_route_tables", "RouteTables", "RouteTableId", frozenset()),
    ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", frozenset()),
    ("describe_flow_logs", "FlowLogs", "FlowLogId", frozenset()),
    ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", frozenset({"deleted"})),
)


def _ec2(client: Client) -> Iterator[Thing]:
    ec2 = client("ec2")
    for operation, key, identity, gone in _EC2:
        for one in paged(ec2, operation, key):
            tags = _tags(one.get("Tags") or one.get("TagSet"))
            names = (tags.get("Name", ""), one.get("GroupName", ""))
            if one.get("State") not in gone:
                yield Thing(f"ec2 {key}", one[identity], names, tags)
    for one in ec2.describe_addresses()["Addresses"]:
        tags = _tags(one.get("Tags"))
        yield Thing("ec2 Addresses", one["AllocationId"], (tags.get("Name", ""),), tags)


# ---- Load balancers ----


def _elb(client: Client) -> Iterator[Thing]:
    elb = client("elbv2")
    balancers = paged(elb, "describe_load_balancers", "LoadBalancers")
    groups = paged(elb, "describe_target_groups", "TargetGroups")
    found = [
        *(("LoadBalancers", o["LoadBalancerArn"], o["LoadBalancerName"]) for o in balancers),
        *(("TargetGroups", o["TargetGroupArn"], o["TargetGroupName"]) for o in groups),
    ]
    for kind, arn, name in found:
        (told,) = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        yield Thing(f"elbv2 {kind}", arn, (name,), _tags(told["Tags"]))
    # Listeners and rules go with their load balancer, so they need no look of their own.


# ---- ECS ----


def _ecs(client: Client) -> Iterator[Thing]:
    ecs = client("ecs")
    clusters = paged(ecs, "list_clusters", "clusterArns")
    for cluster in clusters:
        held = ecs.describe_clusters(clusters=[cluster], include=["TAGS"])["clusters"]
        for one in held:
            if one["status"] != "INACTIVE":
                name = one["clusterName"]
                yield Thing("ecs Clusters", cluster, (name,), _tags(one.get("tags")))
        for arn in paged(ecs, "list_services", "serviceArns", cluster=cluster):
            (one,) = ecs.describe_services(cluster=cluster, services=[arn], include=["TAGS"])[
                "services"
            ]
            if one["status"] != "INACTIVE":
                yield Thing("ecs Services", arn, (one["serviceName"],), _tags(one.get("tags")))
        for arn in paged(ecs, "list_tasks", "taskArns", cluster=cluster):
            cluster_name = cluster.rpartition("/")[2]
            yield Thing("ecs Tasks", arn, (cluster_name,), {})
    for status in ("ACTIVE", "DELETE_IN_PROGRESS"):
        given = {"status": status}
        for arn in paged(ecs, "list_task_definitions", "taskDefinitionArns", **given):
            told = ecs.list_tags_for_resource(resourceArn=arn)["tags"]
            family = arn.rpartition("/")[2].partition(":")[0]
            yield Thing("ecs TaskDefinitions", arn, (family,), _tags(told))


def _scaling(client: Client) -> Iterator[Thing]:
    scaling = client("application-autoscaling")
    namespace = {"ServiceNamespace": "ecs"}
    for one in paged(scaling, "describe_scalable_targets", "ScalableTargets", **namespace):
        _, cluster, service = one["ResourceId"].split("/")
        yield Thing("autoscaling ScalableTargets", one["ResourceId"], (cluster, service), {})
    for one in paged(scaling, "describe_scaling_policies", "ScalingPolicies", **namespace):
        yield Thing("autoscaling ScalingPolicies", one["PolicyARN"], (one["PolicyName"],), {})


# ---- Stores ----

_RDS = (
    ("describe_db_clusters", "DBClusters", "DBClusterIdentifier", "DBClusterArn"),
    ("describe_db_instances", "DBInstances", "DBInstanceIdentifier", "DBInstanceArn"),
    ("describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName", "DBSubnetGroupArn"),
    (
        "describe_db_cluster_parameter_groups",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupName",
        "DBClusterParameterGroupArn",
    ),
    (
        "describe_db_cluster_snapshots",
        "DBClusterSnapshots",
        "DBClusterSnapshotIdentifier",
        "DBClusterSnapshotArn",
    ),
)
_ELASTICACHE = (
    ("describe_replication_groups", "ReplicationGroups", "ReplicationGroupId", "ARN"),
    ("describe_cache_clusters", "CacheClusters", "CacheClusterId", "ARN"),
    ("describe_cache_subnet_groups", "CacheSubnetGroups", "CacheSubnetGroupName", "ARN"),
)


def _stores(client: Client) -> Iterator[Thing]:
    for service, rows in (("rds", _RDS), ("elasticache", _ELASTICACHE)):
        asked = client(service)
        for operation, key, identity, arn in rows:
            for one in paged(asked, operation, key):
                tags = one.get("TagList")
                if tags is None and one.get(arn):
                    tags = asked.list_tags_for_resource(ResourceName=one[arn])["TagList"]
                yield Thing(f"{service} {key}", one[identity], (one[identity],), _tags(tags))


def _secrets(client: Client) -> Iterator[Thing]:
    # One in its recovery window still takes its name.
    given = {"IncludePlannedDeletion": True}
    for one in paged(client("secretsmanager"), "list_secrets", "SecretList", **given):
        yield Thing("secretsmanager Secrets", one["ARN"], (one["Name"],), _tags(one.get("Tags")))


def _buckets(client: Client) -> Iterator[Thing]:
    s3 = client("s3")
    for one in s3.list_buckets()["Buckets"]:
        name = one["Name"]
        try:
            tags = _tags(s3.get_bucket_tagging(Bucket=name)["TagSet"])
        except s3.exceptions.ClientError:
            tags = {}
        yield Thing("s3 Buckets", name, (name,), tags)


# ---- The rest ----


def _roles(client: Client) -> Iterator[Thing]:
    iam = client("iam")
    for one in paged(iam, "list_roles", "Roles"):
        name = one["RoleName"]
        tags = _tags(iam.list_role_tags(RoleName=name)["Tags"])
        yield Thing("iam Roles", name, (name,), tags)


def _logs(client: Client) -> Iterator[Thing]:
    logs = client("logs")
    for one in paged(logs, "describe_log_groups", "logGroups"):
        # /ecs/STACK/component, /aws/rds/cluster/STACK-db/postgresql, and so on.
        name = one["logGroupName"]
        tags = logs.list_tags_log_group(logGroupName=name)["tags"]
        yield Thing("logs LogGroups", name, tuple(name.split("/")), _tags(tags))


_LOOKS: tuple[Callable[[Client], Iterator[Thing]], ...] = (
    _ec2,
    _elb,
    _ecs,
    _scaling,
    _stores,
    _secrets,
    _buckets,
    _roles,
    _logs,
)


def _of(thing: Thing, stack: str) -> bool:
    """Whether a thing is the stack's: by its tag, and without one by its name.

    ``acme-litellm-prod`` is not that of ``acme-litellm-pro``. A name too long for its place is cut
    and ends in a digest of the whole (naming.tf of the module).
    """
    if TAG in thing.tags:
        return thing.tags[TAG] == stack
    mark = f"-0{hashlib.sha256(stack.encode()).hexdigest()[:8]}"
    return any(
        name == stack or name.startswith(f"{stack}-") or mark in name for name in thing.names
    )


def things(client: Client, stack: str) -> Iterator[Thing]:
    """Each thing of a stack that is there; ``client`` gives a boto3 client by service."""
    for look in _LOOKS:
        for thing in look(client):
            if _of(thing, stack):
                yield thing


def leftovers(client: Client, name_prefix: str) -> list[str]:
    """A line for each thing of a stack that is still there: its kind and its name, sorted.

    A final snapshot is one of them, for it costs money until somebody deletes it.

    Args:
        client: gives a boto3 client by service, as :meth:`Cloud.client` and ``Session.client`` do.
        name_prefix: the stack's name, which begins those of its things and is its tag's value.
    """
    return sorted(f"{thing.kind}: {thing.name}" for thing in things(client, name_prefix))
