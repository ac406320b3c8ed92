"""Databases and caches are reachable over the private network only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, at, judge


class PrivateStores(Check):
    def __init__(self) -> None:
        super().__init__(
            6,
            "Ensure databases and caches are reachable over the private network only",
            (
                "aws_elasticache_replication_group",
                "aws_rds_cluster",
                "google_compute_global_address",
                "google_redis_instance",
                "google_service_networking_connection",
                "google_sql_database_instance",
            ),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        match self.entity_type:
            case "aws_elasticache_replication_group":
                yield self.is_set(conf, "subnet_group_name")
                yield self.is_set(conf, "security_group_ids")
            case "aws_rds_cluster":
                yield self.is_set(conf, "db_subnet_group_name")
                yield self.is_set(conf, "vpc_security_group_ids")
            case "google_compute_global_address":
                self.evaluated_keys = ["purpose", "address_type"]
                if at(conf, "purpose") == "VPC_PEERING":
                    yield judge(at(conf, "address_type"), lambda kind: kind == "INTERNAL")
            case "google_redis_instance":
                yield self.holds(conf, "connect_mode", lambda m: m == "PRIVATE_SERVICE_ACCESS")
                yield self.is_set(conf, "authorized_network")
            case "google_service_networking_connection":
                yield self.holds(
                    conf, "service", lambda name: name == "servicenetworking.googleapis.com"
                )
            case _:
                # By default, an instance has a public IP address.
                path = "settings/ip_configuration"
                yield self.holds(conf, f"{path}/ipv4_enabled", lambda value: value is False)
                yield self.is_set(conf, f"{path}/private_network")


check = PrivateStores()
