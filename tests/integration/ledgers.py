"""The ledger in a bucket: conditional writes of S3 and Cloud Storage.

The tests of ``test_janitor_*.py``, on its local cloud.
"""

from __future__ import annotations

import threading

import pytest
import requests

from tests.harness.accounts.buckets import S3, Gcs
from tests.harness.accounts.ledger import Ledger, LedgerError, Record
from tests.harness.accounts.stores import Store
from tests.harness.sdk import aws
from tests.integration.local_clouds import Local

RECORD = Record("20261127000000-0123456", "aws", "123456789012", "eu-west-1", "me", 0, 100, "t-x")


def _s3(local: Local) -> Store:
    client = aws.client(local.faults.upstream, "s3")
    place = {"LocationConstraint": aws.REGION}
    client.create_bucket(Bucket="ledger", CreateBucketConfiguration=place)
    return S3(client, "ledger", "ci/")


def _gcs(local: Local) -> Store:
    session = requests.Session()
    session.trust_env = False
    url = f"{local.url}/storage/v1/b?project={local.place().place}"
    session.post(url, json={"name": "ledger"}, timeout=30).raise_for_status()
    return Gcs(session, "ledger", "ci/", local.url)


STORES = {"aws": _s3, "gcp": _gcs}


def test_bucket_keeps_every_change_of_many(local: Local) -> None:
    store = STORES[local.cloud](local)
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


__all__ = ["test_bucket_keeps_every_change_of_many"]
