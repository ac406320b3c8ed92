"""The database is protected from accidental deletion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, at, late, on


class Deletion(Check):
    def __init__(self) -> None:
        super().__init__(
            17,
            "Ensure the database is protected from deletion",
            ("google_sql_database_instance",),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        primary = at(conf, "master_instance_name")
        if primary or late(primary):
            self.evaluated_keys = ["master_instance_name"]
            return
        # By default, the provider protects the instance.
        yield self.holds(conf, "deletion_protection", lambda value: value is None or on(value))


check = Deletion()
