"""The AWS module accepts every region of the SDK, and derives its partition."""

from __future__ import annotations

from collections.abc import Iterator

import botocore.session
import pytest

from tests.harness.hcl.expressions import Unreadable, evaluate
from tests.harness.inputs import rules
from tests.harness.stacks import STACKS


def _regions() -> Iterator[tuple[str, str]]:
    """Every region of the SDK with its partition."""
    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        for service in ("ec2", "ecs"):
            for region in session.get_available_regions(service, partition):
                yield partition, region


REGIONS = sorted(set(_regions()))


@pytest.mark.parametrize(("partition", "region"), REGIONS)
def test_region_of_the_sdk_is_valid(partition: str, region: str) -> None:
    module = rules.read(STACKS["aws"].folder)
    zones = [f"{region}a", f"{region}b"]
    values = {**STACKS["aws"].smallest, "region": region, "azs": zones}
    broken = [rule for rule in rules.broken_rules(module, values) if {"region", "azs"} & rule.reads]
    assert [rules.error_message(module, rule, values) for rule in broken] == []
    node = module.locals["partition"]
    assert not isinstance(node, Unreadable)
    assert evaluate(node, module.scope(values)) == partition


def test_sdk_has_regions_of_every_partition() -> None:
    assert {"aws", "aws-cn", "aws-eusc", "aws-us-gov"} <= {partition for partition, _ in REGIONS}
