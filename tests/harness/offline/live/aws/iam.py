"""Attachments of managed policies."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.offline.live.aws.crud import Call, Special
from tests.harness.offline.live.codec import Document, Values


def _attached(call: Call, state: Values) -> Document | None:
    asked = call.client().list_attached_role_policies(RoleName=state["role"])
    held = [one["PolicyArn"] for one in asked["AttachedPolicies"]]
    found = {"RoleName": state["role"], "policy_arn": state["policy_arn"]}
    return found if state["policy_arn"] in held else None


SPECIAL: Mapping[str, Special] = {
    "aws_iam_role_policy_attachment": Special(find=_attached),
}
