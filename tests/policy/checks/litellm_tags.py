"""The tags of a resource name its stack and what manages it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, answer, at, late

# The attributes with the tags that the provider sends, including its defaults. A plan contains one
# of them for every type that supports tags.
_EFFECTIVE = ("tags_all", "terraform_labels", "effective_labels")
_REQUIRED = {"aws": ("litellm:stack", "managed-by"), "google": ("litellm-stack", "managed-by")}


class Tags(Check):
    def __init__(self) -> None:
        super().__init__(
            10,
            "Ensure the tags of every resource name its stack and what manages it",
            ("aws_*", "google_*"),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        paths = [key for key in _EFFECTIVE if key in conf][:1]
        if self.entity_type == "google_sql_database_instance":
            paths = ["settings/user_labels"]
        self.evaluated_keys = paths
        for path in paths:
            tags = at(conf, path)
            if tags is not None and not isinstance(tags, dict):
                yield CheckResult.UNKNOWN if late(tags) else CheckResult.FAILED
                continue
            for name in _REQUIRED[self.entity_type.split("_")[0]]:
                value = (tags or {}).get(name)
                yield CheckResult.UNKNOWN if late(value) else answer(bool(value))


check = Tags()
