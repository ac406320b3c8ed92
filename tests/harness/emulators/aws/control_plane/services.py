"""The services with calls that the server changes, by the name in the signature of a request."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.emulators.aws.control_plane import (
    ec2,
    ecs,
    elasticache,
    elbv2,
    rds,
    secretsmanager,
)
from tests.harness.emulators.aws.control_plane.service import Service

UNCHANGED = Service()
SERVICES: Mapping[str, Service] = {
    "ec2": Service(
        refusals=ec2.REFUSALS, side_effects=ec2.SIDE_EFFECTS, completions=ec2.COMPLETIONS
    ),
    "ecs": Service(refusals=ecs.REFUSALS, side_effects=ecs.SIDE_EFFECTS, overlay=ecs.OVERLAY),
    "elasticache": Service(
        refusals=elasticache.REFUSALS,
        completions=elasticache.COMPLETIONS,
        overlay=elasticache.OVERLAY,
    ),
    "elasticloadbalancing": Service(
        refusals=elbv2.REFUSALS,
        side_effects=elbv2.SIDE_EFFECTS,
        constant=elbv2.CONSTANT,
        overlay=elbv2.OVERLAY,
    ),
    "rds": Service(
        refusals=rds.REFUSALS, side_effects=rds.SIDE_EFFECTS, completions=rds.COMPLETIONS
    ),
    "secretsmanager": Service(refusals=secretsmanager.REFUSALS),
}
