"""Interrupted runs on the local Google Cloud, and the janitor after them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.harness.accounts.ledger import DESTROYED
from tests.integration.google_api import Api
from tests.integration.interruptions import *  # noqa: F403 -- they are the tests of this module
from tests.integration.interruptions import swept
from tests.integration.ledgers import *  # noqa: F403
from tests.integration.local_clouds import Local
from tests.integration.zones import *  # noqa: F403

CLOUD = "gcp"


@pytest.mark.interruptions(2)
def test_janitor_of_another_machine_uses_the_remote_state(local: Local, tmp_path: Path) -> None:
    api = Api(local.url)
    api.done("POST", f"/storage/v1/b?project={local.place().place}", {"name": "states"})
    log = tmp_path / "log"
    worker = local.start(local.job(state="gs://states/ci"), log)
    assert worker.wait(240) == 0, log.read_text()
    (record,) = [item for item in local.ledger.records() if item.phase != DESTROYED]
    objects = "/storage/v1/b/states/o"
    (item,) = api.done("GET", objects)["items"]
    assert item["name"] == f"ci/{record.run}/default.tfstate"
    # The folder of the run is on the other machine.
    shutil.rmtree(record.folder)
    (done,) = swept(local)
    assert (done.left, done.problem) == ((), "")
    # By their addresses, so from the state, and not by the API only.
    assert 'google_storage_bucket.this["data"]' in done.deleted
    api.send("DELETE", f"{objects}/ci%2F{record.run}%2Fdefault.tfstate")
    api.send("DELETE", "/storage/v1/b/states")
