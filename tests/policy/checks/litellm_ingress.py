"""The internet reaches only the load balancer, on ports 80 and 443."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, at, judge, late

_INTERNAL = ("INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "INGRESS_TRAFFIC_INTERNAL_ONLY")
_INTERNET = ("0.0.0.0/0", "::/0")
_WEB = (80, 443)


class Ingress(Check):
    def __init__(self) -> None:
        super().__init__(
            1,
            "Ensure the internet reaches only the load balancer, on ports 80 and 443",
            (
                "aws_ecs_service",
                "aws_vpc_security_group_ingress_rule",
                "google_cloud_run_v2_service",
            ),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        if self.entity_type == "google_cloud_run_v2_service":
            yield self.holds(conf, "ingress", _INTERNAL.__contains__)
        elif self.entity_type == "aws_ecs_service":
            path = "network_configuration/assign_public_ip"
            yield self.holds(conf, path, lambda value: value in (None, False))
        else:
            yield from self._rule(conf)

    def _rule(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        self.evaluated_keys = ["cidr_ipv4", "cidr_ipv6", "from_port", "to_port"]
        ranges = [at(conf, "cidr_ipv4"), at(conf, "cidr_ipv6")]
        ports = [at(conf, "from_port"), at(conf, "to_port")]
        if any(cidr in _INTERNET for cidr in ranges):
            yield judge(ports, lambda both: both[0] == both[1] and both[0] in _WEB)
        elif any(map(late, ranges)):
            yield CheckResult.UNKNOWN


check = Ingress()
