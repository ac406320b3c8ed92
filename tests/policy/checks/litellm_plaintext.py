"""Port 80 says where port 443 is, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import LATE, Check, answer, at, bodies, body, judge, on


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
        for held in maps:
            yield judge(at(held, "default_url_redirect/https_redirect"), on)
            yield answer(not bodies(held, "host_rule") and not bodies(held, "path_matcher"))


check = Plaintext()
