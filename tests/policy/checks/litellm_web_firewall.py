"""A web application firewall protects the services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check


class WebFirewall(Check):
    def __init__(self) -> None:
        super().__init__(
            15,
            "Ensure a Cloud Armor security policy protects every backend",
            ("google_compute_backend_service", "google_compute_region_backend_service"),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        yield self.is_set(conf, "security_policy")


check = WebFirewall()
