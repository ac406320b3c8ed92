"""Load balancers accept TLS 1.2 and newer, with modern ciphers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, at, judge

# Source: Elastic Load Balancing, "Security policies for your Application Load Balancer". In these
# families of policies the second number is the oldest protocol that the policy accepts.
_AWS = re.compile(r"ELBSecurityPolicy-(TLS13-1-[23]|TLS-1-2|FS-1-2)(?!\d).*")


class Tls(Check):
    def __init__(self) -> None:
        super().__init__(
            4,
            "Ensure load balancers accept TLS 1.2 and newer only, with modern ciphers",
            (
                "aws_lb_listener",
                "google_compute_ssl_policy",
                "google_compute_target_https_proxy",
                "google_compute_region_target_https_proxy",
            ),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        if self.entity_type == "aws_lb_listener":
            self.evaluated_keys = ["protocol", "ssl_policy"]
            protocol = at(conf, "protocol")
            yield judge(protocol, lambda _: True)
            if protocol in ("HTTPS", "TLS"):
                yield judge(at(conf, "ssl_policy"), lambda p: bool(_AWS.fullmatch(str(p))))
        elif self.entity_type == "google_compute_ssl_policy":
            yield self.holds(conf, "min_tls_version", lambda v: v in ("TLS_1_2", "TLS_1_3"))
            yield self.holds(conf, "profile", lambda p: p in ("MODERN", "RESTRICTED"))
        else:
            yield self.is_set(conf, "ssl_policy")


check = Tls()
