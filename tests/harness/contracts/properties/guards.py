"""Guards: the settings that protect data in transit, at rest and from loss are on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.harness.contracts.base import Contract, Outcome, Subject, equal
from tests.harness.offline.engine.values import at
from tests.harness.plan.view import Resource

# The expected value: a constant, or an input with its default.
Wanted = Any


def _given(name: str, default: Any) -> Callable[[Subject], Any]:
    return lambda subject: subject.value(name, default)


def _replicated(subject: Subject) -> bool:
    return bool(subject.value("redis_num_replicas", 1) > 0)


# By type: clause, dotted path (lists by index), and expected value.
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
    "aws_lb": (("closed", "drop_invalid_header_fields", _given("drop_invalid_headers", True)),),
    "aws_default_security_group": (("closed", "ingress", []), ("closed", "egress", [])),
    "aws_rds_cluster_instance": (
        ("logged", "monitoring_interval", _given("db_monitoring_interval", 60)),
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
    "aws_s3_bucket_versioning": (("kept", "versioning_configuration.0.status", "Enabled"),),
    "google_compute_backend_service": (
        ("logged", "log_config.0.enable", _given("enable_access_logs", True)),
    ),
    "google_compute_firewall": (
        ("closed", "deny.0.protocol", "all"),
        ("closed", "direction", "INGRESS"),
        ("closed", "source_ranges", ["0.0.0.0/0"]),
    ),
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
_ENCRYPTED_ONLY: tuple[tuple[str, str, Wanted], ...] = (
    ("encrypted", "settings.0.ip_configuration.0.ssl_mode", "ENCRYPTED_ONLY"),
)
# Only the writer of Cloud SQL has backups and a standby.
_WRITER: tuple[tuple[str, str, Wanted], ...] = (
    *_ENCRYPTED_ONLY,
    ("kept", "settings.0.availability_type", "REGIONAL"),
    ("kept", "settings.0.backup_configuration.0.enabled", True),
    ("kept", "settings.0.backup_configuration.0.point_in_time_recovery_enabled", True),
    (
        "kept",
        "settings.0.backup_configuration.0.backup_retention_settings.0.retained_backups",
        _given("db_backup_retention_days", 7),
    ),
)
# By type: the dotted path of the caller's key. A reader on Google Cloud uses the key of its writer;
# load balancers do not write to a bucket with a key.
_KEYED: Mapping[str, tuple[str, ...]] = {
    "aws_cloudwatch_log_group": ("kms_key_id",),
    "aws_elasticache_replication_group": ("kms_key_id",),
    "aws_rds_cluster": ("kms_key_id", "master_user_secret_kms_key_id"),
    "aws_rds_cluster_instance": ("performance_insights_kms_key_id",),
    "aws_s3_bucket_server_side_encryption_configuration": (
        "rule.0.apply_server_side_encryption_by_default.0.kms_master_key_id",
    ),
    "aws_secretsmanager_secret": ("kms_key_id",),
    "google_artifact_registry_repository": ("kms_key_name",),
    "google_cloud_run_v2_job": ("template.0.template.0.encryption_key",),
    "google_cloud_run_v2_service": ("template.0.encryption_key",),
    "google_redis_instance": ("customer_managed_key",),
    "google_secret_manager_secret": (
        "replication.0.user_managed.0.replicas.0.customer_managed_encryption.0.kms_key_name",
    ),
    "google_sql_database_instance": ("encryption_key_name",),
    "google_storage_bucket": ("encryption.0.default_kms_key_name",),
}
# By cloud: the settings and values with which the database logs.
_AUDIT = {
    "aws": {"log_connections": "1", "log_disconnections": "1", "log_statement": "ddl"},
    "gcp": {"log_connections": "on", "log_disconnections": "on", "log_statement": "ddl"},
}
_SETTINGS = {
    "aws_rds_cluster_parameter_group": "parameter",
    "google_sql_database_instance": "settings.0.database_flags",
}
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def _wanted(subject: Subject, expected: Wanted) -> Any:
    return expected(subject) if callable(expected) else expected


def check(subject: Subject) -> Iterator[Outcome]:
    """Compare the table, and the place of each resource on Google Cloud."""
    for address, resource in subject.plan.resources.items():
        rows = _SET.get(resource.type, ())
        if resource.type == "google_sql_database_instance":
            rows = _WRITER if resource.name == "writer" else _ENCRYPTED_ONLY
        if resource.type == "aws_lb_listener" and resource.values["protocol"] == "HTTPS":
            rows = (("encrypted", "ssl_policy", _TLS_POLICY),)
        for clause, path, expected in rows:
            value = at(resource.values, path)
            if expected is True and value == "true":
                # The provider stores a switch of ElastiCache as text.
                value = True
            yield equal(clause, f"{address} {path}", value, _wanted(subject, expected))
        yield from _keyed(subject, address, resource)
        yield from _audited(subject, address, resource)
        if (
            subject.stack.name == "gcp"
            and resource.type != "google_secret_manager_secret_iam_member"
        ):
            yield from _placed(subject, address, resource.values)
    yield from _logged(subject)
    for address, gateway in subject.plan.of_type("aws_nat_gateway").items():
        public = {
            subnet.values["id"]
            for subnet in subject.plan.of_type("aws_subnet").values()
            if subnet.name == "public"
        }
        subnet = gateway.values["subnet_id"]
        if not subject.resolved:
            yield Outcome("placed", address, "unknown", "its subnet is known after apply")
            continue
        yield equal("placed", f"{address} in a public subnet", subnet in public, True)


def _keyed(subject: Subject, address: str, resource: Resource) -> Iterator[Outcome]:
    key = subject.value("kms_key_arn", "") or subject.value("kms_key_name", "")
    logs = resource.type.startswith("aws_s3") and resource.index == "logs"
    sse = "rule.0.apply_server_side_encryption_by_default.0.sse_algorithm"
    if resource.type == "aws_s3_bucket_server_side_encryption_configuration":
        expected = "aws:kms" if key and not logs else "AES256"
        yield equal("encrypted", f"{address} {sse}", at(resource.values, sse), expected)
    if not key or logs or (resource.name == "reader" and subject.stack.name == "gcp"):
        return
    for path in _KEYED.get(resource.type, ()):
        yield equal("keyed", f"{address} {path}", at(resource.values, path), key)


def _audited(subject: Subject, address: str, resource: Resource) -> Iterator[Outcome]:
    if resource.type not in _SETTINGS:
        return
    settings = at(resource.values, _SETTINGS[resource.type]) or []
    found = {setting["name"]: setting["value"] for setting in settings}
    if resource.type.startswith("aws_"):
        yield equal("encrypted", f"{address} rds.force_ssl", found.get("rds.force_ssl"), "1")
    on = subject.value("enable_db_audit_logs", True)
    for name, value in _AUDIT[subject.stack.name].items():
        yield equal("logged", f"{address} {name}", found.get(name), value if on else None)
    # Statements contain user data, so their length in the log must be zero.
    if "log_min_duration_statement" in found:
        where = f"{address} log_parameter_max_length"
        yield equal("logged", where, found.get("log_parameter_max_length"), "0")


def _logged(subject: Subject) -> Iterator[Outcome]:
    """Whether exactly the logging resources have a destination."""
    plan = subject.plan
    access = subject.value("enable_access_logs", True)
    flows = subject.value("enable_flow_logs", True)
    for address, balancer in plan.of_type("aws_lb").items():
        seen = [bool(block["enabled"]) for block in balancer.values["access_logs"] or []]
        yield equal("logged", f"{address} access_logs", seen, [True] if access else [])
    if subject.stack.name == "aws":
        buckets = {r.index for r in plan.of_type("aws_s3_bucket").values()} - {"logs"}
        seen_of = {r.index for r in plan.of_type("aws_s3_bucket_logging").values()}
        yield equal("logged", "the buckets", seen_of, buckets if access else set())
        vpcs = len(plan.of_type("aws_vpc")) if flows else 0
        yield equal("logged", "the network", len(plan.of_type("aws_flow_log")), vpcs)
    for address, bucket in plan.of_type("google_storage_bucket").items():
        expected = 1 if access and bucket.name != "logs" else 0
        yield equal("logged", f"{address} logging", len(bucket.values["logging"] or []), expected)
    for address, subnet in plan.of_type("google_compute_subnetwork").items():
        held = len(subnet.values["log_config"] or [])
        yield equal("logged", f"{address} log_config", held, 1 if flows else 0)


def _placed(subject: Subject, address: str, values: Mapping[str, Any]) -> Iterator[Outcome]:
    # A secret of another project may be the caller's; everything else is in the stack's project.
    region = subject.value("region", "us-central1")
    places = {"project": subject.inputs["project"], "region": region, "location": region}
    for name, place in places.items():
        value = values.get(name)
        if value is not None:
            # Cloud Storage writes a location in upper case.
            folded = value.lower() if isinstance(value, str) else value
            yield equal("placed", f"{address} {name}", folded, place)


CONTRACT = Contract(
    name="guards",
    claim="data is encrypted, backed up and not public, in the place of the stack",
    clauses={
        "encrypted": "data is encrypted in transit and at rest",
        "signed-in": "database sign-in uses rotating credentials",
        "kept": "backups, versions and standbys exist",
        "closed": "no bucket and no network is public by default",
        "keyed": "stored data is encrypted with the caller's key, if one is set",
        "logged": "requests, traffic and sign-ins are logged, unless the caller disables it",
        "placed": "every resource is in the region or project of the stack",
    },
    check=check,
)
