"""What the tagging API of AWS lists, and whether it still exists.

The tagging API lists resources for a while after they are deleted, and ECS keeps inactive clusters,
services and task definitions. The API of each service decides: what the inventory does not have is
gone. A type without an inventory is never taken for gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.harness.lifecycle.aws_inventory import Client
from tests.harness.lifecycle.target import Existing, Listed
from tests.harness.sdk.aws import paged

# The kinds of the inventory by service and type in an ARN. Source: Service Authorization Reference.
_KINDS = {
    "acm:certificate": "acm Certificates",
    "application-autoscaling:scalable-target": "autoscaling ScalableTargets",
    "ec2:elastic-ip": "ec2 Addresses",
    "ec2:internet-gateway": "ec2 InternetGateways",
    "ec2:natgateway": "ec2 NatGateways",
    "ec2:network-interface": "ec2 NetworkInterfaces",
    "ec2:route-table": "ec2 RouteTables",
    "ec2:security-group": "ec2 SecurityGroups",
    "ec2:security-group-rule": "ec2 SecurityGroupRules",
    "ec2:subnet": "ec2 Subnets",
    "ec2:vpc": "ec2 Vpcs",
    "ec2:vpc-endpoint": "ec2 VpcEndpoints",
    "ec2:vpc-flow-log": "ec2 FlowLogs",
    "ecs:cluster": "ecs Clusters",
    "ecs:service": "ecs Services",
    "ecs:task": "ecs Tasks",
    "ecs:task-definition": "ecs TaskDefinitions",
    "elasticache:cluster": "elasticache CacheClusters",
    "elasticache:parametergroup": "elasticache CacheParameterGroups",
    "elasticache:replicationgroup": "elasticache ReplicationGroups",
    "elasticache:subnetgroup": "elasticache CacheSubnetGroups",
    "elasticloadbalancing:listener": "elbv2 LoadBalancers",
    "elasticloadbalancing:listener-rule": "elbv2 LoadBalancers",
    "elasticloadbalancing:loadbalancer": "elbv2 LoadBalancers",
    "elasticloadbalancing:targetgroup": "elbv2 TargetGroups",
    "iam:role": "iam Roles",
    "logs:log-group": "logs LogGroups",
    "rds:cluster": "rds DBClusters",
    "rds:cluster-pg": "rds DBClusterParameterGroups",
    "rds:cluster-snapshot": "rds DBClusterSnapshots",
    "rds:db": "rds DBInstances",
    "rds:subgrp": "rds DBSubnetGroups",
    "s3:": "s3 Buckets",
    "secretsmanager:secret": "secretsmanager Secrets",
}


def listed(client: Client, key: str, value: str, existing: Iterable[Existing]) -> Iterator[Listed]:
    """The resources with a tag by the tagging API; ``existing`` are those of the inventory."""
    inventory = list(existing)
    filters = [{"Key": key, "Values": [value]}]
    tagging = client("resourcegroupstaggingapi")
    for item in paged(tagging, "get_resources", "ResourceTagMappingList", TagFilters=filters):
        yield _listed(item["ResourceARN"], inventory)


def _listed(arn: str, inventory: list[Existing]) -> Listed:
    _, _, service, _, _, path = arn.split(":", 5)
    kind, _, name = path.replace(":", "/", 1).partition("/")
    if service == "s3":
        kind, name = "", path
    known = _KINDS.get(f"{service}:{kind}")
    if known is None:
        return Listed(arn, True, f"the suite does not know {service} {kind}")
    alike = [item for item in inventory if item.kind == known]
    if any(item.name in (arn, name) or name in item.names for item in alike):
        return Listed(arn, True, f"{known} lists it")
    return Listed(arn, False, f"{known} does not list it any more, or lists it as deleted")
