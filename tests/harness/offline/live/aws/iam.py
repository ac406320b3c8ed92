"""Attachments of managed policies."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.offline.live.aws.crud import Call, Special
from tests.harness.offline.live.codec import Document, Values


def _attachment(call: Call, state: Values) -> Document | None:
    answer = call.client().list_attached_role_policies(RoleName=state["role"])
    arns = [policy["PolicyArn"] for policy in answer["AttachedPolicies"]]
    document = {"RoleName": state["role"], "policy_arn": state["policy_arn"]}
    return document if state["policy_arn"] in arns else None


SPECIAL: Mapping[str, Special] = {
    "aws_iam_role_policy_attachment": Special(find=_attachment),
}
