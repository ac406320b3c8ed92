"""The database can be restored: it has backups, and a final snapshot before it is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, at, late, on


def _at_least_one(value: Any) -> bool:
    return value is not None and int(value) >= 1


class Backups(Check):
    def __init__(self) -> None:
        super().__init__(
            13,
            "Ensure the database has point-in-time recovery and a final snapshot",
            ("aws_rds_cluster", "google_sql_database_instance"),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        if self.entity_type == "aws_rds_cluster":
            yield self.holds(conf, "backup_retention_period", _at_least_one)
            yield self.holds(conf, "skip_final_snapshot", lambda value: not on(value))
            return
        primary = at(conf, "master_instance_name")
        # A replica has the backups of its primary. Any name of a primary makes it a replica.
        if primary or late(primary):
            self.evaluated_keys = ["master_instance_name"]
            return
        path = "settings/backup_configuration"
        yield self.holds(conf, f"{path}/enabled", on)
        yield self.holds(conf, f"{path}/point_in_time_recovery_enabled", on)
        path = f"{path}/backup_retention_settings/retained_backups"
        # By default, Cloud SQL keeps seven.
        yield self.holds(conf, path, lambda value: value is None or _at_least_one(value))


check = Backups()
