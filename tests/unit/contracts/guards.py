"""Guards: what protects data on its way, at rest and from loss is on, whatever the inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.harness.contracts import Contract, Outcome, Subject, equal
from tests.harness.offline.values import at

# What a value must be: itself, or an input with its default.
Wanted = Any


def _given(name: str, default: Any) -> Callable[[Subject], Any]:
    return lambda subject: subject.value(name, default)


def _replicated(subject: Subject) -> bool:
    return bool(subject.value("redis_num_replicas", 1) > 0)


# By type: clause, dotted path (lists by index), and what must be there.
_SET: Mapping[str, tuple[tuple[str, str, Wanted], ...]] = {
    "aws_elasticache_replication_group": (
        ("encrypted", "transit_encryption_enabled", True),
        ("encrypted", "at_rest_encryption_enabled", True),
        ("kept", "automatic_failover_enabled", _replicated),
        ("kept", "multi_az_enabled", _replicated),
    ),
    "aws_rds_cluster": (
        ("encrypted", "storage_encrypted", True),
        ("signed-in", "iam_database_authentication_enabled", True),
        ("signed-in", "manage_master_user_password", True),
        ("kept", "backup_retention_period", _given("db_backup_retention_days", 7)),
        ("kept", "copy_tags_to_snapshot", True),
    ),
    "aws_rds_cluster_parameter_group": (
        ("encrypted", "parameter.0.name", "rds.force_ssl"),
        ("encrypted", "parameter.0.value", "1"),
    ),
    "aws_s3_bucket_public_access_block": tuple(
        ("closed", name, True)
        for name in (
            "block_public_acls",
            "block_public_policy",
            "ignore_public_acls",
            "restrict_public_buckets",
        )
    ),
    "aws_s3_bucket_server_side_encryption_configuration": (
        (
            "encrypted",
            "rule.0.apply_server_side_encryption_by_default.0.sse_algorithm",
            "AES256",
        ),
    ),
    "aws_s3_bucket_versioning": (("kept", "versioning_configuration.0.status", "Enabled"),),
    "google_compute_network": (("closed", "auto_create_subnetworks", False),),
    "google_compute_ssl_policy": (
        ("encrypted", "min_tls_version", "TLS_1_2"),
        ("encrypted", "profile", "MODERN"),
    ),
    "google_redis_instance": (("encrypted", "transit_encryption_mode", "SERVER_AUTHENTICATION"),),
    "google_storage_bucket": (
        ("closed", "public_access_prevention", "enforced"),
        ("closed", "uniform_bucket_level_access", True),
        ("kept", "versioning.0.enabled", True),
    ),
}
# Of Cloud SQL's instances the writer alone is backed up and has a standby.
_WRITER: tuple[tuple[str, str, Wanted], ...] = (
    ("kept", "settings.0.availability_type", "REGIONAL"),
    ("kept", "settings.0.backup_configuration.0.enabled", True),
    ("kept", "settings.0.backup_configuration.0.point_in_time_recovery_enabled", True),
    (
        "kept",
        "settings.0.backup_configuration.0.backup_retention_settings.0.retained_backups",
        _given("db_backup_retention_days", 7),
    ),
)
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def _wanted(subject: Subject, wanted: Wanted) -> Any:
    return wanted(subject) if callable(wanted) else wanted


def check(subject: Subject) -> Iterator[Outcome]:
    """Compare what the table names; and where on Google Cloud each resource is."""
    for address, resource in subject.plan.resources.items():
        rows = _SET.get(resource.type, ())
        if resource.type == "google_sql_database_instance" and resource.name == "writer":
            rows = _WRITER
        if resource.type == "aws_lb_listener" and resource.values["protocol"] == "HTTPS":
            rows = (("encrypted", "ssl_policy", _TLS_POLICY),)
        for clause, path, wanted in rows:
            value = at(resource.values, path)
            if wanted is True and value == "true":
                # Of ElastiCache the provider keeps a switch as text.
                value = True
            yield equal(clause, f"{address} {path}", value, _wanted(subject, wanted))
        if (
            subject.stack.name == "gcp"
            and resource.type != "google_secret_manager_secret_iam_member"
        ):
            yield from _placed(subject, address, resource.values)
    for address, gateway in subject.plan.of_type("aws_nat_gateway").items():
        public = {
            subnet.values["id"]
            for subnet in subject.plan.of_type("aws_subnet").values()
            if subnet.name == "public"
        }
        subnet = gateway.values["subnet_id"]
        if not subject.foreseen:
            yield Outcome("placed", address, "unknown", "its subnet is known after apply")
            continue
        yield equal("placed", f"{address} in a public subnet", subnet in public, True)


def _placed(subject: Subject, address: str, values: Mapping[str, Any]) -> Iterator[Outcome]:
    # A secret of another project may be a caller's; all else is in the stack's own place.
    region = subject.value("region", "us-central1")
    places = {"project": subject.inputs["project"], "region": region, "location": region}
    for name, place in places.items():
        if values.get(name) is not None:
            yield equal("placed", f"{address} {name}", values[name], place)


CONTRACT = Contract(
    name="guards",
    claim="data is encrypted, backed up and closed to the public, in the stack's own place",
    clauses={
        "encrypted": "data is encrypted on its way and at rest",
        "signed-in": "databases are signed in to by what rotates",
        "kept": "backups, versions and standbys are there",
        "closed": "no bucket and no network is open by default",
        "placed": "every resource is where the stack is, the NAT gateway in a public subnet",
    },
    check=check,
)
