"""What an upload that was given up leaves in a bucket goes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import LATE, Check, answer, at, bodies

# What ends an upload, or whatever is there.
_ACTIONS = ("AbortIncompleteMultipartUpload", "Delete")


class Uploads(Check):
    def __init__(self) -> None:
        super().__init__(
            18,
            "Ensure uploads that were given up are removed from a bucket",
            ("google_storage_bucket",),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        self.evaluated_keys = ["lifecycle_rule"]
        actions = [at(rule, "action/type") for rule in bodies(conf, "lifecycle_rule")]
        if LATE in actions:
            yield CheckResult.UNKNOWN
        else:
            yield answer(any(action in _ACTIONS for action in actions))


check = Uploads()
