"""The resources of a stack that exist, by the API of each service.

The tagging API is not used, because it lists deleted and inactive resources. A resource belongs to
a stack by its tag ``litellm:stack``; without the tag, by the beginning of its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.harness.lifecycle import naming
from tests.harness.lifecycle.target import Existing
from tests.harness.sdk.aws import paged

Client = Callable[[str], Any]
"""Returns the boto3 client of a service."""

TAG = "litellm:stack"


# These take tags in a second call or not at all, or AWS creates them for a stack.
_LATE = frozenset(
    {
        "autoscaling ScalableTargets",
        "autoscaling ScalingPolicies",
        "ecs Tasks",
        "elasticache CacheClusters",
        "logs LogGroups",
        "rds DBClusterSnapshots",
        "s3 Buckets",
        "route53 RecordSets",
    }
)
# What a run creates for its domain, outside of its stack.
_OUTSIDE = frozenset({"acm Certificates", "route53 RecordSets"})


def _resource(kind: str, name: str, names: tuple[str, ...], tags: Mapping[str, str]) -> Existing:
    return Existing(kind, name, names, tags, kind in _LATE, kind in _OUTSIDE)


def _tags(listed: Any) -> dict[str, str]:
    """Tags as a map, from the form of any service."""
    if isinstance(listed, Mapping):
        return {str(name): str(value) for name, value in listed.items()}
    return {
        str(item.get("Key") or item.get("key")): str(item.get("Value") or item.get("value") or "")
        for item in listed or ()
    }


# ---- EC2 ----

# The operation, the keys of list and id, and the states of deleted resources that are listed.
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


def _ec2(client: Client) -> Iterator[Existing]:
    ec2 = client("ec2")
    for operation, key, identity, gone in _EC2:
        for item in paged(ec2, operation, key):
            tags = _tags(item.get("Tags") or item.get("TagSet"))
            names = (tags.get("Name", ""), item.get("GroupName", ""))
            if item.get("State") not in gone:
                yield _resource(f"ec2 {key}", item[identity], names, tags)
    for item in ec2.describe_addresses()["Addresses"]:
        tags = _tags(item.get("Tags"))
        yield _resource("ec2 Addresses", item["AllocationId"], (tags.get("Name", ""),), tags)


# ---- Load balancers ----


def _elb(client: Client) -> Iterator[Existing]:
    elb = client("elbv2")
    balancers = paged(elb, "describe_load_balancers", "LoadBalancers")
    groups = paged(elb, "describe_target_groups", "TargetGroups")
    named = [
        *(("LoadBalancers", o["LoadBalancerArn"], o["LoadBalancerName"]) for o in balancers),
        *(("TargetGroups", o["TargetGroupArn"], o["TargetGroupName"]) for o in groups),
    ]
    for kind, arn, name in named:
        (answer,) = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        yield _resource(f"elbv2 {kind}", arn, (name,), _tags(answer["Tags"]))
    # AWS deletes listeners and rules with their load balancer.


# ---- ECS ----


def _ecs(client: Client) -> Iterator[Existing]:
    ecs = client("ecs")
    clusters = paged(ecs, "list_clusters", "clusterArns")
    for cluster in clusters:
        described = ecs.describe_clusters(clusters=[cluster], include=["TAGS"])["clusters"]
        for item in described:
            if item["status"] != "INACTIVE":
                name = item["clusterName"]
                yield _resource("ecs Clusters", cluster, (name,), _tags(item.get("tags")))
        for arn in paged(ecs, "list_services", "serviceArns", cluster=cluster):
            (item,) = ecs.describe_services(cluster=cluster, services=[arn], include=["TAGS"])[
                "services"
            ]
            if item["status"] != "INACTIVE":
                yield _resource(
                    "ecs Services", arn, (item["serviceName"],), _tags(item.get("tags"))
                )
        for arn in paged(ecs, "list_tasks", "taskArns", cluster=cluster):
            cluster_name = cluster.rpartition("/")[2]
            yield _resource("ecs Tasks", arn, (cluster_name,), {})
    for status in ("ACTIVE", "DELETE_IN_PROGRESS"):
        options = {"status": status}
        for arn in paged(ecs, "list_task_definitions", "taskDefinitionArns", **options):
            answer = ecs.list_tags_for_resource(resourceArn=arn)["tags"]
            family = arn.rpartition("/")[2].partition(":")[0]
            yield _resource("ecs TaskDefinitions", arn, (family,), _tags(answer))


def _scaling(client: Client) -> Iterator[Existing]:
    scaling = client("application-autoscaling")
    namespace = {"ServiceNamespace": "ecs"}
    for item in paged(scaling, "describe_scalable_targets", "ScalableTargets", **namespace):
        _, cluster, service = item["ResourceId"].split("/")
        yield _resource("autoscaling ScalableTargets", item["ResourceId"], (cluster, service), {})
    for item in paged(scaling, "describe_scaling_policies", "ScalingPolicies", **namespace):
        yield _resource("autoscaling ScalingPolicies", item["PolicyARN"], (item["PolicyName"],), {})


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
    ("describe_cache_parameter_groups", "CacheParameterGroups", "CacheParameterGroupName", "ARN"),
)


def _stores(client: Client) -> Iterator[Existing]:
    for service, rows in (("rds", _RDS), ("elasticache", _ELASTICACHE)):
        api = client(service)
        for operation, key, identity, arn in rows:
            for item in paged(api, operation, key):
                tags = item.get("TagList")
                if tags is None and item.get(arn):
                    tags = api.list_tags_for_resource(ResourceName=item[arn])["TagList"]
                yield _resource(f"{service} {key}", item[identity], (item[identity],), _tags(tags))


def _secrets(client: Client) -> Iterator[Existing]:
    # A secret in its recovery window still has its name.
    options = {"IncludePlannedDeletion": True}
    for item in paged(client("secretsmanager"), "list_secrets", "SecretList", **options):
        yield _resource(
            "secretsmanager Secrets", item["ARN"], (item["Name"],), _tags(item.get("Tags"))
        )


def _buckets(client: Client) -> Iterator[Existing]:
    s3 = client("s3")
    for item in s3.list_buckets()["Buckets"]:
        name = item["Name"]
        try:
            tags = _tags(s3.get_bucket_tagging(Bucket=name)["TagSet"])
        except s3.exceptions.ClientError:
            tags = {}
        yield _resource("s3 Buckets", name, (name,), tags)


# ---- Domains ----


def _certificates(client: Client) -> Iterator[Existing]:
    acm = client("acm")
    for item in paged(acm, "list_certificates", "CertificateSummaryList"):
        arn, labels = item["CertificateArn"], tuple(item["DomainName"].split("."))
        tags = acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
        yield _resource("acm Certificates", arn, labels, _tags(tags))


def _records(client: Client) -> Iterator[Existing]:
    """The records of all zones; those of a zone itself are not a run's."""
    r53 = client("route53")
    for zone in paged(r53, "list_hosted_zones", "HostedZones"):
        options = {"HostedZoneId": zone["Id"]}
        for item in paged(r53, "list_resource_record_sets", "ResourceRecordSets", **options):
            if item["Name"] != zone["Name"]:
                name = f"{zone['Id'].rpartition('/')[2]}/{item['Name']}/{item['Type']}"
                labels = tuple(item["Name"].rstrip(".").split("."))
                yield _resource("route53 RecordSets", name, labels, {})


