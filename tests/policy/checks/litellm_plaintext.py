"""Port 80 only redirects to port 443."""

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
            # A proxy without a URL map in the plan fails, because its behavior cannot be verified.
            yield CheckResult.UNKNOWN if at(conf, "url_map") == LATE else CheckResult.FAILED
            return
        results = {self._redirects(url_map) for url_map in maps}
        # A proxy has one URL map. A plain plan refers to all maps that a condition can select.
        yield from results if len(results) == 1 else {CheckResult.UNKNOWN}

    def _redirects(self, url_map: dict[str, Any]) -> CheckResult:
        if bodies(url_map, "host_rule") or bodies(url_map, "path_matcher"):
            return CheckResult.FAILED
        return judge(at(url_map, "default_url_redirect/https_redirect"), on)


check = Plaintext()
