"""Access: what each component may do, to which resources, and that nothing else may."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.harness.contracts.base import Contract, Outcome, Subject, equal, judged
from tests.harness.contracts.properties.environment import SERVERS, state_of
from tests.harness.plan.containers import addresses, containers
from tests.harness.plan.grants import Grant, grants, identities
from tests.harness.plan.view import UNKNOWN, Plan

# The actions of a component's code, with their resources; braces name a planned resource.
_DATA_BUCKET = (
    ("s3:GetBucketLocation", "{data}"),
    ("s3:ListBucket", "{data}"),
    ("s3:AbortMultipartUpload", "{data}/*"),
    ("s3:DeleteObject", "{data}/*"),
    ("s3:GetObject", "{data}/*"),
    ("s3:ListMultipartUploadParts", "{data}/*"),
    ("s3:PutObject", "{data}/*"),
)
# ECS needs it to start a task: it pulls images and writes logs.
_EXECUTION_POLICY = "policy/service-role/AmazonECSTaskExecutionRolePolicy"
_MONITORING_POLICY = "policy/service-role/AmazonRDSEnhancedMonitoringRole"
# It writes the access logs of buckets (Cloud Storage, usage logs).
_LOG_WRITER = "group:cloud-storage-analytics@google.com"
# The services that assume a role, other than ECS.
_TRUSTED = {"monitoring": "monitoring.rds.amazonaws.com"}
# The services that write logs, with their input and their part of the bucket (the user guides of
# Elastic Load Balancing, S3 and VPC on bucket policies).
_LOG_WRITERS = {
    "logdelivery.elasticloadbalancing.amazonaws.com": ("enable_access_logs", "/alb/AWSLogs/{}/*"),
    "logging.s3.amazonaws.com": ("enable_access_logs", "/s3/*"),
    "delivery.logs.amazonaws.com": ("enable_flow_logs", "/flow/AWSLogs/{}/*"),
}


def _bucket(plan: Plan, key: str, attribute: str) -> Any:
    kinds = ("aws_s3_bucket", "google_storage_bucket")
    return next(
        (
            r.values[attribute]
            for r in plan.resources.values()
            if r.type in kinds and r.index == key
        ),
        None,
    )


def _secrets(plan: Plan, component: str) -> list[str]:
    """The references to the secrets of a component's container."""
    entries = containers(plan)[component].entries
    return [secret for _, _, secret in entries if secret is not None]


def _on_aws(subject: Subject, component: str) -> set[tuple[str, str, str]]:
    """The grants of a component on AWS: role, action, resource."""
    plan, state = subject.plan, state_of(subject)
    expected: set[tuple[str, str, str]] = set()
    if component in SERVERS:
        data = _bucket(plan, "data", "arn")
        expected |= {("task", action, where.format(data=data)) for action, where in _DATA_BUCKET}
        config = _bucket(plan, "config", "arn")
        expected.add(("task", "s3:GetObject", f"{config}/config/*"))
    if state.database and component in (*SERVERS, "migrations"):
        (cluster,) = plan.of_type("aws_rds_cluster").values()
        parts = cluster.values["arn"].split(":")
        user = subject.value("db_username", "litellm_app")
        region = subject.inputs["region"]
        partitions = {"us-gov-": "aws-us-gov", "eusc-": "aws-eusc"}
        named = (name for prefix, name in partitions.items() if region.startswith(prefix))
        partition = next(named, "aws")
        where = (
            f"arn:{partition}:rds-db:{region}:{parts[4]}:dbuser:"
            f"{cluster.values['cluster_resource_id']}/{user}"
        )
        expected.add(("task", "rds-db:connect", where))
    for secret in _secrets(plan, component):
        # The JSON key, stage and version that ECS takes after an ARN are none of IAM's.
        arn = ":".join(secret.split(":")[:7])
        action = "ssm:GetParameters" if ":ssm:" in arn else "secretsmanager:GetSecretValue"
        expected.add(("execution", action, arn))
    expected.add(("execution", "policy", _EXECUTION_POLICY))
    key = subject.value("kms_key_arn", "")
    if key and component in SERVERS:
        expected |= {("task", "kms:Decrypt", key), ("task", "kms:GenerateDataKey", key)}
    if key and any(_is_own(plan, secret) for secret in _secrets(plan, component)):
        expected.add(("execution", "kms:Decrypt", key))
    return expected


