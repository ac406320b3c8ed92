"""The control plane of AWS for a stack, by boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tests.harness.lifecycle import aws_zone
from tests.harness.lifecycle.aws_inventory import (
    Client,
    everything,
    leftovers,
    named,
    resources,
)
from tests.harness.lifecycle.aws_tagging import listed
from tests.harness.lifecycle.sweep import Sweep
from tests.harness.lifecycle.target import ControlPlane, Existing, Run, Service
from tests.harness.sdk.aws import paged

_COMPONENTS = ("gateway", "backend", "ui")
_JOBS = ("bootstrap", "migrations")
# A sweep ends after this time, or if it deletes nothing for the second one: ACM releases a
# certificate minutes after its listener.
_SWEEP_SECONDS = 900
_STALLED_SECONDS = 300


class _DependentError(RuntimeError):
    """AWS deletes a resource of this kind with the item it depends on."""


def _of_kind(client: Client, stack: str, kind: str) -> list[Existing]:
    return [item for item in resources(client, stack) if item.kind == kind]


# ---- Services ----


def _health(client: Client, service: Mapping[str, Any]) -> int:
    """The number of healthy targets, of the target group with the fewest."""
    elb = client("elbv2")
    counts = []
    for block in service.get("loadBalancers", ()):
        answer = elb.describe_target_health(TargetGroupArn=block["targetGroupArn"])
        states = [item["TargetHealth"]["State"] for item in answer["TargetHealthDescriptions"]]
        counts.append(states.count("healthy"))
    return min(counts, default=0)


def _service(client: Client, described: Mapping[str, Any]) -> Service:
    name = described["serviceName"]
    component = next(item for item in _COMPONENTS if name.removesuffix("-fixed").endswith(item))
    answer = client("ecs").describe_task_definition(taskDefinition=described["taskDefinition"])
    first, healthy = described["deployments"][0], _health(client, described)
    wanted, running = described["desiredCount"], described["runningCount"]
    alone = len(described["deployments"]) == 1
    ready = alone and running == wanted and healthy >= wanted
    return Service(
        component,
        name,
        answer["taskDefinition"]["containerDefinitions"][0]["image"],
        ready and first.get("rolloutState") == "COMPLETED",
        f"service {name}: {running} of {wanted} tasks run, {healthy} are healthy: "
        f"{first.get('rolloutStateReason', '')}",
        {item["key"]: item["value"] for item in described.get("tags", ())},
        healthy,
    )


def _services(client: Client, stack: str) -> Mapping[str, Service]:
    ecs = client("ecs")
    found = {}
    for cluster in _of_kind(client, stack, "ecs Clusters"):
        for arn in paged(ecs, "list_services", "serviceArns", cluster=cluster.name):
            answer = ecs.describe_services(cluster=cluster.name, services=[arn], include=["TAGS"])
            for item in answer["services"]:
                if item["status"] == "ACTIVE":
                    described = _service(client, item)
                    found[described.component] = described
    return found


def _runs(client: Client, stack: str) -> list[Run]:
    ecs = client("ecs")
    found = []
    for cluster in _of_kind(client, stack, "ecs Clusters"):
        options = {"cluster": cluster.name, "desiredStatus": "STOPPED"}
        arns = paged(ecs, "list_tasks", "taskArns", **options)
        tasks = ecs.describe_tasks(cluster=cluster.name, tasks=arns)["tasks"] if arns else []
        for task in tasks:
            job = next((item for item in _JOBS if task["containers"][0]["name"] == item), "")
            if job:
                codes = [item.get("exitCode") for item in task["containers"]]
                message = f"exit codes {codes}: {task.get('stoppedReason', '')}"
                found.append(
                    Run(f"{job}/{task['taskArn'].rpartition('/')[2]}", codes == [0], message)
                )
    return found


# ---- The rest ----


def _tags(client: Client, stack: str) -> Mapping[str, Mapping[str, str]]:
    return {f"{o.kind}: {o.name}": o.tags for o in resources(client, stack) if o.tags}


def _secrets(client: Client, stack: str) -> Mapping[str, bool]:
    answer = client("secretsmanager")
    found = {}
    for item in _of_kind(client, stack, "secretsmanager Secrets"):
        stages = answer.describe_secret(SecretId=item.name).get("VersionIdsToStages", {})
        found[item.names[0]] = any("AWSCURRENT" in described for described in stages.values())
    return found


def _store(client: Client, bucket: str, name: str, data: bytes | None) -> None:
    s3 = client("s3")
    if data is None:
        s3.delete_object(Bucket=bucket, Key=name)
    else:
        s3.put_object(Bucket=bucket, Key=name, Body=data)


# ---- Sweeping ----


def _drop_bucket(s3: Any, name: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=name, Key=item["Key"], VersionId=item["VersionId"])
    s3.delete_bucket(Bucket=name)


def _drop_role(iam: Any, name: str) -> None:
    for policy in paged(iam, "list_role_policies", "PolicyNames", RoleName=name):
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for policy in paged(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=name)


def _drop_balancer(elb: Any, arn: str) -> None:
    off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=off)
    elb.delete_load_balancer(LoadBalancerArn=arn)


def _drop_cluster(rds: Any, name: str) -> None:
    rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)


def _drop_gateway(ec2: Any, name: str) -> None:
    (described,) = ec2.describe_internet_gateways(InternetGatewayIds=[name])["InternetGateways"]
    for item in described.get("Attachments", ()):
        ec2.detach_internet_gateway(InternetGatewayId=name, VpcId=item["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=name)


def _drop_table(ec2: Any, name: str) -> None:
    (described,) = ec2.describe_route_tables(RouteTableIds=[name])["RouteTables"]
    for item in described["Associations"]:
        ec2.disassociate_route_table(AssociationId=item["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=name)


def _drop_rule(ec2: Any, name: str) -> None:
    (described,) = ec2.describe_security_group_rules(SecurityGroupRuleIds=[name])[
        "SecurityGroupRules"
    ]
    revoke = (
        ec2.revoke_security_group_egress
        if described["IsEgress"]
        else ec2.revoke_security_group_ingress
    )
    revoke(GroupId=described["GroupId"], SecurityGroupRuleIds=[name])


def _drop_service(ecs: Any, arn: str) -> None:
    cluster = arn.split("/")[1]
    ecs.delete_service(cluster=cluster, service=arn, force=True)


def _drop_target(scaling: Any, resource: str) -> None:
    scaling.deregister_scalable_target(
        ServiceNamespace="ecs", ResourceId=resource, ScalableDimension="ecs:service:DesiredCount"
    )


# How each kind is deleted, dependents first.
_DROPS: Mapping[str, Callable[[Any, str], Any]] = {
    "autoscaling ScalableTargets": _drop_target,
    "ecs Services": _drop_service,
    "ecs Clusters": lambda ecs, arn: ecs.delete_cluster(cluster=arn),
    "ecs TaskDefinitions": lambda ecs, arn: ecs.deregister_task_definition(taskDefinition=arn),
    "elbv2 LoadBalancers": _drop_balancer,
    "elbv2 TargetGroups": lambda elb, arn: elb.delete_target_group(TargetGroupArn=arn),
    "route53 RecordSets": aws_zone.drop_record,
    "acm Certificates": lambda acm, arn: acm.delete_certificate(CertificateArn=arn),
    "rds DBInstances": lambda rds, name: rds.delete_db_instance(
        DBInstanceIdentifier=name, SkipFinalSnapshot=True
    ),
    "rds DBClusters": _drop_cluster,
    "rds DBSubnetGroups": lambda rds, name: rds.delete_db_subnet_group(DBSubnetGroupName=name),
    "rds DBClusterParameterGroups": lambda rds, name: rds.delete_db_cluster_parameter_group(
        DBClusterParameterGroupName=name
    ),
    "rds DBClusterSnapshots": lambda rds, name: rds.delete_db_cluster_snapshot(
        DBClusterSnapshotIdentifier=name
    ),
    "elasticache ReplicationGroups": lambda cache, name: cache.delete_replication_group(
        ReplicationGroupId=name
    ),
    "elasticache CacheSubnetGroups": lambda cache, name: cache.delete_cache_subnet_group(
        CacheSubnetGroupName=name
    ),
    "elasticache CacheParameterGroups": lambda cache, name: cache.delete_cache_parameter_group(
        CacheParameterGroupName=name
    ),
    "secretsmanager Secrets": lambda secrets, arn: secrets.delete_secret(
        SecretId=arn, ForceDeleteWithoutRecovery=True
    ),
    "s3 Buckets": _drop_bucket,
    "iam Roles": _drop_role,
    "logs LogGroups": lambda logs, name: logs.delete_log_group(logGroupName=name),
    "ec2 FlowLogs": lambda ec2, name: ec2.delete_flow_logs(FlowLogIds=[name]),
    "ec2 VpcEndpoints": lambda ec2, name: ec2.delete_vpc_endpoints(VpcEndpointIds=[name]),
    "ec2 NatGateways": lambda ec2, name: ec2.delete_nat_gateway(NatGatewayId=name),
    "ec2 Addresses": lambda ec2, name: ec2.release_address(AllocationId=name),
    "ec2 RouteTables": _drop_table,
    "ec2 SecurityGroupRules": _drop_rule,
    "ec2 SecurityGroups": lambda ec2, name: ec2.delete_security_group(GroupId=name),
    "ec2 InternetGateways": _drop_gateway,
    "ec2 Subnets": lambda ec2, name: ec2.delete_subnet(SubnetId=name),
    "ec2 Vpcs": lambda ec2, name: ec2.delete_vpc(VpcId=name),
}
_SERVICES = {"autoscaling": "application-autoscaling"}


def _ordered(found: Iterable[Existing]) -> list[Existing]:
    """Resources, dependents first."""
    order = {kind: position for position, kind in enumerate(_DROPS)}
    return sorted(found, key=lambda resource: order.get(resource.kind, len(order)))


def _remove(client: Client, found: Callable[[], Iterable[Existing]]) -> list[str]:
    def delete(resource: Existing) -> None:
        if resource.kind not in _DROPS:
            raise _DependentError(resource.kind)
        service = resource.kind.partition(" ")[0]
        _DROPS[resource.kind](client(_SERVICES.get(service, service)), resource.name)

    return Sweep(
        resources=lambda: _ordered(found()),
        name=str,
        delete=delete,
        refused=(ClientError, _DependentError),
        seconds=_SWEEP_SECONDS,
        stalled_seconds=_STALLED_SECONDS,
    ).run()


def control_plane(client: Client) -> ControlPlane:
    """The control plane of an account's region; ``client`` returns the client of a service."""
    return ControlPlane(
        services=lambda stack: _services(client, stack),
        runs=lambda stack: _runs(client, stack),
        tags=lambda stack: _tags(client, stack),
        secrets=lambda stack: _secrets(client, stack),
        store=lambda bucket, name, data: _store(client, bucket, name, data),
        leftovers=lambda stack: leftovers(client, stack),
        sweep=lambda stack: _remove(client, lambda: resources(client, stack)),
        place=lambda: str(client("sts").get_caller_identity()["Account"]),
        existing=lambda: _ordered(everything(client)),
        remove=lambda belongs: _remove(client, lambda: filter(belongs, everything(client))),
        named=named,
        listed=lambda key, value, existing: list(listed(client, key, value, existing)),
        certify=lambda domain: aws_zone.certify(client, domain),
        point=lambda domain, outputs: aws_zone.point(client, domain, outputs),
    )