# ---- The rest ----


def _roles(client: Client) -> Iterator[Existing]:
    iam = client("iam")
    for item in paged(iam, "list_roles", "Roles"):
        name = item["RoleName"]
        tags = _tags(iam.list_role_tags(RoleName=name)["Tags"])
        yield _resource("iam Roles", name, (name,), tags)


def _logs(client: Client) -> Iterator[Existing]:
    logs = client("logs")
    for item in paged(logs, "describe_log_groups", "logGroups"):
        # /ecs/STACK/component, /aws/rds/cluster/STACK-db/postgresql, and so on.
        name = item["logGroupName"]
        tags = logs.list_tags_log_group(logGroupName=name)["tags"]
        yield _resource("logs LogGroups", name, tuple(name.split("/")), _tags(tags))


_INVENTORIES: tuple[Callable[[Client], Iterator[Existing]], ...] = (
    _ec2,
    _elb,
    _ecs,
    _scaling,
    _stores,
    _secrets,
    _buckets,
    _roles,
    _logs,
    _certificates,
    _records,
)


def named(resource: Existing, stack: str) -> bool:
    """Whether a resource has a name of the stack."""
    return naming.named(resource.names, stack)


def _of(resource: Existing, stack: str) -> bool:
    """Whether a resource belongs to the stack: by its tag; without the tag, by its name."""
    if TAG in resource.tags:
        return resource.tags[TAG] == stack
    return named(resource, stack)


def everything(client: Client) -> Iterator[Existing]:
    """The existing resources of an account's region."""
    for inventory in _INVENTORIES:
        yield from inventory(client)


def resources(client: Client, stack: str) -> Iterator[Existing]:
    """The existing resources of a stack."""
    return (item for item in everything(client) if not item.outside and _of(item, stack))


def leftovers(client: Client, name_prefix: str) -> list[str]:
    """A line for each existing resource of a stack: its kind and name, sorted.

    Final snapshots are included, because they cost money until they are deleted.

    Args:
        client: returns the boto3 client of a service.
        name_prefix: the name of the stack.
    """
    return sorted(map(str, resources(client, name_prefix)))
