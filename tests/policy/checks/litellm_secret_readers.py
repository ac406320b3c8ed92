"""Only named identities may read a secret, and they may only read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, at, judge, many

_EVERYONE = {"allUsers", "allAuthenticatedUsers"}


class SecretReaders(Check):
    def __init__(self) -> None:
        super().__init__(
            9,
            "Ensure only named identities may access secrets, and only to read them",
            (
                "google_secret_manager_secret_iam_member",
                "google_secret_manager_secret_iam_binding",
            ),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        yield self.holds(conf, "role", lambda r: r == "roles/secretmanager.secretAccessor")
        self.evaluated_keys += ["member", "members"]
        members = [*many(at(conf, "member")), *many(at(conf, "members"))]
        yield judge(members, lambda names: bool(names) and not _EVERYONE & set(names))


check = SecretReaders()
