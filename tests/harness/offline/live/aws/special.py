"""The functions of every type that the table of calls cannot express."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.offline.live.aws import (
    ec2,
    ecs,
    elasticache,
    elbv2,
    iam,
    logs,
    rds,
    s3,
    secretsmanager,
)
from tests.harness.offline.live.aws.crud import Special

SERVICES = (ec2, ecs, elasticache, elbv2, iam, logs, rds, s3, secretsmanager)
SPECIAL: Mapping[str, Special] = {
    type_name: special for service in SERVICES for type_name, special in service.SPECIAL.items()
}
