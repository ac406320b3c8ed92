"""Port 80 says where port 443 is, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import LATE, Check, at, bodies, body, judge, on


class Plaintext(Check):
    def __init__(self) -> None:
        super().__init__(
            5,
            "Ensure plain HTTP is redirected to HTTPS and never forwarded",
            ("google_compute_target_http_proxy", "google_compute_region_target_http_proxy"),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        self.evaluated_keys = ["url_map"]
        maps = [
            body(node)
            for kind in ("google_compute_url_map", "google_compute_region_url_map")
            for node in self.linked(conf, kind)
        ]
        if not maps:
            # Without one in the plan nobody sees what it does.
            yield CheckResult.UNKNOWN if at(conf, "url_map") == LATE else CheckResult.FAILED
            return
        found = {self._redirects(held) for held in maps}
        # A proxy has one map. A plan scanned as it is shows all that a condition could choose.
        yield from found if len(found) == 1 else {CheckResult.UNKNOWN}

    def _redirects(self, held: dict[str, Any]) -> CheckResult:
        if bodies(held, "host_rule") or bodies(held, "path_matcher"):
            return CheckResult.FAILED
        return judge(at(held, "default_url_redirect/https_redirect"), on)


check = Plaintext()