def _is_own(plan: Plan, secret: str) -> bool:
    """Whether the stack or RDS created a secret, which is then encrypted with the stack's key."""
    arns = {r.values["arn"] for r in plan.of_type("aws_secretsmanager_secret").values()}
    for cluster in plan.of_type("aws_rds_cluster").values():
        arns |= {block["secret_arn"] for block in cluster.values["master_user_secret"]}
    return secret.split(":password")[0] in arns or secret in arns


def _of_others(subject: Subject) -> dict[str, list[tuple[str, str, str]]]:
    """The grants of services of the cloud, which are no components."""
    if subject.plan.of_type("aws_rds_cluster") and subject.value("db_monitoring_interval", 60):
        return {"monitoring": [("service", "policy", _MONITORING_POLICY)]}
    names = [
        bucket.values["name"]
        for bucket in subject.plan.of_type("google_storage_bucket").values()
        if bucket.name == "logs"
    ]
    if not names:
        return {}
    return {_LOG_WRITER: [("account", "roles/storage.objectCreator", name) for name in names]}


def _on_gcp(subject: Subject, component: str) -> set[tuple[str, str, str]]:
    plan = subject.plan
    project = subject.inputs["project"]
    expected = {
        ("account", "roles/secretmanager.secretAccessor", _secret_id(secret, project))
        for secret in _secrets(plan, component)
    }
    if component in SERVERS:
        data = _bucket(plan, "data", "name")
        expected.add(("account", "roles/storage.objectUser", data))
        config = _bucket(plan, "config", "name")
        expected.add(("account", "roles/storage.objectViewer", config))
    return expected


def _secret_id(secret: str, project: str) -> str:
    match = re.fullmatch(r"projects/([^/]+)/secrets/([^/]+)", secret)
    return f"{match[1]}/{match[2]}" if match else f"{project}/{secret}"


def _normalized(grant: Grant) -> tuple[str, str, str]:
    resource = grant.resource
    if grant.action == "policy":
        resource = re.sub(r"^arn:[^:]+:iam::aws:", "", resource)
    return grant.role, grant.action, resource


def _public(plan: Plan) -> set[tuple[str, str, str]]:
    """Everyone may call the services, which accept traffic from the load balancer only."""
    return {
        ("everyone", "roles/run.invoker", r.values["name"])
        for r in plan.of_type("google_cloud_run_v2_service").values()
    }


def check(subject: Subject) -> Iterator[Outcome]:
    """Check what each component may do and to which resources."""
    plan = subject.plan
    components = addresses(plan)
    if (
        any(
            plan.resources[a].values.get("container_definitions") is UNKNOWN
            for a in components.values()
        )
        or not subject.resolved
    ):
        # Grants name resources that do not exist yet.
        yield Outcome("granted", "the plan", "unknown", "policies are known after apply")
        return
    granted = grants(plan)
    by_component: dict[str, set[tuple[str, str, str]]] = {name: set() for name in components}
    by_component["everyone"] = set()
    for grant in granted:
        by_component.setdefault(grant.component, set()).add(_normalized(grant))
        unexpected = grant.action == "*" or grant.action.endswith(":*") or grant.resource == "*"
        where = f"{grant.component} {grant.action}"
        yield judged("no-wildcard", where, grant, not unexpected, f"{grant} has a wildcard")
    expected_of = _on_aws if subject.stack.name == "aws" else _on_gcp
    for component in components:
        expected = expected_of(subject, component)
        clause = "powerless" if component == "ui" else "granted"
        yield equal(clause, component, sorted(by_component[component]), sorted(expected))
    public = _public(plan)
    yield equal("public", "everyone", sorted(by_component["everyone"]), sorted(public))
    strangers = set(by_component) - {*components, "everyone"}
    others = {name: sorted(by_component[name]) for name in strangers}
    yield equal("granted", "others", others, _of_others(subject))
    yield from _own(subject, components)
    yield from _bucket_policies(subject)


