"""A lifecycle rule of a bucket deletes incomplete uploads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import LATE, Check, answer, at, bodies

# Actions that delete incomplete uploads or all objects.
_ACTIONS = ("AbortIncompleteMultipartUpload", "Delete")


class Uploads(Check):
    def __init__(self) -> None:
        super().__init__(
            18,
            "Ensure a lifecycle rule deletes incomplete uploads from a bucket",
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
