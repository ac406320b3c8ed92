"""What AWS refuses and the emulator does not; also what AWS does besides and it leaves out.

Each row of :data:`REFUSALS` was found missing by asking ministack 1.5.33 for what must be refused.
What it does refuse itself is not here: a VPC with subnets, a bucket with objects or versions, a
cluster with instances or protection from deletion, a role with policies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness.emulators.aws.control_plane.call import Call, Refusal, listed
from tests.harness.sdk.aws import paged

Ask = Callable[[str], Any]
"""Gives a client of the emulator by the service's name, for the caller's account and region."""

Facts = Mapping[str, Mapping[str, Any]]
"""What the reconciler last said: see :mod:`tests.harness.emulators.aws.control_plane.overlay`."""

Check = Callable[[Ask, Call, Facts], Refusal | None]

# Quotas of an Application Load Balancer: rules without the default ones, values of a rule.
MOST_RULES = 100
MOST_VALUES = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """A refusal: what finds it, and the page that says AWS does."""

    check: Check
    source: str


# ---- Networks ----


@dataclass(frozen=True, slots=True)
class Placed:
    """What has interfaces in subnets, guarded by groups."""

    name: str
    subnets: frozenset[str]
    groups: frozenset[str]


def placed(ask: Ask) -> Iterator[Placed]:
    """Whatever has interfaces of its own in a VPC; the emulator makes none for it."""
    for balancer in paged(ask("elbv2"), "describe_load_balancers", "LoadBalancers"):
        subnets = frozenset(zone["SubnetId"] for zone in balancer["AvailabilityZones"])
        groups = frozenset(balancer.get("SecurityGroups", ()))
        yield Placed(balancer["LoadBalancerArn"], subnets, groups)
    for gateway in paged(ask("ec2"), "describe_nat_gateways", "NatGateways"):
        if gateway["State"] not in {"deleted", "failed"}:
            subnet = frozenset([gateway["SubnetId"]])
            yield Placed(gateway["NatGatewayId"], subnet, frozenset())
    for service in services(ask):
        network = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        yield Placed(
            service["serviceArn"],
            frozenset(network.get("subnets", ())),
            frozenset(network.get("securityGroups", ())),
        )
    subnets_of = {
        group["DBSubnetGroupName"]: frozenset(s["SubnetIdentifier"] for s in group["Subnets"])
        for group in paged(ask("rds"), "describe_db_subnet_groups", "DBSubnetGroups")
    }
    for cluster in paged(ask("rds"), "describe_db_clusters", "DBClusters"):
        guards = frozenset(g["VpcSecurityGroupId"] for g in cluster["VpcSecurityGroups"])
        # An instance has the interface, and a cluster without one has none.
        there = bool(cluster["DBClusterMembers"])
        yield Placed(
            cluster["DBClusterArn"],
            subnets_of.get(cluster.get("DBSubnetGroup", ""), frozenset()) if there else frozenset(),
            guards,
        )
    caches_of = {
        group["CacheSubnetGroupName"]: frozenset(s["SubnetIdentifier"] for s in group["Subnets"])
        for group in paged(ask("elasticache"), "describe_cache_subnet_groups", "CacheSubnetGroups")
    }
    for cache in paged(ask("elasticache"), "describe_cache_clusters", "CacheClusters"):
        yield Placed(
            cache["CacheClusterId"],
            caches_of.get(cache.get("CacheSubnetGroupName", ""), frozenset()),
            frozenset(g["SecurityGroupId"] for g in cache.get("SecurityGroups", ())),
        )


def services(ask: Ask) -> Iterator[Mapping[str, Any]]:
    """The services of all clusters that are not gone."""
    ecs = ask("ecs")
    for cluster in paged(ecs, "list_clusters", "clusterArns"):
        arns = paged(ecs, "list_services", "serviceArns", cluster=cluster)
        # The API takes ten.
        for start in range(0, len(arns), 10):
            some = arns[start : start + 10]
            yield from ecs.describe_services(cluster=cluster, services=some)["services"]


def _group(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    group = call.parameters.get("GroupId", "")
    rules = paged(ask("ec2"), "describe_security_group_rules", "SecurityGroupRules")
    users = [
        rule["GroupId"]
        for rule in rules
        if rule.get("ReferencedGroupInfo", {}).get("GroupId") == group and rule["GroupId"] != group
    ]
    users += [one.name for one in placed(ask) if group in one.groups]
    if not users:
        return None
    return Refusal("DependencyViolation", f"resource {group} has a dependent object")


def _subnet(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    subnet = call.parameters["SubnetId"]
    users = [one.name for one in placed(ask) if subnet in one.subnets]
    if not users:
        return None
    return Refusal(
        "DependencyViolation", f"The subnet '{subnet}' has dependencies and cannot be deleted."
    )


def _vpc(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    vpc = call.parameters["VpcId"]
    within = [{"Name": "vpc-id", "Values": [vpc]}]
    ec2 = ask("ec2")
    gateways = [
        one
        for one in paged(ec2, "describe_nat_gateways", "NatGateways", Filters=within)
        if one["State"] not in {"deleted", "failed"}
    ]
    tables = [
        one
        for one in paged(ec2, "describe_route_tables", "RouteTables", Filters=within)
        if not any(link.get("Main") for link in one["Associations"])
    ]
    if not gateways and not tables:
        return None
    return Refusal(
        "DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted."
    )


def _internet_gateway(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    gateway = call.parameters["InternetGatewayId"]
    asked = ask("ec2").describe_internet_gateways(InternetGatewayIds=[gateway])
    if not any(one.get("Attachments") for one in asked["InternetGateways"]):
        return None
    return Refusal(
        "DependencyViolation",
        f"The internetGateway '{gateway}' has dependencies and cannot be deleted.",
    )


def _detached(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    vpc = call.parameters["VpcId"]
    within = [{"Name": "vpc-id", "Values": [vpc]}]
    gateways = paged(ask("ec2"), "describe_nat_gateways", "NatGateways", Filters=within)
    balancers = paged(ask("elbv2"), "describe_load_balancers", "LoadBalancers")
    subnets = {
        one["SubnetId"] for one in paged(ask("ec2"), "describe_subnets", "Subnets", Filters=within)
    }
    public = [
        one
        for one in balancers
        if one["Scheme"] == "internet-facing"
        and subnets & {zone["SubnetId"] for zone in one["AvailabilityZones"]}
    ]
    if not public and all(one["State"] in {"deleted", "failed"} for one in gateways):
        return None
    return Refusal(
        "DependencyViolation",
        f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) "
        "before detaching the gateway.",
    )


def _route_table(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    table = call.parameters["RouteTableId"]
    asked = ask("ec2").describe_route_tables(RouteTableIds=[table])
    if not any(one["Associations"] for one in asked["RouteTables"]):
        return None
    return Refusal(
        "DependencyViolation",
        f"The routeTable '{table}' has dependencies and cannot be deleted.",
    )


# ---- Load balancers ----


def _priority(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    priority = call.parameters.get("Priority", "")
    rules = ask("elbv2").describe_rules(ListenerArn=call.parameters["ListenerArn"])["Rules"]
    if priority not in {rule["Priority"] for rule in rules}:
        return None
    return Refusal("PriorityInUse", f"Priority '{priority}' is currently in use")


def _rules(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    elb = ask("elbv2")
    (listener,) = elb.describe_listeners(ListenerArns=[call.parameters["ListenerArn"]])["Listeners"]
    balancer = listener["LoadBalancerArn"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    count = sum(
        not rule["IsDefault"]
        for one in listeners
        for rule in elb.describe_rules(ListenerArn=one["ListenerArn"])["Rules"]
    )
    if count < MOST_RULES:
        return None
    return Refusal(
        "TooManyRules",
        f"The maximum number of rules on load balancer '{balancer}' has been reached",
    )


def _values(_: Ask, call: Call, __: Facts) -> Refusal | None:
    # A value stands in Values or in the configuration of its kind, and not in both.
    count = sum(
        1
        for condition in listed(call.parameters, "Conditions")
        for name in condition
        if ".member." in name or name.startswith("Values.")
    )
    if count <= MOST_VALUES:
        return None
    return Refusal("ValidationError", f"A rule can only have '{MOST_VALUES}' condition values")


def _target_group(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    group = call.parameters["TargetGroupArn"]
    elb = ask("elbv2")
    for balancer in paged(elb, "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        for listener in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
            rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            actions = [action for rule in rules for action in rule["Actions"]]
            if any(action.get("TargetGroupArn") == group for action in actions):
                return Refusal(
                    "ResourceInUse",
                    f"Target group '{group}' is currently in use by a listener or a rule",
                )
    return None


def _protected(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    arn = call.parameters["LoadBalancerArn"]
    elb = ask("elbv2")
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    if {"Key": "deletion_protection.enabled", "Value": "true"} not in attributes:
        return None
    return Refusal(
        "OperationNotPermitted",
        f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
    )


# ---- Stores ----


def _snapshot(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    if call.parameters.get("SkipFinalSnapshot") == "true":
        return None
    name = call.parameters.get("FinalDBSnapshotIdentifier", "")
    if not name:
        return Refusal(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    held = paged(ask("rds"), "describe_db_cluster_snapshots", "DBClusterSnapshots")
    if name not in {one["DBClusterSnapshotIdentifier"] for one in held}:
        return None
    return Refusal(
        "DBClusterSnapshotAlreadyExistsFault",
        f"Cannot create the cluster snapshot because one with the identifier {name} already "
        "exists.",
    )


def _database_subnets(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    name = call.parameters["DBSubnetGroupName"]
    clusters = paged(ask("rds"), "describe_db_clusters", "DBClusters")
    if not any(one.get("DBSubnetGroup") == name for one in clusters):
        return None
    return Refusal(
        "InvalidDBSubnetGroupStateFault",
        f"Cannot delete the subnet group '{name}' because at least one database instance is "
        "still using it.",
    )


def _database_parameters(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    name = call.parameters["DBClusterParameterGroupName"]
    clusters = paged(ask("rds"), "describe_db_clusters", "DBClusters")
    if not any(one.get("DBClusterParameterGroup") == name for one in clusters):
        return None
    return Refusal(
        "InvalidDBParameterGroupState",
        "One or more database instances are still members of this parameter group "
        f"{name}, so the group cannot be deleted",
    )


def _cache_subnets(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    name = call.parameters["CacheSubnetGroupName"]
    caches = paged(ask("elasticache"), "describe_cache_clusters", "CacheClusters")
    if not any(one.get("CacheSubnetGroupName") == name for one in caches):
        return None
    return Refusal(
        "CacheSubnetGroupInUse",
        f"Cache subnet group {name} is currently in use by a cache cluster.",
    )


def _secret(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    held = paged(ask("secretsmanager"), "list_secrets", "SecretList", IncludePlannedDeletion=True)
    name = call.parameters.get("Name")
    if not any(one["Name"] == name and one.get("DeletedDate") for one in held):
        return None
    return Refusal(
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for "
        "deletion.",
    )


# ---- Services ----


def _cluster(ask: Ask, call: Call, _: Facts) -> Refusal | None:
    name = call.parameters.get("cluster", "default")
    ecs = ask("ecs")
    if paged(ecs, "list_services", "serviceArns", cluster=name):
        return Refusal(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        )
    if paged(ecs, "list_tasks", "taskArns", cluster=name):
        return Refusal(
            "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."
        )
    return None


def _draining(ask: Ask, call: Call, facts: Facts) -> Refusal | None:
    cluster = str(call.parameters.get("cluster", "default"))
    name = str(call.parameters.get("serviceName"))
    held = ask("ecs").describe_services(cluster=cluster, services=[name])["services"]
    for one in held:
        fact = facts.get("services", {}).get(one["serviceArn"], {})
        if one["status"] != "ACTIVE" and fact.get("runningCount"):
            return Refusal(
                "InvalidParameterException", "Unable to Start a service that is still Draining."
            )
    return None


REFUSALS: Mapping[tuple[str, str], Sequence[Rule]] = {
    ("ec2", "DeleteSecurityGroup"): [Rule(_group, "EC2 API, DeleteSecurityGroup")],
    ("ec2", "DeleteSubnet"): [Rule(_subnet, "EC2 API, DeleteSubnet")],
    ("ec2", "DeleteVpc"): [Rule(_vpc, "EC2 API, DeleteVpc")],
    ("ec2", "DeleteInternetGateway"): [
        Rule(_internet_gateway, "EC2 API, DeleteInternetGateway"),
    ],
    ("ec2", "DetachInternetGateway"): [
        Rule(_detached, "EC2 API, DetachInternetGateway"),
    ],
    ("ec2", "DeleteRouteTable"): [Rule(_route_table, "EC2 API, DeleteRouteTable")],
    ("elasticloadbalancing", "CreateRule"): [
        Rule(_values, "ELB, Quotas for your Application Load Balancers"),
        Rule(_priority, "ELBv2 API, CreateRule, PriorityInUse"),
        Rule(_rules, "ELBv2 API, CreateRule, TooManyRules"),
    ],
    ("elasticloadbalancing", "ModifyRule"): [
        Rule(_values, "ELB, Quotas for your Application Load Balancers"),
    ],
    ("elasticloadbalancing", "DeleteTargetGroup"): [
        Rule(_target_group, "ELBv2 API, DeleteTargetGroup, ResourceInUse"),
    ],
    ("elasticloadbalancing", "DeleteLoadBalancer"): [
        Rule(_protected, "ELBv2 API, DeleteLoadBalancer, OperationNotPermitted"),
    ],
    ("rds", "DeleteDBCluster"): [Rule(_snapshot, "RDS API, DeleteDBCluster")],
    ("rds", "DeleteDBSubnetGroup"): [
        Rule(_database_subnets, "RDS API, DeleteDBSubnetGroup"),
    ],
    ("rds", "DeleteDBClusterParameterGroup"): [
        Rule(_database_parameters, "RDS API, DeleteDBClusterParameterGroup"),
    ],
    ("elasticache", "DeleteCacheSubnetGroup"): [
        Rule(_cache_subnets, "ElastiCache API, DeleteCacheSubnetGroup"),
    ],
    ("secretsmanager", "CreateSecret"): [
        Rule(_secret, "Secrets Manager, Troubleshoot: a name in its recovery window"),
    ],
    ("ecs", "DeleteCluster"): [Rule(_cluster, "ECS API, DeleteCluster")],
    ("ecs", "CreateService"): [Rule(_draining, "ECS API, DeleteService")],
}


def refused(ask: Ask, call: Call, facts: Facts) -> Refusal | None:
    """What AWS would refuse a call with, and the emulator would not."""
    for rule in REFUSALS.get((call.service, call.operation), ()):
        refusal = rule.check(ask, call, facts)
        if refusal:
            return refusal
    return None


# ---- What AWS does besides ----


def _delete_listeners(ask: Ask, call: Call) -> None:
    elb, arn = ask("elbv2"), call.parameters["LoadBalancerArn"]
    for listener in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
        elb.delete_listener(ListenerArn=listener["ListenerArn"])


def _take_snapshot(ask: Ask, call: Call) -> None:
    name = call.parameters.get("FinalDBSnapshotIdentifier", "")
    rds, cluster = ask("rds"), call.parameters["DBClusterIdentifier"]
    (held,) = rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
    # Else the deletion is refused.
    if name and not held["DeletionProtection"] and not held["DBClusterMembers"]:
        rds.create_db_cluster_snapshot(
            DBClusterIdentifier=cluster, DBClusterSnapshotIdentifier=name
        )


BESIDES: Mapping[tuple[str, str], Callable[[Ask, Call], None]] = {
    # ELBv2 API, DeleteLoadBalancer: its listeners go with it.
    ("elasticloadbalancing", "DeleteLoadBalancer"): _delete_listeners,
    # RDS API, DeleteDBCluster: the final snapshot is taken.
    ("rds", "DeleteDBCluster"): _take_snapshot,
}
