"""Names: each is valid in its cloud, for every tenant and environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from tests.harness.contracts.base import Contract, Outcome, Subject, judged
from tests.harness.hcl.expressions import Node, evaluate
from tests.harness.hcl.functions import pattern
from tests.harness.inputs import rules
from tests.harness.plan.view import UNKNOWN

_GCE = "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"
_RUN = "^[a-z]([-a-z0-9]{0,47}[a-z0-9])?$"
_RDS = "^[a-z](-?[a-z0-9]){0,62}$"

# By type: the attribute of the name, and the form that the API accepts. Sources: the API references
# of ELBv2, ElastiCache, RDS, IAM, EC2, Secrets Manager, ECS and CloudWatch Logs, and of Compute
# Engine, IAM, VPC access, Cloud Run, Memorystore, Secret Manager and Artifact Registry.
FORMS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "aws": {
        "aws_appautoscaling_policy": ("name", "^.{1,256}$"),
        "aws_cloudwatch_log_group": ("name", "^[A-Za-z0-9_./#-]{1,512}$"),
        "aws_db_subnet_group": ("name", "^[a-z0-9 ._-]{1,255}$"),
        "aws_ecs_cluster": ("name", "^[A-Za-z0-9_-]{1,255}$"),
        "aws_ecs_service": ("name", "^[A-Za-z0-9_-]{1,255}$"),
        "aws_ecs_task_definition": ("family", "^[A-Za-z0-9_-]{1,255}$"),
        "aws_elasticache_replication_group": (
            "replication_group_id",
            "^[a-z](-?[a-z0-9]){0,39}$",
        ),
        "aws_elasticache_subnet_group": ("name", "^[a-z0-9-]{1,255}$"),
        "aws_elasticache_parameter_group": ("name", "^[a-z][a-z0-9-]{0,254}$"),
        "aws_iam_role": ("name", r"^[\w+=,.@-]{1,64}$"),
        "aws_iam_role_policy": ("name", r"^[\w+=,.@-]{1,128}$"),
        "aws_lb": ("name", "^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$"),
        "aws_lb_target_group": ("name", "^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$"),
        "aws_rds_cluster": ("cluster_identifier", _RDS),
        "aws_rds_cluster_instance": ("identifier", _RDS),
        "aws_rds_cluster_parameter_group": ("name", "^[a-z](-?[a-z0-9]){0,254}$"),
        "aws_secretsmanager_secret": ("name", "^[A-Za-z0-9/_+=.@-]{1,512}$"),
        "aws_security_group": ("name", r"^[\w .:/()#,@\[\]+=&;{}!$*-]{1,255}$"),
    },
    "gcp": {
        "google_artifact_registry_repository": ("repository_id", _GCE),
        "google_cloud_run_v2_job": ("name", _RUN),
        "google_cloud_run_v2_service": ("name", _RUN),
        "google_compute_backend_service": ("name", _GCE),
        "google_compute_global_address": ("name", _GCE),
        "google_compute_global_forwarding_rule": ("name", _GCE),
        "google_compute_managed_ssl_certificate": ("name", _GCE),
        "google_compute_firewall": ("name", _GCE),
        "google_compute_network": ("name", _GCE),
        "google_compute_region_network_endpoint_group": ("name", _GCE),
        "google_compute_ssl_policy": ("name", _GCE),
        "google_compute_subnetwork": ("name", _GCE),
        "google_compute_target_http_proxy": ("name", _GCE),
        "google_compute_target_https_proxy": ("name", _GCE),
        "google_compute_url_map": ("name", _GCE),
        "google_redis_instance": ("name", "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"),
        "google_secret_manager_secret": ("secret_id", "^[A-Za-z0-9_-]{1,255}$"),
        "google_service_account": ("account_id", "^[a-z][-a-z0-9]{4,28}[a-z0-9]$"),
        "google_vpc_access_connector": ("name", "^[a-z][-a-z0-9]{0,23}[a-z0-9]$"),
    },
}
# Prefixes that a cloud reserves. Source: ELBv2 CreateLoadBalancer, EC2
# CreateSecurityGroup.
RESERVED = {"aws_lb": "internal-", "aws_security_group": "sg-"}

# The longest names with a random suffix. A Cloud SQL instance has 98 characters with its project
# and a colon (Cloud SQL, instance settings), a bucket 63 (S3 and Cloud Storage, naming rules), a
# snapshot 255 (RDS API).
_BUCKET, _SNAPSHOT, _INSTANCE = 63, 255, 98
RANDOM_DIGITS = 8
NAMING = ("name", "identifier", "cluster_identifier", "replication_group_id", "family")
# A project id, which begins a bucket name, may have consecutive hyphens.
_BEGINNING = {"bucket": "^[a-z][-a-z0-9]*-$"}
_SINGLE_HYPHENS = "^[a-z](-?[a-z0-9])*-$"


def longest(role: str, inputs: Mapping[str, Any]) -> int:
    """The longest name with a random suffix, by its row of the table or its random_id."""
    if role in ("database", "database_writer", "database_reader"):
        return _INSTANCE - len(f"{inputs['project']}:")
    return _BUCKET if role.startswith("bucket") else _SNAPSHOT


def beginnings(stack: str, table: Mapping[str, str]) -> dict[str, str]:
    """The rows of the table that a random suffix completes."""
    random = {"aws": ("bucket", "database_snapshot"), "gcp": ("bucket", "database_")}[stack]
    return {role: name for role, name in table.items() if role.startswith(random)}


def names(subject: Subject) -> Iterator[tuple[str, str, object]]:
    """Address, type and name of every planned resource that the stack names."""
    forms = FORMS[subject.stack.name]
    for address, resource in subject.plan.resources.items():
        if resource.type in forms:
            yield address, resource.type, resource.values.get(forms[resource.type][0])


def modelled(subject: Subject) -> set[str]:
    """The names of the module's table for the inputs, evaluated without Terraform."""
    module = rules.read(subject.module)
    table = module.locals["names"]
    if not isinstance(table, Node):
        raise TypeError(f"{subject.module}: local.names is not readable: {table}")
    return set(evaluate(table, module.scope(subject.inputs)).values())