def _bucket_policies(subject: Subject) -> Iterator[Outcome]:
    """The outcomes on bucket policies."""
    plan = subject.plan
    networked = bool(plan.of_type("aws_vpc"))
    buckets = {r.values["id"]: r for r in plan.of_type("aws_s3_bucket").values()}
    for address, policy in plan.of_type("aws_s3_bucket_policy").items():
        bucket = buckets[policy.values["bucket"]]
        arn = bucket.values["arn"]
        statements = json.loads(policy.values["policy"])["Statement"]
        denied = [s for s in statements if s["Effect"] == "Deny" and s["Principal"] == "*"]
        plain = [s["Condition"] for s in denied if sorted(s["Resource"]) == [arn, f"{arn}/*"]]
        expected = [{"Bool": {"aws:SecureTransport": "false"}}]
        yield equal("bucket-policy", f"{address} in plain text", plain, expected)
        (cluster,) = plan.of_type("aws_ecs_cluster").values()
        account = cluster.values["arn"].split(":")[4]
        writers = {
            service: f"{arn}{where.format(account)}"
            for service, (switch, where) in _LOG_WRITERS.items()
            if bucket.index == "logs"
            and subject.value(switch, True)
            and (networked or switch != "enable_flow_logs")
        }
        allowed = [s for s in statements if s["Effect"] == "Allow"]
        actual = {
            s["Principal"]["Service"]: s["Resource"]
            for s in allowed
            if s["Action"] == "s3:PutObject"
        }
        yield equal("bucket-policy", f"{address} writers", actual, writers)
        unexpected = [s["Sid"] for s in allowed if not _for_own_logs(s, arn, account)]
        yield equal("bucket-policy", f"{address} other accounts or actions", unexpected, [])


def _for_own_logs(statement: Mapping[str, Any], bucket: str, account: str) -> bool:
    """Whether a statement lets a service write logs, for the stack's account only."""
    if statement["Action"] not in ("s3:PutObject", "s3:GetBucketAcl"):
        return False
    if statement.get("Condition", {}).get("StringEquals") == {"aws:SourceAccount": account}:
        return True
    # A load balancer sends no source account; the prefix of the bucket names the account.
    return bool(statement["Resource"] == f"{bucket}/alb/AWSLogs/{account}/*")


def _own(subject: Subject, components: Mapping[str, str]) -> Iterator[Outcome]:
    """Each component runs as its own identity; on AWS one service may assume each role."""
    plan = subject.plan
    for component, address in components.items():
        runs_as = identities(plan, address)
        yield equal("own", component, {*runs_as}, {component})
    for address, role in plan.of_type("aws_iam_role").items():
        trust = json.loads(role.values["assume_role_policy"])
        service = _TRUSTED.get(role.name, "ecs-tasks.amazonaws.com")
        expected = [("Allow", "sts:AssumeRole", {"Service": service})]
        actual = [(s["Effect"], s["Action"], s["Principal"]) for s in trust["Statement"]]
        yield equal("trust", address, actual, expected)


CONTRACT = Contract(
    name="access",
    claim="each component may do what it needs, to its own resources, and the UI nothing",
    clauses={
        "granted": "each component has the grants it needs and no other",
        "powerless": "the UI has no grant except those that start a task",
        "no-wildcard": "no grant covers every action or every resource",
        "public": "everyone may only call the services behind the load balancer",
        "own": "each component runs as its own identity",
        "trust": "only ECS may assume a component's role, and RDS the role of its monitoring",
        "bucket-policy": "a bucket accepts logs of its own account, and only over TLS",
    },
    check=check,
)
