"""The database refuses unencrypted connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, at, bodies, judge

_MODES = ("ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED")


class DatabaseTls(Check):
    def __init__(self) -> None:
        super().__init__(
            12,
            "Ensure the database accepts encrypted connections only",
            ("aws_rds_cluster_parameter_group", "google_sql_database_instance"),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        if self.entity_type == "google_sql_database_instance":
            yield self.holds(conf, "settings/ip_configuration/ssl_mode", _MODES.__contains__)
            return
        self.evaluated_keys = ["family", "parameter"]
        if "postgres" in str(at(conf, "family")):
            parameters = {at(p, "name"): at(p, "value") for p in bodies(conf, "parameter")}
            yield judge(parameters.get("rds.force_ssl"), lambda value: str(value) == "1")


check = DatabaseTls()
