"""Order and destroy: which resource waits for which, and that a destroy succeeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from tests.harness.contracts.base import Contract, Outcome, Subject, equal, judged

# Resources that must exist before a task starts. The dependency must be direct: a resource between
# two others may be omitted, and then nothing waits.
_AWS_WAY_OUT = frozenset(
    {
        "aws_iam_role_policy.secrets",
        "aws_iam_role_policy_attachment.execution",
        "aws_nat_gateway.this",
        "aws_rds_cluster_instance.writer",
        "aws_route.private",
        "aws_route_table_association.private",
        "aws_vpc_security_group_egress_rule.this",
        "aws_vpc_security_group_ingress_rule.this",
    }
)
_AWS_SERVICE = _AWS_WAY_OUT | {
    "aws_iam_role_policy.task",
    "aws_lb_listener.http",
    "aws_lb_listener.https",
    "aws_lb_listener_rule.this",
    "aws_rds_cluster_instance.reader",
    "aws_s3_object.proxy_config",
    "aws_secretsmanager_secret_version.this",
    "terraform_data.migrations",
}
_GCP_JOB = frozenset(
    {
        "google_artifact_registry_repository.image_proxy",
        "google_secret_manager_secret_iam_member.this",
        "google_secret_manager_secret_version.this",
        "google_sql_database.this",
        "google_sql_user.app",
        "terraform_data.images",
    }
)
NEEDS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "aws": {
        "aws_ecs_service.autoscaled": _AWS_SERVICE,
        "aws_ecs_service.fixed": _AWS_SERVICE,
        "terraform_data.bootstrap": _AWS_WAY_OUT,
        "terraform_data.migrations": _AWS_WAY_OUT
        | {
            "aws_iam_role_policy.task",
            "aws_secretsmanager_secret_version.this",
            "terraform_data.bootstrap",
        },
        "aws_nat_gateway.this": frozenset(
            {
                "aws_internet_gateway.this",
                "aws_route.public",
                "aws_route_table_association.public",
            }
        ),
        "aws_lb.this": frozenset(
            {"aws_internet_gateway.this", "aws_route.public", "aws_s3_bucket_policy.this"}
        ),
        # A bucket that does not let them in refuses its writers' first try.
        "aws_flow_log.this": frozenset({"aws_s3_bucket_policy.this"}),
        "aws_s3_bucket_logging.this": frozenset({"aws_s3_bucket_policy.this"}),
        # S3 takes one change of a bucket's access at a time.
        "aws_s3_bucket_policy.this": frozenset({"aws_s3_bucket_public_access_block.this"}),
        # RDS makes a missing log group itself, which then outlives the stack.
        "aws_rds_cluster.this": frozenset({"aws_cloudwatch_log_group.database"}),
        # So does Container Insights.
        "aws_ecs_cluster.this": frozenset({"aws_cloudwatch_log_group.insights"}),
        "aws_eip.nat": frozenset({"aws_internet_gateway.this"}),
        "aws_rds_cluster_instance.reader": frozenset({"aws_rds_cluster_instance.writer"}),
        "aws_s3_object.proxy_config": frozenset({"aws_s3_bucket_public_access_block.this"}),
    },
    "gcp": {
        "google_cloud_run_v2_service.this": _GCP_JOB
        | {
            "google_cloud_run_v2_job.migrations",
            "google_storage_bucket_iam_member.config",
            "google_storage_bucket_iam_member.data",
            "google_storage_bucket_object.proxy_config",
            "terraform_data.migrations",
        },
        "google_cloud_run_v2_job.migrations": _GCP_JOB,
        "terraform_data.migrations": frozenset({"google_cloud_run_v2_job.migrations"}),
        "google_sql_database_instance.writer": frozenset(
            {"google_service_networking_connection.psa"}
        ),
        "google_sql_database_instance.reader": frozenset(
            {"google_service_networking_connection.psa"}
        ),
        "google_redis_instance.this": frozenset({"google_service_networking_connection.psa"}),
    },
}

# The attribute and value that a destroy needs, by type.
ABANDONED: Mapping[str, tuple[str, str | int]] = {
    # The role owns the tables of the migrations: PostgreSQL refuses DROP ROLE.
    "google_sql_user": ("deletion_policy", "ABANDON"),
    "google_sql_database": ("deletion_policy", "ABANDON"),
    # Google keeps the users of the peering for days.
    "google_service_networking_connection": ("deletion_policy", "ABANDON"),
    # A name in its recovery window cannot be used again.
    "aws_secretsmanager_secret": ("recovery_window_in_days", 0),
}
_PROTECTIONS = ("deletion_protection", "enable_deletion_protection", "deletion_protection_enabled")
# Types, and a resource, with an input for their protection, and its default.
_PROTECTED_BY: Mapping[str, tuple[str, bool]] = {
    "aws_lb": ("alb_deletion_protection", False),
    "aws_rds_cluster": ("db_deletion_protection", True),
    "google_sql_database_instance": ("cloudsql_deletion_protection", True),
    # The name of the resource: LiteLLM cannot read its database without this secret.
    "salt_key": ("cloudsql_deletion_protection", True),
}
_FORCED_BY = {"aws": "s3_force_destroy", "gcp": "gcs_force_destroy"}
_BUCKETS = ("aws_s3_bucket", "google_storage_bucket")


def _ordered(subject: Subject) -> Iterator[Outcome]:
    references = subject.plan.references
    for address, needs in NEEDS[subject.stack.name].items():
        missing = sorted(needs - _named(references.get(address, frozenset())))
        yield judged("waits", address, missing, not missing, f"does not wait for {missing}")


def _named(references: frozenset[str]) -> set[str]:
    """The resources among references: the first two parts, without an index."""
    return {".".join(reference.split("[")[0].split(".")[:2]) for reference in references}


def _destroyed(subject: Subject) -> Iterator[Outcome]:
    for address, resource in subject.plan.resources.items():
        if resource.type in ABANDONED:
            name, policy = ABANDONED[resource.type]
            clause = "abandons" if policy == "ABANDON" else "name-free"
            # The salt key outlives a stack that leaves a snapshot; its name has a random part.
            kept = resource.name == "salt_key" and not subject.value("skip_final_snapshot", False)
            policy = 30 if kept and name == "recovery_window_in_days" else policy
            yield equal(clause, f"{address} {name}", resource.values.get(name), policy)
        for name in _PROTECTIONS:
            schema = subject.schema.resources.get(resource.type)
            if schema is None or name not in schema.block.attributes:
                continue
            type_name = "salt_key" if resource.name == "salt_key" else resource.type
            name_of_input, default = _PROTECTED_BY.get(type_name, ("", False))
            expected = subject.value(name_of_input, default) if name_of_input else False
            value = resource.values.get(name)
            # For AWS a missing value equals false.
            protection = False if value is None and resource.type.startswith("aws_") else value
            yield equal("protected", f"{address} {name}", protection, expected)
        if resource.type in _BUCKETS:
            forced = subject.value(_FORCED_BY[subject.stack.name], False)
            # The bucket of the configuration holds no user data; the log bucket is never empty.
            expected = True if {resource.index, resource.name} & {"config", "logs"} else forced
            yield equal("bucket", address, resource.values["force_destroy"], expected)


def _snapshots(subject: Subject) -> Iterator[Outcome]:
    for address, cluster in subject.plan.of_type("aws_rds_cluster").items():
        skipped = subject.value("skip_final_snapshot", False)
        yield equal("snapshot", address, cluster.values["skip_final_snapshot"], skipped)
        name = cluster.values["final_snapshot_identifier"]
        if skipped:
            yield equal("snapshot", f"{address} name", name, None)
            continue
        (random_id,) = (
            r for r in subject.plan.of_type("random_id").values() if r.name == "final_snapshot"
        )
        yield equal("snapshot", f"{address} name", name, random_id.values["hex"])
        # A replacement of the cluster must draw another name: the snapshot keeps the old one.
        keepers_of_snapshot = set((random_id.values["keepers"] or {}).values())
        replacing = ["cluster_identifier", "database_name", "master_username"]
        # Without a key of the caller, the plan does not know the key.
        replacing += ["kms_key_id"] if subject.value("kms_key_arn", "") else []
        unexpected = [n for n in replacing if cluster.values[n] not in keepers_of_snapshot]
        yield judged(
            "snapshot",
            f"{address} keepers",
            keepers_of_snapshot,
            not unexpected,
            f"{unexpected} are missing among the keepers",
        )
    for address, instance in subject.plan.of_type("google_sql_database_instance").items():
        # The name of a deleted instance is reserved for a week.
        drawn = {r.values["hex"] for r in subject.plan.of_type("random_id").values()}
        name = instance.values["name"]
        yield judged(
            "name-free", address, name, partial(drawn.__contains__, name), f"{name!r} is fixed"
        )
    # Terraform deletes a resource after everything that refers to it. A random id shared by two
    # instances outlives the first one, and a new apply would reuse its name within the week.
    named = {
        instance: {ref for ref in refs if ref.startswith("random_id.")}
        for instance, refs in subject.plan.references.items()
        if instance.startswith("google_sql_database_instance.")
    }
    for name, ends in named.items():
        shared = {
            random_id for other, ids in named.items() if other != name for random_id in ids & ends
        }
        yield judged("name-free", f"{name} name", ends, not shared, f"shares {sorted(shared)}")
    key = subject.value("kms_key_name", "")
    for address, random_id in subject.plan.of_type("random_id").items():
        if random_id.name in ("writer", "reader") and key:
            # Another key replaces the instance.
            keepers = (random_id.values["keepers"] or {}).values()
            yield judged("name-free", f"{address} keepers", keepers, key in keepers, "has no key")


def check(subject: Subject) -> Iterator[Outcome]:
    """Check what each resource waits for, and that a destroy succeeds."""
    yield from _ordered(subject)
    yield from _destroyed(subject)
    yield from _snapshots(subject)


CONTRACT = Contract(
    name="order",
    claim="services and jobs wait for their dependencies, and a destroy succeeds at once",
    clauses={
        "waits": "a service or job depends directly on everything it needs",
        "abandons": "a resource that its cloud would refuse to delete is abandoned",
        "protected": "only an input protects a resource from destroy",
        "bucket": "a bucket with user data is deleted only if the caller allows it",
        "snapshot": "a final snapshot with a new name is taken, unless the caller skips it",
        "name-free": "the next stack of the same name can be created at once",
    },
    check=check,
)
