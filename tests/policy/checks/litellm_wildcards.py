"""No permission covers all actions or all resources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import LATE, Check, answer, bodies, document, judge, many

_ACTION = re.compile(r"\*|[\w-]+:\*")
_BASIC = re.compile(r"roles/(owner|editor|viewer|browser|.*[.]legacy.*|.*[aA]dmin)")


class Wildcards(Check):
    def __init__(self) -> None:
        super().__init__(
            11,
            "Ensure no permission has a wildcard, and no binding a basic or admin role",
            (
                "aws_iam_group_policy",
                "aws_iam_policy",
                "aws_iam_role",
                "aws_iam_role_policy",
                "aws_iam_user_policy",
                "google_*_iam_binding",
                "google_*_iam_member",
            ),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        if self.entity_type.startswith("google_"):
            yield self.holds(conf, "role", lambda role: not _BASIC.fullmatch(str(role)))
        elif self.entity_type == "aws_iam_role":
            self.evaluated_keys = ["inline_policy"]
            for inline in bodies(conf, "inline_policy"):
                yield from self._policy(document(inline, "policy"))
        else:
            self.evaluated_keys = ["policy"]
            yield from self._policy(document(conf, "policy"))

    def _policy(self, documents: Any) -> Iterator[CheckResult]:
        if documents == LATE or documents is None:
            yield CheckResult.UNKNOWN
            return
        for policy in many(documents):
            for statement in many(policy.get("Statement")):
                if statement.get("Effect") != "Allow":
                    continue
                # A statement with exceptions admits everything else.
                yield answer("NotAction" not in statement and "NotResource" not in statement)
                yield judge(
                    many(statement.get("Action")),
                    lambda names: not any(_ACTION.fullmatch(str(name)) for name in names),
                )
                yield answer("*" not in many(statement.get("Resource")))


check = Wildcards()
