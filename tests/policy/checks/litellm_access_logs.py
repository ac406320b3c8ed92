"""The load balancer logs requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, on


class AccessLogs(Check):
    def __init__(self) -> None:
        super().__init__(
            14,
            "Ensure the load balancer logs requests",
            ("google_compute_backend_service", "google_compute_region_backend_service"),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        yield self.holds(conf, "log_config/enable", on)


check = AccessLogs()
