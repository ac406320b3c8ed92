"""Log groups."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.offline.live.aws.crud import Call, Special
from tests.harness.offline.live.codec import Document, Values


def _retain(call: Call, state: Values) -> None:
    days = state.get("retention_in_days")
    if isinstance(days, int) and days > 0:
        call.client().put_retention_policy(logGroupName=state["id"], retentionInDays=days)


def _log_group(call: Call, state: Values) -> Document | None:
    answer = call.client().describe_log_groups(logGroupNamePrefix=state["id"])
    return next(
        (dict(group) for group in answer["logGroups"] if group["logGroupName"] == state["id"]), None
    )


def _read_log_group(_: Call, __: Values, document: Document) -> None:
    document["arn"] = document["arn"].removesuffix(":*")


SPECIAL: Mapping[str, Special] = {
    "aws_cloudwatch_log_group": Special(
        after_create=_retain, find=_log_group, read=_read_log_group
    ),
}
