"""Interrupted runs on the local AWS, and the janitor after them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.harness.accounts.ledger import DESTROYED
from tests.harness.sdk import aws
from tests.integration.interruptions import *  # noqa: F403 -- they are the tests of this module
from tests.integration.interruptions import swept
from tests.integration.ledgers import *  # noqa: F403
from tests.integration.local_clouds import Local
from tests.integration.zones import *  # noqa: F403

SHORT = {"gateway_desired_count": 1, "gateway_min_capacity": 1}

CLOUD = "aws"


@pytest.mark.interruptions(2)
def test_janitor_of_another_machine_uses_the_remote_state(local: Local, tmp_path: Path) -> None:
    client = aws.client(local.faults.upstream, "s3")
    place = {"LocationConstraint": aws.REGION}
    client.create_bucket(Bucket="states", CreateBucketConfiguration=place)
    log = tmp_path / "log"
    worker = local.start(local.job(state="s3://states/ci", inputs=SHORT), log)
    assert worker.wait(240) == 0, log.read_text()
    (record,) = [item for item in local.ledger.records() if item.phase != DESTROYED]
    assert client.list_objects_v2(Bucket="states", Prefix=f"ci/{record.run}/")["KeyCount"] == 1
    # The folder of the run is on the other machine.
    shutil.rmtree(record.folder)
    (done,) = swept(local)
    assert (done.left, done.problem) == ((), "")
    # By their addresses, so from the state, and not by the API only.
    assert "aws_ecs_cluster.this" in done.deleted
    client.delete_object(Bucket="states", Key=f"ci/{record.run}/terraform.tfstate")
    client.delete_bucket(Bucket="states")
