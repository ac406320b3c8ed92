"""Secrets reach a container by reference, and a plan holds none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_containers import TYPES, containers, paths, referred
from litellm_reading import Check, answer, at, judge

_ARN = re.compile(r"arn:[\w-]+:(secretsmanager:[\w-]*:\d*:\S+|ssm:[\w-]*:\d*:parameter/\S+)")
_SECRET = "google_secret_manager_secret"  # noqa: S105  # the name of a type


class SecretReferences(Check):
    def __init__(self) -> None:
        super().__init__(
            8,
            "Ensure secrets are given by reference, the stack's own by version, and never planned",
            (*TYPES, "aws_secretsmanager_secret_version", "google_secret_manager_secret_version"),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        if self.entity_type.endswith("_secret_version"):
            for key in ("secret_string", "secret_binary", "secret_data"):
                self.evaluated_keys.append(key)
                # Known or not: it would be in the state.
                yield answer(at(conf, key) in (None, ""))
            return
        self.evaluated_keys = paths(self.entity_type)
        found = containers(conf, self.entity_type)
        if found is None:
            yield CheckResult.UNKNOWN
        own = {at(secret, "secret_id") for secret in self.others(conf, [_SECRET])}
        for container in found or []:
            for _, secret, version in referred(container, self.entity_type):
                if self.entity_type == "aws_ecs_task_definition":
                    yield judge(secret, lambda arn: bool(_ARN.fullmatch(str(arn))))
                    continue
                yield judge(secret, bool)
                # A caller's secret is followed to its newest version. Of the stack's own a revision
                # is to keep the one it was made with.
                if secret in own:
                    yield judge(version, lambda number: str(number).isdigit())
                else:
                    yield judge(version, bool)


check = SecretReferences()
