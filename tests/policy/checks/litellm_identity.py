"""Every service and job runs as its own identity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import LATE, Check, answer, at

# The argument that names the identity, by type.
_IDENTITIES = {
    "aws_ecs_task_definition": "task_role_arn",
    "google_cloud_run_v2_service": "template/service_account",
    "google_cloud_run_v2_job": "template/template/service_account",
}
_DEFAULT = "-compute@developer.gserviceaccount.com"


class Identity(Check):
    def __init__(self) -> None:
        super().__init__(3, "Ensure every service and job runs as its own identity", _IDENTITIES)

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        path = _IDENTITIES[self.entity_type]
        yield self.is_set(conf, path)
        if self.entity_type == "aws_ecs_task_definition":
            yield self.is_set(conf, "execution_role_arn")
        identity = at(conf, path)
        if identity is None or identity == LATE:
            return
        yield answer(not str(identity).endswith(_DEFAULT))
        clouds = [
            kind for kind in _IDENTITIES if kind.split("_")[0] == self.entity_type.split("_")[0]
        ]
        for kind in clouds:
            others = [at(other, _IDENTITIES[kind]) for other in self.others(conf, [kind])]
            yield answer(identity not in others)
            if LATE in others:
                yield CheckResult.UNKNOWN


check = Identity()
