"""Stored data and revisions are encrypted with a customer-managed key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import LATE, Check, answer, at, bodies

_KEYS = {
    "google_cloud_run_v2_job": "template/template/encryption_key",
    "google_cloud_run_v2_service": "template/encryption_key",
    "google_redis_instance": "customer_managed_key",
    "google_sql_database_instance": "encryption_key_name",
    "google_storage_bucket": "encryption/default_kms_key_name",
}
_SECRET = "google_secret_manager_secret"  # noqa: S105  # the name of a type


class CustomerKeys(Check):
    def __init__(self) -> None:
        super().__init__(
            16,
            "Ensure data, secrets and revisions are encrypted with a customer-managed key",
            (*_KEYS, _SECRET),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        if at(conf, "master_instance_name"):
            # A read replica of Cloud SQL in the region of its primary has the key of the primary.
            yield CheckResult.PASSED
            return
        if self.entity_type != _SECRET:
            yield self.is_set(conf, _KEYS[self.entity_type])
            return
        self.evaluated_keys = ["replication"]
        # Every replica of the secret must have a key.
        replicas = [
            *bodies(conf, "replication/auto"),
            *bodies(conf, "replication/user_managed/replicas"),
        ]
        yield answer(bool(replicas))
        for replica in replicas:
            key = at(replica, "customer_managed_encryption/kms_key_name")
            yield CheckResult.UNKNOWN if key == LATE else answer(bool(key))


check = CustomerKeys()
