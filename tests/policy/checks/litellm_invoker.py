"""Everyone may invoke a service only if the service has internal ingress."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, at, judge, on


class Invoker(Check):
    def __init__(self) -> None:
        super().__init__(
            2,
            "Ensure a service that everyone may invoke has internal ingress",
            ("google_cloud_run_v2_service",),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        self.evaluated_keys = ["invoker_iam_disabled", "ingress"]
        # A service that does not check the invoker admits everyone.
        if on(at(conf, "invoker_iam_disabled")):
            # By default, a service accepts all traffic.
            yield judge(
                at(conf, "ingress") or "INGRESS_TRAFFIC_ALL",
                lambda ingress: ingress != "INGRESS_TRAFFIC_ALL",
            )


check = Invoker()
