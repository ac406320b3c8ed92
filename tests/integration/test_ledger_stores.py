"""The ledger in a bucket: conditional writes of S3 and Cloud Storage."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.harness.accounts import buckets
from tests.harness.accounts.buckets import S3, Gcs
from tests.harness.accounts.ledger import Ledger, LedgerError, Record
from tests.harness.accounts.stores import Store
from tests.harness.emulators import launch
from tests.harness.emulators.aws import cloud
from tests.harness.emulators.launch import GcpOptions
from tests.harness.process.supervisor import supervising
from tests.harness.sdk import aws

RECORD = Record("20261127000000-0123456", "aws", "123456789012", "eu-west-1", "me", 0, 100, "t-x")


@pytest.fixture(scope="module")
def s3() -> Iterator[Store]:
    with supervising() as supervisor:
        client = aws.client(cloud.start(supervisor).url, "s3")
        place = {"LocationConstraint": aws.REGION}
        client.create_bucket(Bucket="ledger", CreateBucketConfiguration=place)
        yield S3(client, "ledger", "ci/")


@pytest.fixture(scope="module")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    log = tmp_path_factory.mktemp("gcs") / "log"
    with launch.serving(GcpOptions(), log) as running, requests.Session() as session:
        session.trust_env = False
        url = f"{running.url}/storage/v1/b?project=acme-prod-1"
        session.post(url, json={"name": "ledger"}, timeout=30).raise_for_status()
        yield Gcs(session, "ledger", "ci/", running.url)


@pytest.mark.parametrize("name", ["s3", "gcs"])
def test_bucket_keeps_every_change_of_many(name: str, request: pytest.FixtureRequest) -> None:
    store: Store = request.getfixturevalue(name)
    ledger = Ledger(store, clock=lambda: 10)
    ledger.open(RECORD)
    with pytest.raises(LedgerError, match="has a record already"):
        ledger.open(RECORD)
    assert ledger.records() == [RECORD]
    taken: list[str] = []

    def claim(holder: str) -> None:
        if ledger.claim(RECORD.run, holder):
            taken.append(holder)

    threads = [threading.Thread(target=claim, args=[str(number)]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1
    assert store.read("missing") is None
    assert not store.remove(f"{RECORD.run}.json", '"1"')
    found = store.read(f"{RECORD.run}.json")
    assert found
    assert store.remove(f"{RECORD.run}.json", found[1])
    assert store.names() == []


def test_folder_without_a_setting_is_that_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    buckets.opened("").write("a", b"b", None)
    assert (tmp_path / "litellm-stacks" / "ledger" / "a").read_bytes() == b"b"