# Types with a name that ends in a hash of the inputs that replace the resource.
_HASHED = (
    "google_compute_managed_ssl_certificate",
    "google_compute_subnetwork",
    "google_redis_instance",
    "google_vpc_access_connector",
)


def _derived(type_name: str, name: str, known: set[str]) -> bool:
    """Whether the module's table has a name, or its prefix before a hyphen."""
    if type_name in ("aws_cloudwatch_log_group", "aws_iam_role_policy"):
        return True
    if name in known:
        return True
    # A scaling policy is named after its service; the secret of the salt key has a random part.
    if type_name in ("aws_appautoscaling_policy", "aws_secretsmanager_secret"):
        return any(name.startswith(f"{prefix}-") for prefix in known)
    return type_name in _HASHED and re.sub(r"-[0-9a-f]{3,8}$", "", name) in known


def _is_valid(name: Any, form: Any, reserved: tuple[str, ...] | str | None) -> bool:
    if not isinstance(name, str) or not form.search(name):
        return False
    return not (reserved and name.startswith(reserved))


def check(subject: Subject) -> Iterator[Outcome]:
    """Check each name against the limits of its cloud and the module's table of names."""
    forms = FORMS[subject.stack.name]
    known = modelled(subject)
    for address, type_name, name in names(subject):
        form = pattern(forms[type_name][1])
        reserved = RESERVED.get(type_name)
        yield judged(
            "limit",
            address,
            name,
            partial(_is_valid, name, form, reserved),
            f"{name!r} is not a valid name in the cloud",
        )
        if isinstance(name, str):
            derived = _derived(type_name, name, known)
            yield judged("modelled", address, name, derived, f"{name!r} is not in local.names")
    for address, resource in subject.plan.of_type("random_id").items():
        prefix = resource.values["prefix"]
        most = longest(resource.name, subject.inputs)
        form = pattern(_BEGINNING.get(resource.name, _SINGLE_HYPHENS))
        fits = len(prefix) + RANDOM_DIGITS <= most and form.search(prefix)
        yield judged(
            "limit",
            address,
            prefix,
            bool(fits),
            f"{prefix!r} and 8 digits exceed {most} characters or the form",
        )
        derived = prefix.removesuffix("-") in known
        yield judged("modelled", address, prefix, derived, f"{prefix!r} is not in local.names")


def shared(subjects: list[Subject]) -> Iterator[Outcome]:
    """The outcomes on names that two distinct stacks of one account, region and project share."""
    holders: dict[tuple[str, str], tuple[str, str]] = {}
    for subject in subjects:
        stack = (subject.inputs["tenant"], subject.inputs["env"])
        for address, type_name, name in names(subject):
            if name is UNKNOWN or type_name == "aws_iam_role_policy":
                continue
            other = holders.setdefault((type_name, str(name)), stack)
            where = f"{address} of {stack[0]}, {stack[1]}"
            message = f"{other[0]}, {other[1]} also has {name!r}"
            yield judged("distinct", where, name, other == stack, message)


CONTRACT = Contract(
    name="names",
    claim="every name is valid in its cloud, and no two stacks share one",
    clauses={
        "limit": "each name is valid in its cloud",
        "modelled": "each name is in the module's table of names",
        "distinct": "no two stacks share a name of one type",
    },
    check=check,
)
