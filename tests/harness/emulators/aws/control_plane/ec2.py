"""What ministack lacks of EC2: networks in use, flow logs, NAT gateways, rules of any protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tests.harness.emulators.aws.control_plane import ecs
from tests.harness.emulators.aws.control_plane.call import Call, Refusal, list_members
from tests.harness.emulators.aws.control_plane.service import (
    Clients,
    Completion,
    Memory,
    Observations,
    Refuse,
    Rule,
    SideEffect,
)
from tests.harness.sdk.aws import paged

# The default of EC2 (EC2 API, CreateFlowLogs).
_AGGREGATION_SECONDS = "600"


@dataclass(frozen=True, slots=True)
class Owner:
    """A resource with network interfaces: their subnets and security groups."""

    name: str
    subnets: frozenset[str]
    groups: frozenset[str]


def interfaces(client: Clients) -> Iterator[Owner]:
    """The resources with interfaces in a VPC. ministack creates no interface for them."""
    for balancer in paged(client("elbv2"), "describe_load_balancers", "LoadBalancers"):
        subnets = frozenset(zone["SubnetId"] for zone in balancer["AvailabilityZones"])
        groups = frozenset(balancer.get("SecurityGroups", ()))
        yield Owner(balancer["LoadBalancerArn"], subnets, groups)
    for gateway in paged(client("ec2"), "describe_nat_gateways", "NatGateways"):
        if gateway["State"] not in {"deleted", "failed"}:
            subnet = frozenset([gateway["SubnetId"]])
            yield Owner(gateway["NatGatewayId"], subnet, frozenset())
    for service in ecs.services(client):
        network = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        yield Owner(
            service["serviceArn"],
            frozenset(network.get("subnets", ())),
            frozenset(network.get("securityGroups", ())),
        )
    subnets_of = {
        group["DBSubnetGroupName"]: frozenset(s["SubnetIdentifier"] for s in group["Subnets"])
        for group in paged(client("rds"), "describe_db_subnet_groups", "DBSubnetGroups")
    }
    for cluster in paged(client("rds"), "describe_db_clusters", "DBClusters"):
        guards = frozenset(g["VpcSecurityGroupId"] for g in cluster["VpcSecurityGroups"])
        # The instances have the interfaces.
        populated = bool(cluster["DBClusterMembers"])
        yield Owner(
            cluster["DBClusterArn"],
            subnets_of.get(cluster.get("DBSubnetGroup", ""), frozenset())
            if populated
            else frozenset(),
            guards,
        )
    caches_of = {
        group["CacheSubnetGroupName"]: frozenset(s["SubnetIdentifier"] for s in group["Subnets"])
        for group in paged(
            client("elasticache"), "describe_cache_subnet_groups", "CacheSubnetGroups"
        )
    }
    for cache in paged(client("elasticache"), "describe_cache_clusters", "CacheClusters"):
        yield Owner(
            cache["CacheClusterId"],
            caches_of.get(cache.get("CacheSubnetGroupName", ""), frozenset()),
            frozenset(g["SecurityGroupId"] for g in cache.get("SecurityGroups", ())),
        )


def _group(client: Clients, call: Call, _: Observations) -> Refusal | None:
    group = call.parameters.get("GroupId", "")
    rules = paged(client("ec2"), "describe_security_group_rules", "SecurityGroupRules")
    users = [
        rule["GroupId"]
        for rule in rules
        if rule.get("ReferencedGroupInfo", {}).get("GroupId") == group and rule["GroupId"] != group
    ]
    users += [owner.name for owner in interfaces(client) if group in owner.groups]
    if not users:
        return None
    return Refusal("DependencyViolation", f"resource {group} has a dependent object")


def _subnet(client: Clients, call: Call, _: Observations) -> Refusal | None:
    subnet = call.parameters["SubnetId"]
    users = [owner.name for owner in interfaces(client) if subnet in owner.subnets]
    if not users:
        return None
    return Refusal(
        "DependencyViolation", f"The subnet '{subnet}' has dependencies and cannot be deleted."
    )


def _vpc(client: Clients, call: Call, _: Observations) -> Refusal | None:
    vpc = call.parameters["VpcId"]
    within = [{"Name": "vpc-id", "Values": [vpc]}]
    ec2 = client("ec2")
    gateways = [
        gateway
        for gateway in paged(ec2, "describe_nat_gateways", "NatGateways", Filters=within)
        if gateway["State"] not in {"deleted", "failed"}
    ]
    tables = [
        table
        for table in paged(ec2, "describe_route_tables", "RouteTables", Filters=within)
        if not any(link.get("Main") for link in table["Associations"])
    ]
    if not gateways and not tables:
        return None
    return Refusal(
        "DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted."
    )


def _internet_gateway(client: Clients, call: Call, _: Observations) -> Refusal | None:
    gateway = call.parameters["InternetGatewayId"]
    answer = client("ec2").describe_internet_gateways(InternetGatewayIds=[gateway])
    if not any(entry.get("Attachments") for entry in answer["InternetGateways"]):
        return None
    return Refusal(
        "DependencyViolation",
        f"The internetGateway '{gateway}' has dependencies and cannot be deleted.",
    )


def _mapped_addresses(client: Clients, call: Call, _: Observations) -> Refusal | None:
    vpc = call.parameters["VpcId"]
    within = [{"Name": "vpc-id", "Values": [vpc]}]
    gateways = paged(client("ec2"), "describe_nat_gateways", "NatGateways", Filters=within)
    balancers = paged(client("elbv2"), "describe_load_balancers", "LoadBalancers")
    subnets = {
        subnet["SubnetId"]
        for subnet in paged(client("ec2"), "describe_subnets", "Subnets", Filters=within)
    }
    public = [
        balancer
        for balancer in balancers
        if balancer["Scheme"] == "internet-facing"
        and subnets & {zone["SubnetId"] for zone in balancer["AvailabilityZones"]}
    ]
    if not public and all(g["State"] in {"deleted", "failed"} for g in gateways):
        return None
    return Refusal(
        "DependencyViolation",
        f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) "
        "before detaching the gateway.",
    )


def _route_table(client: Clients, call: Call, _: Observations) -> Refusal | None:
    table = call.parameters["RouteTableId"]
    answer = client("ec2").describe_route_tables(RouteTableIds=[table])
    if not any(entry["Associations"] for entry in answer["RouteTables"]):
        return None
    return Refusal(
        "DependencyViolation",
        f"The routeTable '{table}' has dependencies and cannot be deleted.",
    )


def _flow_logs(client: Clients, call: Call, memory: Memory, body: str) -> str:
    """Tag the created flow logs, and remember their aggregation interval.

    ministack does not know the resource type vpc-flow-log of EC2 (EC2 API, TagSpecification).
    """
    tags = [
        {"Key": tag["Key"], "Value": tag.get("Value", "")}
        for specification in list_members(call.parameters, "TagSpecification")
        for tag in list_members(specification, "Tag")
    ]
    created = re.findall(r"<item>(fl-\w+)</item>", body)
    seconds = call.parameters.get("MaxAggregationInterval", _AGGREGATION_SECONDS)
    memory.intervals |= dict.fromkeys(created, seconds)
    if tags and created:
        client("ec2").create_tags(Resources=created, Tags=tags)
    return body


def _described_flow_logs(_: Clients, __: Call, memory: Memory, body: str) -> str:
    """The aggregation interval of each flow log (EC2 API, FlowLog)."""

    def completed(match: re.Match[str]) -> str:
        seconds = memory.intervals.get(match[1], _AGGREGATION_SECONDS)
        return f"{match[0]}<maxAggregationInterval>{escape(seconds)}</maxAggregationInterval>"

    return re.sub(r"<flowLogId>([^<]+)</flowLogId>", completed, body)


def _revoke_every_protocol(client: Clients, call: Call) -> None:
    """Revoke the rules of protocol -1 without their ports (EC2 API, IpPermission).

    EC2 ignores these ports. ministack compares them, so the provider would not remove the default
    rule of a group.
    """
    for permission in list_members(call.parameters, "IpPermissions"):
        ranges = list_members(permission, "IpRanges")
        if permission.get("IpProtocol") == "-1" and "FromPort" in permission and ranges:
            addresses = [{"CidrIp": entry["CidrIp"]} for entry in ranges]
            client("ec2").revoke_security_group_egress(
                GroupId=call.parameters["GroupId"],
                IpPermissions=[{"IpProtocol": "-1", "IpRanges": addresses}],
            )


def _nat_gateways(_: Clients, call: Call, memory: Memory, body: str) -> str:
    """The address of a NAT gateway (EC2 API, NatGatewayAddress)."""
    allocation = call.parameters.get("AllocationId")

    def completed(match: re.Match[str]) -> str:
        if allocation:
            memory.addresses[match[1]] = allocation
        address = memory.addresses.get(match[1])
        if not address:
            return match[0]
        item = f"<allocationId>{escape(address)}</allocationId><isPrimary>true</isPrimary>"
        return (
            f"{match[0].removesuffix('<natGatewayAddressSet/>')}<natGatewayAddressSet><item>{item}"
            "<status>succeeded</status></item></natGatewayAddressSet>"
        )

    pattern = r"<natGatewayId>([^<]+)</natGatewayId>.*?<natGatewayAddressSet/>"
    return re.sub(pattern, completed, body, flags=re.DOTALL)


REFUSALS: Refuse = {
    "DeleteSecurityGroup": [Rule(_group, "EC2 API, DeleteSecurityGroup")],
    "DeleteSubnet": [Rule(_subnet, "EC2 API, DeleteSubnet")],
    "DeleteVpc": [Rule(_vpc, "EC2 API, DeleteVpc")],
    "DeleteInternetGateway": [Rule(_internet_gateway, "EC2 API, DeleteInternetGateway")],
    "DetachInternetGateway": [Rule(_mapped_addresses, "EC2 API, DetachInternetGateway")],
    "DeleteRouteTable": [Rule(_route_table, "EC2 API, DeleteRouteTable")],
}
COMPLETIONS: dict[str, Completion] = {
    "CreateFlowLogs": _flow_logs,
    "DescribeFlowLogs": _described_flow_logs,
    "CreateNatGateway": _nat_gateways,
    "DescribeNatGateways": _nat_gateways,
}
SIDE_EFFECTS: dict[str, SideEffect] = {"RevokeSecurityGroupEgress": _revoke_every_protocol}
