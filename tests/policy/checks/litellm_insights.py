"""Query Insights shows which queries slow down the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, at, on


class Insights(Check):
    def __init__(self) -> None:
        super().__init__(
            19,
            "Ensure Query Insights is on for the primary of the database",
            ("google_sql_database_instance",),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        # Only the primary requires Query Insights.
        if at(conf, "master_instance_name"):
            self.evaluated_keys = ["master_instance_name"]
            return
        yield self.holds(conf, "settings/insights_config/query_insights_enabled", on)


check = Insights()
