"""Whose a resource is, and what manages it, is written on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, answer, at, late

# What the provider is going to send, its own defaults included. What has none of these attributes
# cannot be tagged: a plan holds them for every type that can, if only empty.
_EFFECTIVE = ("tags_all", "terraform_labels", "effective_labels")
_REQUIRED = {"aws": ("litellm:stack", "managed-by"), "google": ("litellm-stack", "managed-by")}


class Tags(Check):
    def __init__(self) -> None:
        super().__init__(
            10,
            "Ensure every resource says which stack it is of and what manages it",
            ("aws_*", "google_*"),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        paths = [key for key in _EFFECTIVE if key in conf][:1]
        if self.entity_type == "google_sql_database_instance":
            paths = ["settings/user_labels"]
        self.evaluated_keys = paths
        for path in paths:
            held = at(conf, path)
            if held is not None and not isinstance(held, dict):
                yield CheckResult.UNKNOWN if late(held) else CheckResult.FAILED
                continue
            for name in _REQUIRED[self.entity_type.split("_")[0]]:
                value = (held or {}).get(name)
                yield CheckResult.UNKNOWN if late(value) else answer(bool(value))


check = Tags()
