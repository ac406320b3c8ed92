"""Order and destroy: what waits for what, and that nothing keeps a destroy from going through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from tests.harness.contracts.base import Contract, Outcome, Subject, equal, judged

# What must be there, and in force, before the first one starts; all named directly, since what lies
# between two may not be made, and then makes nothing wait.
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

# What a destroy needs to be: type, attribute, its value; or the input that says so, and how.
ABANDONED: Mapping[str, tuple[str, str | int]] = {
    # The role owns the tables the migrations made: Postgres refuses DROP ROLE.
    "google_sql_user": ("deletion_policy", "ABANDON"),
    "google_sql_database": ("deletion_policy", "ABANDON"),
    # Google keeps what used the peering for days.
    "google_service_networking_connection": ("deletion_policy", "ABANDON"),
    # A name in its recovery window cannot be used again.
    "aws_secretsmanager_secret": ("recovery_window_in_days", 0),
}
_PROTECTIONS = ("deletion_protection", "enable_deletion_protection", "deletion_protection_enabled")
# Types whose protection is an input, and its default.
_PROTECTED_BY: Mapping[str, tuple[str, bool]] = {
    "aws_lb": ("alb_deletion_protection", False),
    "aws_rds_cluster": ("db_deletion_protection", True),
    "google_sql_database_instance": ("cloudsql_deletion_protection", True),
}
_FORCED_BY = {"aws": "s3_force_destroy", "gcp": "gcs_force_destroy"}
_BUCKETS = ("aws_s3_bucket", "google_storage_bucket")


def _ordered(subject: Subject) -> Iterator[Outcome]:
    references = subject.plan.references
    for address, needs in NEEDS[subject.stack.name].items():
        missing = sorted(needs - _named(references.get(address, frozenset())))
        yield judged("waits", address, missing, not missing, f"does not wait for {missing}")


def _named(references: frozenset[str]) -> set[str]:
    """Resources among references: the first two parts, without an index."""
    return {".".join(reference.split("[")[0].split(".")[:2]) for reference in references}


def _destroyed(subject: Subject) -> Iterator[Outcome]:
    for address, resource in subject.plan.resources.items():
        if resource.type in ABANDONED:
            name, policy = ABANDONED[resource.type]
            clause = "abandons" if policy == "ABANDON" else "name-free"
            yield equal(clause, f"{address} {name}", resource.values.get(name), policy)
        for name in _PROTECTIONS:
            schema = subject.schema.resources.get(resource.type)
            if schema is None or name not in schema.block.attributes:
                continue
            given, default = _PROTECTED_BY.get(resource.type, ("", False))
            wanted = subject.value(given, default) if given else False
            value = resource.values.get(name)
            # Of AWS's, nothing is as good as false.
            held = False if value is None and resource.type.startswith("aws_") else value
            yield equal("protected", f"{address} {name}", held, wanted)
        if resource.type in _BUCKETS:
            forced = subject.value(_FORCED_BY[subject.stack.name], False)
            # The module's own file holds nothing of the user's; of logs there always are some.
            wanted = True if {resource.index, resource.name} & {"config", "logs"} else forced
            yield equal("bucket", address, resource.values["force_destroy"], wanted)


def _snapshots(subject: Subject) -> Iterator[Outcome]:
    for address, cluster in subject.plan.of_type("aws_rds_cluster").items():
        skipped = subject.value("skip_final_snapshot", False)
        yield equal("snapshot", address, cluster.values["skip_final_snapshot"], skipped)
        name = cluster.values["final_snapshot_identifier"]
        if skipped:
            yield equal("snapshot", f"{address} name", name, None)
            continue
        (end,) = (
            r for r in subject.plan.of_type("random_id").values() if r.name == "final_snapshot"
        )
        yield equal("snapshot", f"{address} name", name, end.values["hex"])
        # Whatever replaces the cluster must draw another name: the last snapshot keeps its own.
        kept = set((end.values["keepers"] or {}).values())
        replacing = ["cluster_identifier", "database_name", "master_username"]
        # Without a key of the caller's, which one it is is not the plan's to say.
        replacing += ["kms_key_id"] if subject.value("kms_key_arn", "") else []
        odd = [n for n in replacing if cluster.values[n] not in kept]
        yield judged("snapshot", f"{address} keepers", kept, not odd, f"{odd} are no keepers")
    for address, instance in subject.plan.of_type("google_sql_database_instance").items():
        # A deleted instance's name stays taken for a week.
        drawn = {r.values["hex"] for r in subject.plan.of_type("random_id").values()}
        name = instance.values["name"]
        yield judged(
            "name-free", address, name, partial(drawn.__contains__, name), f"{name!r} is fixed"
        )
    # Terraform frees a resource once all that refers to it is gone, whichever element it refers to:
    # an end shared by two instances outlives the first, and names it again within its week.
    named = {
        instance: {ref for ref in refs if ref.startswith("random_id.")}
        for instance, refs in subject.plan.references.items()
        if instance.startswith("google_sql_database_instance.")
    }
    for name, ends in named.items():
        shared = {end for other, held in named.items() if other != name for end in held & ends}
        yield judged("name-free", f"{name} name", ends, not shared, f"shares {sorted(shared)}")
    key = subject.value("kms_key_name", "")
    for address, end in subject.plan.of_type("random_id").items():
        if end.name in ("writer", "reader") and key:
            # Another key makes another instance.
            keepers = (end.values["keepers"] or {}).values()
            yield judged("name-free", f"{address} keepers", keepers, key in keepers, "has no key")


def check(subject: Subject) -> Iterator[Outcome]:
    """Check what each resource waits for, and that a destroy succeeds."""
    yield from _ordered(subject)
    yield from _destroyed(subject)
    yield from _snapshots(subject)


CONTRACT = Contract(
    name="order",
    claim="what starts waits for what it needs, and a destroy goes through, once",
    clauses={
        "waits": "what starts names all that must be there and in force before it",
        "abandons": "what its cloud would refuse to delete is left to what holds it",
        "protected": "nothing is protected from destroy but what an input protects",
        "bucket": "a bucket with the user's data goes only if the caller says so",
        "snapshot": "the last snapshot is taken unless the caller says otherwise, under a new name",
        "name-free": "a name is free again, or another one, for the next stack",
    },
    check=check,
)
