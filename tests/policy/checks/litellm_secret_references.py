"""Containers receive secrets by reference, and no plan contains a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_containers import TYPES, containers, paths, references
from litellm_reading import Check, answer, at, judge

_ARN = re.compile(r"arn:[\w-]+:(secretsmanager:[\w-]*:\d*:\S+|ssm:[\w-]*:\d*:parameter/\S+)")
_SECRET = "google_secret_manager_secret"  # noqa: S105  # the name of a type


class SecretReferences(Check):
    def __init__(self) -> None:
        super().__init__(
            8,
            "Ensure containers refer to secrets, to those of the stack by version",
            (*TYPES, "aws_secretsmanager_secret_version", "google_secret_manager_secret_version"),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        if self.entity_type.endswith("_secret_version"):
            for key in ("secret_string", "secret_binary", "secret_data"):
                self.evaluated_keys.append(key)
                # The state would contain the value, also one unknown at plan.
                yield answer(at(conf, key) in (None, ""))
            return
        self.evaluated_keys = paths(self.entity_type)
        definitions = containers(conf, self.entity_type)
        if definitions is None:
            yield CheckResult.UNKNOWN
        own = {at(secret, "secret_id") for secret in self.others(conf, [_SECRET])}
        for container in definitions or []:
            for _, secret, version in references(container, self.entity_type):
                if self.entity_type == "aws_ecs_task_definition":
                    yield judge(secret, lambda arn: bool(_ARN.fullmatch(str(arn))))
                    continue
                yield judge(secret, bool)
                # A revision uses the newest version of a secret of the caller. Of a secret of the
                # stack, it keeps the version with which it was created.
                if secret in own:
                    yield judge(version, lambda number: str(number).isdigit())
                else:
                    yield judge(version, bool)


check = SecretReferences()
